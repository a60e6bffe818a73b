"""What kept content makes known itself: in whose name it is written, and how it is stored."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pymongo.database import Database

from lrs.access.clients import CONTENT
from lrs.access.organizations import VENDOR
from rules.catalogue.relevance import relevance
from statements.ingest import Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.storage.store import StatementStore

Document = dict[str, Any]


def writer_of(org: str, public_url: str) -> Writer:
    """Return who the content of an organization writes as.

    The label, which rules may name as a source, is the vendor's content's alone: a partner could upload what
    says that everybody passed.
    """
    is_vendors = org == VENDOR
    return Writer(
        client=CONTENT,
        label=CONTENT if is_vendors else None,
        controlled_by="vendor" if is_vendors else "partner",
        authority={"objectType": "Agent", "account": {"homePage": public_url, "name": CONTENT}},
        may_void=False,
    )


def tell(db: Database[Document], org: str, body: bytes, writer: Writer, now: dt.datetime) -> None:
    """Store statements; raises StatementError, StoreBusy."""
    store_statements(
        StatementStore(db, org),
        parse_statements(body),
        writer=writer,
        version="1.0.3",
        now=now,
        is_relevant=relevance(db),
    )
