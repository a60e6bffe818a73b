"""Why somebody holds a certification, or why not yet: the tree in words, its evidence, states over time."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any, Final

from flask import Response, g, request

from lrs.analysis.readable_stores import scope_of
from lrs.api.rights import directory
from lrs.console.instants import asked_instant
from lrs.console.models import explained as model
from lrs.console.models.asked_statements import short
from lrs.console.models.rule_words import rule_words
from lrs.console.models.state_line import state_line
from lrs.console.programme.deciding import KIND_WORDS
from lrs.console.shell import Pages, may, show
from lrs.foundation.context import current_services
from lrs.words.engine import titles
from rules import queries
from rules.catalogue.rule_set import Record
from rules.catalogue.store import cache_of
from rules.explaining.explain import Explanation
from rules.stored import VENDOR

Document = dict[str, Any]
CHANGES: Final = 30
CITED: Final = 200  # statements of a sheet

blueprint = Pages("console_explained", __name__)


@blueprint.get("/console/people/<person>/certifications/<certification>", scope=("people", "rules"))
def explained(person: str, certification: str) -> Response:
    """Explain a person's state at an instant, as known at another (cert#6-3)."""
    asked = question(person)
    told = answered(asked, certification)
    states = states_of(asked.person["_id"], certification, asked.left)
    now = current_services().now()
    return show(
        "explained.html",
        person=directory().present(asked.person), certification=certification,
        title=titles().get(certification, certification), told=model.told(told), explanation=told,
        line=state_line(states, asked.at, now), history=history_of(states, now),
        at=asked.at, asks_at=asked.asks_at, known_at=asked.known_at, asks_known=asked.asks_known, now=now,
        left=asked.left, kinds=KIND_WORDS,
    )  # fmt: skip


@blueprint.get("/console/people/<person>/certifications/<certification>/sheet", scope=("people", "rules"))
def sheet(person: str, certification: str) -> Response:
    """Show an explanation whole, to be printed: all branches, ids of statements, the rule and its hash."""
    asked, services = question(person), current_services()
    told = answered(asked, certification)
    shown, record = model.told(told), version_of(certification, told.version)
    states = states_of(asked.person["_id"], certification, asked.left)
    words = rule_words(record.document, titles()) if record is not None else []
    here = request.query_string.decode("ascii", "replace")
    back = f"/console/people/{person}/certifications/{certification}" + (f"?{here}" if here else "")
    return show(
        "explained_sheet.html",
        person=directory().present(asked.person), certification=certification, back=back,
        title=titles().get(certification, certification), told=shown, explanation=told, at=asked.at,
        known_at=asked.known_at, now=services.now(), version=record, rule=words,
        cited=cited(shown), history=history_of(states, min(asked.at, services.now())), short=short,
        address=services.settings.public_url + back,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a page explains, as of when, as known when; `left` is when who is gone went."""

    person: Document
    at: dt.datetime
    known_at: dt.datetime
    asks_at: bool
    asks_known: bool
    left: dt.datetime | None


def question(person: str) -> Asked:
    """Return what the address asks; who left is seen as they were while they belonged (cert#5-5)."""
    found = directory().get(person)
    left = directory().left_at(found["_id"])
    at, asks_at = asked_instant("at")
    known_at, asks_known = asked_instant("known")
    if left is not None:
        at, known_at, asks_known = min(at, left), min(known_at, left), True
    return Asked(found, at, known_at, asks_at, asks_known, left)


def answered(asked: Asked, certification: str) -> Explanation:
    """Return the explanation that is asked for; raises UnknownRule."""
    services = current_services()
    known_at = asked.known_at if asked.asks_known else None
    person = asked.person["_id"]
    return queries.explain(services.db, person, certification, asked.at, services.now(), known_at=known_at)


def version_of(certification: str, version: str) -> Record | None:
    """Return a published version of a certification, if it is one."""
    records = cache_of(current_services().db).get().documents.get(("Certification", certification), ())
    return next((one for one in records if one.version == version), None)


def cited(told: model.Told) -> list[Document]:
    """Return the statements that an explanation names, by time, of the stores that the reader reads."""
    if not may("analytics"):
        return []
    ids = [uuid.UUID(one) for one in sorted(model.statement_ids(told.branches))][:CITED]
    wanted = {**scope_of(current_services().db, g.principal).filter(), "id": {"$in": ids}}
    fields = ["id", "verb", "object.id", "timestamp", "stored"]
    return sorted(current_services().db.statements.find(wanted, fields), key=lambda one: one["timestamp"])


def states_of(person: str, certification: str, left: dt.datetime | None) -> list[Document]:
    """Return the states of a person in a certification, of who left those until then."""
    row = current_services().db.standings.find_one(
        {"org": VENDOR, "person": person, "certification": certification}, {"states": 1}
    )
    states = row["states"] if row else []
    return [one for one in states if left is None or one["at"] < left]


def history_of(states: list[Document], now: dt.datetime) -> list[Document]:
    """Return the last changes of state up to now, the newest first."""
    past = [one for one in states if one["at"] <= now and one["at"].year > 1]
    return list(reversed(past[-CHANGES:]))
