"""Courses and learners of content tests."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import orjson
from pymongo.database import Database

from lrs.content.attempts.outline import Outline, Part
from lrs.content.attempts.store import Learner
from statements.query.parameters import StatementQuery
from statements.storage.store import StatementStore

NOW = dt.datetime(2026, 11, 29, 10, tzinfo=dt.UTC)
COURSE = "https://lrs.example/content/quiz"
ANA = {"objectType": "Agent", "account": {"homePage": "https://lrs.example", "name": "ana"}}
REGISTRATION = uuid.UUID("1b0d4f0e-8d0b-4c39-9f0e-6f6f2a1f7c11")


def outline(*parts: str, edition: Any = "1.2", **members: Any) -> Outline:
    """A course of SCOs with these ids."""
    made = tuple(Part(part, f"{COURSE}/{part}", {"en": part.title()}) for part in parts or ("s1",))
    return Outline(edition, COURSE, {"en": "Quiz"}, "1", made, **members)


def learner(**members: Any) -> Learner:
    """Ana in the vendor's organization."""
    return Learner(
        **{
            "org": "vendor",
            "person": None,
            "actor": ANA,
            "registration": REGISTRATION,
            "item": "quiz",
            **members,
        }
    )


def told(db: Database[dict[str, Any]], org: str = "vendor") -> list[dict[str, Any]]:
    """Return the stored statements of Ana's registration, in stored order."""
    given = {"registration": [str(REGISTRATION)], "ascending": ["true"], "limit": ["1000"]}
    store, query = StatementStore(db, org), StatementQuery.parse(given, "1.0.3")
    rows: list[bytes] = []
    while True:
        page = store.find(query)
        rows += page.statements
        if page.next is None:
            return [orjson.loads(row) for row in rows]
        query = StatementQuery.resume(query.cursor(page.next))


def verbs(statements: list[dict[str, Any]]) -> list[str]:
    """Return the last words of the verbs."""
    return [statement["verb"]["id"].rsplit("/", 1)[1] for statement in statements]
