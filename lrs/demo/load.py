"""Load the living example through the real ingest path, with a clock that is set back to each event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import orjson
from pymongo.database import Database

from lrs.access import clients, organizations
from lrs.analysis import deals
from lrs.demo import accounts, asked
from lrs.demo.accounts import make_accounts
from lrs.demo.cast import ASSESSORS, CAST, PARTNERS, Learner
from lrs.demo.courses import load_courses, named_in
from lrs.demo.shown import dress_partners, show_people
from lrs.demo.story import START, Session, decisions, sessions
from lrs.demo.trade import deals_csv
from lrs.foundation.audit import Editor
from lrs.foundation.settings import Settings
from lrs.people import affiliations, groups, records
from rules.catalogue.relevance import relevance
from rules.catalogue.store import RuleStore
from rules.engine import manual_decisions
from rules.engine.identity import person_id
from rules.evidence.history import Fact
from rules.publication import plans, publishing
from statements.ingest import Writer, store_statements
from statements.intake.prepare import OrderClock
from statements.parsing.parse import parse_statements
from statements.storage.store import StatementStore

Document = dict[str, Any]
Say = Callable[[str], None]
WHO = {"kind": "user", "id": "demo", "name": "Demo loader"}
LMS = "academy"


def load(db: Database[Document], settings: Settings, now: dt.datetime, say: Say) -> int:
    """Load everything into a database that has no partners yet; returns the number of statements stored."""
    if db.orgs.find_one({"kind": "partner"}) is not None:
        say("demo: there are partners already, nothing is loaded")
        tell_accounts(db, settings, None, say)
        return 0
    now = now.replace(microsecond=0)
    start = now - START
    writers = make_organizations(db, settings, start)
    make_people(db, start)
    show_people(db, CAST, start)
    dress_partners(db, start)
    publish_rules(db, start, load_courses(db, settings, Editor(db, WHO, now), now))
    count = tell(db, writers, sessions(now), say)
    rules = RuleStore(db).rule_set()
    for learner, kind, at in decisions(now):
        reason = None if kind == "withdrawal" else "agreement_lapsed"
        fact = Fact(kind=kind, at=at, decided_at=at, certification="sales-pro", reason=reason, by="demo")  # type: ignore[arg-type]  # the kinds of `decisions` are fact kinds
        manual_decisions.decide_manually(db, rules, person_id(learner.ifi), fact, at, recorded_by="demo")
    deals.import_csv(db, deals_csv(now), now)
    password = make_accounts(Editor(db, WHO, now))
    asked.ask(db, now)
    say(f"demo: {count} statements of {len(CAST)} people at {len(PARTNERS)} partners; the worker now decides")
    tell_accounts(db, settings, password, say)
    return count


def tell_accounts(db: Database[Document], settings: Settings, password: str | None, say: Say) -> None:
    """Say who can sign in."""
    for line in accounts.lines(db, settings.public_url, password):
        say(line)


def make_organizations(db: Database[Document], settings: Settings, start: dt.datetime) -> dict[str, Writer]:
    """Make the partners, each with the academy's client; return how it writes."""
    editor = Editor(db, WHO, start)
    writers = {}
    for org, (name, region) in PARTNERS.items():
        organizations.add_org(editor, org, {"name": name, "region": region, "parent": organizations.VENDOR})
        client, _ = clients.create_client(
            db, org, now=start, scopes=("statements/write", "statements/read", "state", "profile"),
            controlled_by="vendor", label=LMS,
        )  # fmt: skip
        account = {"homePage": settings.public_url, "name": client["_id"]}
        writers[org] = Writer(client["_id"], LMS, "vendor", {"objectType": "Agent", "account": account})
    return writers


def make_people(db: Database[Document], start: dt.datetime) -> None:
    """Put everybody on the roster and the assessors into their group."""
    editor = Editor(db, WHO, start)
    for one in (*ASSESSORS, *CAST):
        add_learner(editor, one)
    members = [{"person": person_id(one.ifi), "from": None, "until": None} for one in ASSESSORS]
    groups.put_group(editor, "certified-assessors", members)


def add_learner(editor: Editor, learner: Learner) -> None:
    """Add one person with the affiliation and the role in it."""
    person = records.add_person(editor, [learner.ifi], name=learner.name, email=learner.mailbox)
    if learner.org != organizations.VENDOR:
        affiliations.affiliate(
            editor, person["_id"], learner.org, start=editor.now, role=learner.role, known_as=learner.ifi
        )


def publish_rules(db: Database[Document], start: dt.datetime, items: Mapping[str, str]) -> None:
    """Check, test and publish the rule files as of the beginning of the story; `items` are the courses."""
    folder = files("lrs.demo") / "rules"
    found = sorted(folder.iterdir(), key=lambda one: one.name)
    texts = [(one.name, named_in(one.read_bytes(), db, items)) for one in found]
    names = publishing.published_names(db, RuleStore(db).rule_set(), start)
    documents = plans.read_files(texts, names, ())
    with db.client.start_session() as session:
        session.with_transaction(
            lambda inner: publishing.publish(db, documents, start, "demo", inner, planned_by="demo")
        )


def tell(db: Database[Document], writers: dict[str, Writer], told: list[Session], say: Say) -> int:
    """Store the sessions, each at its own instant: the engine asks when a statement became known."""
    stores = {org: StatementStore(db, org) for org in writers}
    is_relevant = relevance(db)
    clock = OrderClock()  # that of the process may stand behind what is told: all would be stored late
    count = 0
    for i, session in enumerate(told):
        org = session.learner.org
        store_statements(
            stores[org], parse_statements(orjson.dumps(session.statements)), writer=writers[org],
            version="1.0.3", now=session.stored, is_relevant=is_relevant, clock=clock,
        )  # fmt: skip
        count += len(session.statements)
        if (i + 1) * 5 // len(told) > i * 5 // len(told):
            say(f"demo: {100 * (i + 1) // len(told)} % of the statements")
    return count
