"""Statements, writers and stores for tests."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from pymongo.database import Database

from statements.ingest import Writer, store_statements
from statements.intake.attachments import Part
from statements.parsing.parse import parse_statements
from statements.query.parameters import StatementQuery
from statements.storage.store import Page, StatementStore

VERSION = "2.0.0"
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
AUTHORITY = {"objectType": "Agent", "account": {"homePage": "http://lrs.example.com", "name": "client-1"}}
WRITER = Writer("client-1", "content", "vendor", AUTHORITY)


def new_id() -> str:
    """Return a fresh statement id."""
    return str(uuid4())


def agent(name: str = "learner") -> dict[str, Any]:
    """Return an agent known by its mailbox."""
    return {"objectType": "Agent", "mbox": f"mailto:{name}@example.com"}


def make_statement(**overrides: Any) -> dict[str, Any]:
    """Return a valid statement; overrides replace members, a value of None removes one."""
    statement: dict[str, Any] = {
        "id": new_id(),
        "actor": agent(),
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en-US": "completed"}},
        "object": {
            "objectType": "Activity",
            "id": "http://example.com/courses/1",
            "definition": {
                "name": {"en-US": "Course 1"},
                "type": "http://adlnet.gov/expapi/activities/course",
            },
        },
    }
    statement.update(overrides)
    return {name: value for name, value in statement.items() if value is not None}


def reference(statement_id: str) -> dict[str, Any]:
    """Return a StatementRef."""
    return {"objectType": "StatementRef", "id": statement_id}


def voider(statement_id: str, **overrides: Any) -> dict[str, Any]:
    """Return a statement that voids another."""
    return make_statement(verb={"id": VOIDED}, object=reference(statement_id), **overrides)


def send(
    store: StatementStore,
    *statements: Mapping[str, Any],
    version: Any = VERSION,
    writer: Writer = WRITER,
    parts: Sequence[Part] = (),
    now: dt.datetime | None = None,
    **options: Any,
) -> list[str]:
    """Store statements in one request, a single one as an object."""
    body = statements[0] if len(statements) == 1 else list(statements)
    return store_statements(
        store,
        parse_statements(json.dumps(body).encode()),
        writer=writer,
        version=version,
        now=now or dt.datetime.now(dt.UTC),
        attachments={part.sha2.lower(): part for part in parts} or None,
        **options,
    )


def query(store: StatementStore, **params: Any) -> Page:
    """Run a list query; values that are no strings are sent as JSON."""
    texts = {name: [value if isinstance(value, str) else json.dumps(value)] for name, value in params.items()}
    return store.find(StatementQuery.parse(texts, VERSION))


def found_ids(store: StatementStore, **params: Any) -> list[str]:
    """Return the ids that a list query answers, in its order."""
    return [json.loads(raw)["id"] for raw in query(store, **params).statements]


def make_store(db: Database[dict[str, Any]], org: str = "acme") -> StatementStore:
    """Return a store in a test database."""
    return StatementStore(db, org)
