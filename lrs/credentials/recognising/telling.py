"""Statements in the vendor's store that a credential of another issuer was imported, or taken back.

Laurel writes them under its own label, which no client can have; a `recognises` selector believes no others.
Their ids follow from the import, so telling one twice stores nothing.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
from pymongo.database import Database

from lrs.access.clients import OWN_CLIENT
from lrs.access.organizations import VENDOR
from rules.catalogue.relevance import relevance
from rules.evidence.selectors import ISSUER, VOIDED
from rules.language.build import RECOGNISED
from statements.ingest import Writer, store_statements
from statements.intake.validate import check_statement
from statements.parsing.actor import agent_of
from statements.parsing.parse import parse_statements
from statements.storage.store import StatementStore

Document = dict[str, Any]
NAMESPACE: Final = UUID("5d1d8a2c-55b1-5c39-8a3c-0f6a2d0f9b62")
CREDENTIAL: Final = "https://laurel.example/extensions/credential"


def statement_id(name: str) -> str:
    """Return the id of the statement of an import."""
    return str(uuid5(NAMESPACE, name))


def tell(db: Database[Document], public_url: str, row: Document, actor: str, now: dt.datetime) -> None:
    """Store the statement that an import is: whose it is, what was earned, when, and who says so."""
    _store(db, public_url, statement_of(row, actor), now)


def check(row: Document, actor: str) -> None:
    """Raise InvalidStatement where an import cannot be told."""
    check_statement(statement_of(row, actor), "1.0.3", "$")


def statement_of(row: Document, actor: str) -> Document:
    """Return the statement that an import is; `actor` is an identifier that the person owned at the award."""
    return {
        "id": row["statement"],
        "actor": agent_of(actor),
        "verb": {"id": RECOGNISED, "display": {"en": "recognised"}},
        "object": {
            "objectType": "Activity",
            "id": row["achievement"],
            "definition": {"name": {"und": row["name"]}},
        },
        "context": {"extensions": {ISSUER: row["issuer"], CREDENTIAL: row["credential"]}},
        "timestamp": row["awarded_at"].isoformat(),
    }


def tell_taken_back(db: Database[Document], public_url: str, row: Document, now: dt.datetime) -> None:
    """Void the statement of an import."""
    statement = {
        "id": statement_id(f"{row['_id']} taken back"),
        "actor": laurel(public_url),
        "verb": {"id": VOIDED, "display": {"en": "voided"}},
        "object": {"objectType": "StatementRef", "id": row["statement"]},
    }
    _store(db, public_url, statement, now)


def laurel(public_url: str) -> Document:
    """Return Laurel itself as an Agent."""
    return {"objectType": "Agent", "account": {"homePage": public_url, "name": "laurel"}}


def _store(db: Database[Document], public_url: str, statement: Document, now: dt.datetime) -> None:
    writer = Writer(OWN_CLIENT, OWN_CLIENT, "vendor", laurel(public_url), may_define=False)
    store_statements(
        StatementStore(db, VENDOR),
        parse_statements(orjson.dumps(statement)),
        writer=writer,
        version="1.0.3",
        now=now,
        is_relevant=relevance(db),
    )
