"""Load the living example through the real ingest path, with a clock that is set back to each event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import orjson
from pymongo.database import Database

from lrs import groups, orgs, people, tenancy
from lrs.audit import Editor
from lrs.demo.cast import ASSESSORS, CAST, PARTNERS, Learner
from lrs.demo.shown import dress_partners, show_people
from lrs.demo.story import START, Session, decisions, sessions
from lrs.settings import Settings
from rules import plans, publishing, rulings
from rules.history import Fact
from rules.people import person_id
from rules.relevance import relevance
from rules.store import RuleStore
from statements.ingest import Writer, store_statements
from statements.parse import parse_statements
from statements.store import StatementStore

Document = dict[str, Any]
Say = Callable[[str], None]
WHO = {"kind": "user", "id": "demo", "name": "Demo loader"}
LMS = "academy"


def load(db: Database[Document], settings: Settings, now: dt.datetime, say: Say) -> int:
    """Load everything into a database that has no partners yet; returns the number of statements stored."""
    if db.orgs.find_one({"kind": "partner"}) is not None:
        say("demo: there are partners already, nothing is loaded")
        return 0
    now = now.replace(microsecond=0)
    start = now - START
    writers = make_organizations(db, settings, start)
    make_people(db, start)
    show_people(db, CAST, start)
    dress_partners(db, start)
    publish_rules(db, start)
    count = tell(db, writers, sessions(now), say)
    rules = RuleStore(db).rule_set()
    for learner, kind, at in decisions(now):
        reason = None if kind == "withdrawal" else "agreement_lapsed"
        fact = Fact(kind=kind, at=at, decided_at=at, certification="sales-pro", reason=reason, by="demo")  # type: ignore[arg-type]  # the kinds of `decisions` are fact kinds
        rulings.rule(db, rules, person_id(learner.ifi), fact, at, recorded_by="demo")
    say(f"demo: {count} statements of {len(CAST)} people at {len(PARTNERS)} partners; the worker now decides")
    return count


def make_organizations(db: Database[Document], settings: Settings, start: dt.datetime) -> dict[str, Writer]:
    """Make the partners, each with the academy's client; return how it writes."""
    editor = Editor(db, WHO, start)
    writers = {}
    for org, (name, region) in PARTNERS.items():
        orgs.add_org(editor, org, {"name": name, "region": region, "parent": tenancy.VENDOR})
        client, _ = tenancy.create_client(
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
    person = people.add_person(editor, [learner.ifi], name=learner.name, email=learner.mailbox)
    if learner.org != tenancy.VENDOR:
        people.affiliate(editor, person["_id"], learner.org, start=editor.now, role=learner.role)


def publish_rules(db: Database[Document], start: dt.datetime) -> None:
    """Check, test and publish the rule files as of the beginning of the story."""
    folder = files("lrs.demo") / "rules"
    texts = [(one.name, one.read_bytes()) for one in sorted(folder.iterdir(), key=lambda one: one.name)]
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
    count = 0
    for i, session in enumerate(told):
        org = session.learner.org
        store_statements(
            stores[org], parse_statements(orjson.dumps(session.statements)), writer=writers[org],
            version="1.0.3", now=session.stored, is_relevant=is_relevant,
        )  # fmt: skip
        count += len(session.statements)
        if (i + 1) * 5 // len(told) > i * 5 // len(told):
            say(f"demo: {100 * (i + 1) // len(told)} % of the statements")
    return count
