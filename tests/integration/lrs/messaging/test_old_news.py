"""Old news is not told: history that is imported or found late, by age, by rule, and by a quiet import."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from factories import make_statement
from flask import Flask
from pymongo.database import Database

from lrs.cli import cli
from lrs.foundation.settings import Settings
from lrs.messaging import notices
from lrs.messaging.old_news import silence
from rules.catalogue.store import RuleStore, cache_of
from rules.checking.load import load
from rules.engine.identity import digest_of
from rules.engine.queues import outbox
from rules.engine.queues.outbox import Event

Db = Database[dict[str, Any]]
NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
MBOX = "mbox::mailto:ana@x.example"
EVENTS = ("award.issued", "award.renewal_open", "award.grace", "award.expired", "credential.issued")
RULE = """\
kind: Certification
id: sales
version: "1"
title: Sales Pro
evidence:
  exam: {verb: passed, activity: "https://x.example/exam"}
award: {when: {done: exam}}
validity: {lasts: 12 months, timezone: UTC}
notices:
  - {events: [award.issued, award.renewal_open, award.grace, award.expired, credential.issued], to: [holder]MORE}
  - {before_expiry: [30 days], to: [holder]MORE}
"""


def publish(db: Db, more: str = "") -> None:
    source = RULE.replace("MORE", more)
    loaded = load(source.encode(), "sales.yaml")
    assert loaded.document is not None, loaded.problems
    RuleStore(db).publish(loaded.document, source=source, by="test", now=NOW - 3000 * DAY)
    cache_of(db).get(fresh=True)
    ifis = [{"ifi": MBOX, "from": None, "until": None}]
    db.people.insert_one(
        {"_id": "p_ana", "org": "vendor", "name": "Ana", "email": "ana@x.example", "ifis": ifis}
    )


def happen(db: Db, kind: str, at: dt.datetime, **data: Any) -> None:
    body = {"person": "p_ana", "certification": "sales", **data}
    outbox.append(db, [Event(kind, ("AW1", kind, str(at)), at, body)], NOW, None)
    outbox.number(db)


def told(db: Db, now: dt.datetime = NOW) -> list[str]:
    notices.plan(db, now)
    notices.tell_due(db, now, None)
    return sorted(mail["template"] for mail in db.mails.find())


@pytest.mark.parametrize("years", [1, 5])
def test_years_of_history_send_nobody_anything(db: Db, years: int) -> None:
    publish(db)
    at = NOW - years * 365 * DAY
    db.awards.insert_one(
        {"_id": "AW1", "person": "p_ana", "periods": [], "states": [{"at": at, "state": "active"}]}
    )
    for kind in EVENTS:
        happen(db, kind, NOW if kind == "credential.issued" else at, award="AW1")
    assert told(db) == []
    rows = list(db.notices.find())
    assert {(row["state"], row["skipped_because"]) for row in rows} == {("skipped", "older than 31 days")}
    assert len(rows) == len(EVENTS)


def test_what_is_recent_is_told(db: Db) -> None:
    publish(db)
    for kind in EVENTS:
        happen(db, kind, NOW - 30 * DAY)
    assert told(db) == sorted(EVENTS)


def test_a_rule_says_how_old_is_too_old(db: Db) -> None:
    publish(db, ", max_age: 2 years")
    happen(db, "award.issued", NOW - 600 * DAY)
    happen(db, "award.expired", NOW - 800 * DAY)
    assert told(db) == ["award.issued"]


def test_a_rule_may_be_stricter_than_the_default(db: Db) -> None:
    publish(db, ", max_age: 2 days")
    happen(db, "award.issued", NOW - 3 * DAY)
    assert told(db) == []


def test_what_people_decided_today_is_news_however_old_it_is(db: Db) -> None:
    publish(db)
    db.facts.insert_one(
        {"_id": "f1", "org": "vendor", "person": "p_ana", "by_people": True, "kind": "revocation",
         "certification": "sales", "decided_at": NOW}
    )  # fmt: skip
    happen(db, "award.expired", NOW - 100 * DAY)
    assert told(db) == ["award.expired"]


def test_a_reminder_that_was_due_long_ago_is_not_told(db: Db) -> None:
    publish(db, ", max_age: 3 days")
    until = "2026-12-20"
    states = [{"at": NOW - 300 * DAY, "state": "active", "award": "AW1", "expires": until}]
    shared = {"org": "vendor", "person": "p_ana", "certification": "sales", "states": states}
    db.awards.insert_one({"_id": "AW1", **shared, "periods": [{"valid_until": until}]})
    db.standings.insert_one({"_id": "p_ana/sales", **shared})
    outbox.append(
        db, [Event("award.extended", ("AW1", "x"), NOW - 20 * DAY, {**shared, "award": "AW1", "states": None})],
        NOW - 20 * DAY, None,
    )  # fmt: skip
    outbox.number(db)
    notices.plan(db, NOW - 20 * DAY)
    assert db.notices.find_one({"kind": "before_expiry"})["due_at"] < NOW - 3 * DAY
    assert told(db) == []


def test_a_quiet_import_silences_what_happened_before_it_and_nothing_after(db: Db) -> None:
    publish(db)
    silence(db, [MBOX], NOW - 2 * DAY)
    happen(db, "award.issued", NOW - 3 * DAY)
    happen(db, "award.grace", NOW - DAY)
    assert told(db) == ["award.grace"]
    assert db.notices.find_one({"kind": "award.issued"})["skipped_because"] == "imported quietly"


def test_the_command_imports_quietly(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch, db: Db, tmp_path: Path
) -> None:
    for name in ("LRS_MONGODB_URI", "LRS_DATABASE", "LRS_DATA_FOLDER", "LRS_PUBLIC_URL"):
        monkeypatch.setenv(name, str(getattr(settings, name[4:].lower())))
    file = tmp_path / "history.ndjson"
    lines = [json.dumps(make_statement(actor={"mbox": "mailto:ana@x.example"})), "[]", '{"actor": 7}']
    file.write_text("\n".join(lines))
    begun = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    done = CliRunner().invoke(cli, ["statements", "import", str(file), "--org", "vendor", "--quiet"])
    assert "1 stored or known already, 2 refused" in done.output, done.output
    silent = {row["_id"]: row["before"] for row in db.quiet_imports.find()}
    assert silent.keys() == {MBOX, digest_of(MBOX)}
    assert min(silent.values()) >= begun
