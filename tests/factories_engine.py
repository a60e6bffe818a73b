"""What tests of the engine need: published rules, statements on their way in, a worker that a test drives."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from worker_rounds import until_quiet

from lrs.access import organizations
from lrs.foundation.settings import Settings
from lrs.running.worker import WorkerServices, worker_services
from rules.catalogue.relevance import relevance
from rules.catalogue.store import cache_of
from rules.publication import plans
from statements.ingest import Writer, store_statements
from statements.intake import prepare
from statements.parsing.parse import parse_statements
from statements.storage.store import StatementStore

ADL = "http://adlnet.gov/expapi/verbs/"
START = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)

SIMPLE = """
kind: Certification
id: {id}
version: "{version}"
title: {title}
role: sales
product: acme-platform
evidence:
  exam: {{verb: [passed, failed], activity: "https://acme.example/{id}/exam"}}
award:
  when: {{score: exam, at_least: {pass_mark}}}
validity: {{lasts: 12 months}}
renewal: {{opens: 90 days, grace: 30 days}}
tests:
  - name: a pass is an award
    given: [{{who: ana, verb: passed, activity: "https://acme.example/{id}/exam", score: 0.99, at: 2026-01-10}}]
    expect: [{{who: ana, at: 2026-01-11, status: active}}]
{more}
"""


TIERS = """
kind: PartnerTiers
id: partners
version: "1"
order: [registered, silver]
tiers:
  silver: {people_holding: {role: sales}, at_least: 1}
changes: {promote: at_once, demote_after: 60 days}
tests:
  - name: one person makes silver
    roster: {north: [{who: a, holds: [{role: sales}]}]}
    expect: {north: silver}
"""

GATE = """
kind: Gate
id: deal
version: "1"
subject: deal
allow_when:
  all:
    - tier_at_least: silver
    - submitter_holds: {role: sales, product: "{deal.product}"}
refusal: "Silver and a sales certification for {deal.product} are needed."
tests:
  - name: silver and certified
    tiers: {north: silver}
    roster: {north: [{who: ana, holds: [{role: sales, product: x}]}]}
    expect: [{organization: north, submitter: ana, deal: {product: x}, answer: allow}]
"""


def simple(
    name: str = "sales", version: str = "1", pass_mark: str = "0.8", more: str = "", title: str = "Sales"
) -> str:
    """Return a certification that one passed exam earns."""
    return SIMPLE.format(id=name, version=version, pass_mark=pass_mark, more=more, title=title)


@dataclass
class Clock:
    """A clock that a test moves."""

    at: dt.datetime = START

    def __call__(self) -> dt.datetime:
        return self.at

    def forward(self, **kwargs: float) -> dt.datetime:
        self.at += dt.timedelta(**kwargs)
        return self.at


@dataclass
class World:
    """A database with a vendor, partners, a clock and one worker."""

    db: Any
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        cache_of(self.db).max_age = 0.0
        prepare.CLOCK._last = 0  # `stored` rises within a process; each world has its own time
        organizations.create_org(
            self.db, "vendor", name="Vendor", kind="vendor", parent=None, now=self.clock()
        )
        settings = Settings(key_passphrase="of the tests", signing_algorithm="ES256")  # quick, and no file
        self.services: WorkerServices = worker_services(settings, self.db, self.clock)

    def partner(self, org: str, policy: str = "open") -> str:
        organizations.create_org(self.db, org, name=org, now=self.clock(), policy=policy)
        return org

    def publish(self, *texts: str) -> dict[str, Any]:
        """Plan and apply; returns the plan."""
        files = [(f"file{i}.yaml", text) for i, text in enumerate(texts)]
        plan = plans.make_plan(self.db, files, self.clock(), "test")
        plans.apply_plan(self.db, plan["_id"], self.clock(), "test")
        return plan

    def send(self, statements: Sequence[Mapping[str, Any]], org: str = "vendor", **writer: Any) -> list[str]:
        """Store statements as a content client of the vendor writes them."""
        store = StatementStore(self.db, org)
        is_relevant = writer.pop("relevant", None) or relevance(self.db)
        who = Writer(
            **{"client": "content", "label": "content", "controlled_by": "vendor", **writer},
            authority={
                "objectType": "Agent",
                "account": {"homePage": "http://lrs.example", "name": "content"},
            },
        )
        return store_statements(
            store,
            parse_statements(json.dumps(list(statements)).encode()),
            writer=who,
            version="1.0.3",
            now=self.clock(),
            is_relevant=is_relevant,
        )

    def settle(self) -> None:
        """Let the worker work until nothing is left."""
        until_quiet(self.services)

    def standing(self, who: str, certification: str = "sales") -> Any:
        """Return the state of a person named by address local part, now."""
        from rules.engine.identity import person_id
        from rules.engine.standings import state_at

        found = self.db.standings.find_one({"_id": f"{person_id(mbox(who))}/{certification}"})
        return None if found is None else state_at(found, self.clock())

    def person(self, who: str) -> str:
        """Return the id of a person named by address local part."""
        from rules.engine.identity import person_id

        return person_id(mbox(who))

    def events(self) -> list[dict[str, Any]]:
        return list(self.db.outbox.find({}).sort("seq"))

    def states(self) -> dict[str, Any]:
        """Return all standings without what tells when they were decided."""
        return {row["_id"]: row["states"] for row in self.db.standings.find({})}


def mbox(who: str) -> str:
    return f"mbox::mailto:{who}@example.com"


def done(
    who: str,
    activity: str,
    at: dt.datetime | str,
    verb: str = "passed",
    scaled: float | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return a statement as content sends it."""
    statement: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "actor": {"mbox": f"mailto:{who}@example.com"},
        "verb": {"id": ADL + verb},
        "object": {"id": activity},
        "timestamp": at if isinstance(at, str) else at.isoformat(),
        **more,
    }
    if scaled is not None:
        statement["result"] = {**more.get("result", {}), "score": {"scaled": scaled}}
    return statement


def exam(who: str, at: dt.datetime, scaled: float = 0.9, of: str = "sales", **more: Any) -> dict[str, Any]:
    verb = "passed" if scaled >= 0.5 else "failed"
    return done(who, f"https://acme.example/{of}/exam", at, verb, scaled, **more)


def voiding(statement_id: str) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "actor": {"mbox": "mailto:admin@example.com"},
        "verb": {"id": ADL + "voided"},
        "object": {"objectType": "StatementRef", "id": statement_id},
    }


def batches(items: Iterable[Any], size: int) -> list[list[Any]]:
    whole = list(items)
    return [whole[i : i + size] for i in range(0, len(whole), size)]
