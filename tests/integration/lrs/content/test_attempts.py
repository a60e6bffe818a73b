"""Attempts in the database: what a commit changes, what it tells, and what no commit can do."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from factories_content import COURSE, NOW, REGISTRATION, learner, outline, told, verbs
from pymongo.database import Database

from lrs.content.attempts.changing import Changes
from lrs.content.attempts.deciding import AttemptOver
from lrs.content.attempts.policy import Policy
from lrs.content.attempts.receiving import Commit, UnknownRun
from lrs.content.attempts.results.rollup import Claim
from lrs.content.attempts.sending import send
from lrs.content.attempts.store import SILENCE, begin, get_attempt, latest, quiet, record_of
from lrs.foundation.errors import UnknownThing
from lrs.foundation.settings import Settings

DB = Database[dict[str, Any]]
URL = "http://lrs.example"


def at(minutes: float) -> dt.datetime:
    return NOW + dt.timedelta(minutes=minutes)


def attempt(db: DB, **members: Any) -> str:
    return str(begin(db, learner(**members), "1", Policy(), NOW)["_id"])


def passed(word: str = "passed") -> dict[str, Any]:
    return {"core": {"lesson_status": word, "score": {"raw": "90"}}, "suspend_data": "page=9"}


def test_a_commit_is_kept_and_told_by_the_sco_and_by_the_course(db: DB) -> None:
    here, name = Changes(db, outline()), attempt(db)
    run = here.open(name, "s1", NOW).number
    receipt = here.commit(name, "s1", Commit(run, 1, passed(), "terminate"), at(1))
    assert receipt.course.success == "passed"
    assert record_of(db, name, "s1").cmi["suspend_data"] == "page=9"
    assert send(db, URL, lambda: at(2)) == 8
    statements = told(db)
    assert verbs(statements) == [
        "initialized", "scored", "completed", "passed", "terminated", "scored", "completed", "passed",
    ]  # fmt: skip
    assert [one["object"]["id"] for one in statements[-3:]] == [COURSE] * 3
    moments = [one["timestamp"] for one in statements]
    assert moments == sorted(set(moments))
    assert get_attempt(db, name)["over_at"] == at(1)


def test_the_same_commit_twice_stores_nothing_new(db: DB) -> None:
    here, name = Changes(db, outline()), attempt(db)
    run = here.open(name, "s1", NOW).number
    for minute in (1, 2, 3):
        here.commit(name, "s1", Commit(run, 1, passed()), at(minute))
        send(db, URL, lambda: at(4))
    assert verbs(told(db)).count("passed") == 2
    assert get_attempt(db, name)["last_at"] == at(1)


def test_an_earlier_run_is_told_that_it_is_stale_and_a_foreign_one_is_refused(db: DB) -> None:
    here, name = Changes(db, outline()), attempt(db)
    first = here.open(name, "s1", NOW).number
    second = here.open(name, "s1", at(1)).number
    assert here.commit(name, "s1", Commit(first, 1, passed()), at(2)).is_stale
    assert not here.commit(name, "s1", Commit(second, 1, {}), at(3)).is_stale
    before = get_attempt(db, name)
    with pytest.raises(UnknownRun):
        here.commit(name, "s1", Commit(second + 1, 1, passed()), at(4))
    with pytest.raises(UnknownThing):
        here.commit(name, "s2", Commit(second, 1, passed()), at(4))
    with pytest.raises(UnknownThing):
        here.commit("none", "s1", Commit(second, 1, passed()), at(4))
    assert get_attempt(db, name) == before


def test_a_commit_for_a_part_that_was_never_opened_is_refused(db: DB) -> None:
    here, name = Changes(db, outline("a", "b")), attempt(db)
    run = here.open(name, "a", NOW).number
    with pytest.raises(UnknownRun):
        here.commit(name, "b", Commit(run, 1, passed()), at(1))


def test_sequencing_leads_on_from_what_failed_and_a_page_opened_anew_does_not(db: DB) -> None:
    here = Changes(db, outline("lesson", "test", edition="2004", sequencing={"activityTree": {}}))
    name = begin(db, learner(), "1", Policy(attempts=1), NOW)["_id"]
    run = here.open(name, "test", NOW).number
    failed = {"completion_status": "completed", "success_status": "failed"}
    here.commit(name, "test", Commit(run, 1, failed, "terminate"), at(1), Claim("completed", "failed"))
    for after in (0, run + 1):
        with pytest.raises(AttemptOver):
            here.open(name, "test", at(2), after)
    assert here.open(name, "lesson", at(2), run).number == run + 1


def test_several_scos_roll_up(db: DB) -> None:
    here, name = Changes(db, outline("a", "b")), attempt(db)
    for minute, part in enumerate(("a", "b")):
        run = here.open(name, part, at(minute)).number
        receipt = here.commit(name, part, Commit(run, 1, passed(), "terminate"), at(minute + 0.5))
    assert (receipt.course.completion, receipt.course.success) == ("completed", "passed")
    send(db, URL, lambda: at(9))
    assert [one["verb"]["id"][-9:] for one in told(db) if one["object"]["id"] == COURSE] == [
        "bs/scored", "completed", "bs/passed",
    ]  # fmt: skip


def test_sequencing_claims_what_the_scos_bear_out(db: DB) -> None:
    here, name = Changes(db, outline("a", "b", edition="2004", sequencing={"activityTree": {}})), attempt(db)
    run = here.open(name, "a", NOW).number
    claim = Claim("completed", "passed", 0.9)
    early = here.commit(name, "a", Commit(run, 1, {"completion_status": "incomplete"}), at(1), claim)
    assert early.course.success == "unknown"
    done = Commit(run, 2, {"completion_status": "completed", "success_status": "passed"}, "terminate")
    assert here.commit(name, "a", done, at(2), claim).course.success == "passed"


def test_a_silent_run_is_suspended_by_the_sweep_once(db: DB) -> None:
    here, name = Changes(db, outline()), attempt(db)
    run = here.open(name, "s1", NOW).number
    here.commit(name, "s1", Commit(run, 1, passed("incomplete")), at(1))
    late = at(1) + SILENCE
    assert quiet(db, late - dt.timedelta(seconds=1)) == []
    (row,) = quiet(db, late)
    for _ in range(2):
        here.end_quiet(row["attempt"], row["part"], late)
    assert quiet(db, late) == []
    send(db, URL, lambda: late)
    suspended = told(db)[-1]
    assert verbs([suspended]) == ["suspended"]
    assert suspended["context"]["extensions"]["https://w3id.org/xapi/scorm/extensions/ended-by"] == "timeout"


def test_commits_at_once_lose_nothing_and_tell_each_answer_once(db: DB) -> None:
    here, name = Changes(db, outline()), attempt(db)
    run = here.open(name, "s1", NOW).number
    gate = threading.Barrier(8)

    def one(number: int) -> None:
        rows = {str(n): {"id": f"q{n}", "type": "choice", "student_response": "a"} for n in range(number)}
        gate.wait()
        here.commit(name, "s1", Commit(run, number, {"core": {}, "interactions": rows}), at(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(1, 9)))
    send(db, URL, lambda: at(9))
    assert verbs(told(db)).count("responded") == 8
    assert len(record_of(db, name, "s1").cmi["interactions"]) == 8


def test_two_beginnings_at_once_are_one_attempt(db: DB) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: attempt(db), range(8)))
    assert len(names) == 1
    newest = latest(db, REGISTRATION)
    assert newest is not None
    assert newest["number"] == db.attempts.count_documents({}) == 1
    second = begin(db, learner(), "1", Policy(), NOW, number=2)
    assert latest(db, REGISTRATION) == second


def test_a_refused_row_stands_aside_and_the_others_are_stored(db: DB) -> None:
    here, name = Changes(db, outline()), attempt(db)
    run = here.open(name, "s1", NOW).number
    here.commit(name, "s1", Commit(run, 1, passed()), at(1))
    row = db.attempt_outbox.find_one({"number": 2})
    assert row is not None
    broken = orjson.loads(row["body"]) | {"verb": {}}
    db.attempt_outbox.update_one({"_id": row["_id"]}, {"$set": {"body": orjson.dumps(broken)}})
    send(db, URL, lambda: at(2))
    assert len(told(db)) == get_attempt(db, name)["told"] - 1
    (left,) = db.attempt_outbox.find()
    assert "verb" in left["refused"]


def test_a_sender_that_dies_between_storing_and_deleting_stores_nothing_twice(
    db: DB, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, name = Changes(db, outline()), attempt(db)
    run = here.open(name, "s1", NOW).number
    here.commit(name, "s1", Commit(run, 1, passed()), at(1))
    rows = list(db.attempt_outbox.find())
    send(db, URL, lambda: at(2))
    db.attempt_outbox.insert_many(rows)
    send(db, URL, lambda: at(3))
    assert len(told(db)) == len(rows)
    assert db.attempt_outbox.count_documents({}) == 0


def test_statements_stay_in_the_organization_of_the_attempt(db: DB, settings: Settings) -> None:
    here, name = Changes(db, outline()), attempt(db, org="acme")
    run = here.open(name, "s1", NOW).number
    here.commit(name, "s1", Commit(run, 1, passed()), at(1))
    send(db, settings.public_url, lambda: at(2))
    assert told(db) == []
    assert verbs(told(db, "acme"))[0] == "initialized"
    labels = db.statements.distinct("client_label")
    assert labels == [None]  # rules that name `content` as a source mean the vendor's


def test_a_page_that_went_away_without_a_goodbye_is_suspended_after_minutes(db: DB) -> None:
    here, name = Changes(db, outline()), attempt(db)
    run = here.open(name, "s1", NOW).number
    here.commit(name, "s1", Commit(run, 1, passed("incomplete"), "closed"), at(1))
    assert quiet(db, at(2)) == []
    (row,) = quiet(db, at(3))
    here.end_quiet(row["attempt"], row["part"], at(3))
    send(db, URL, lambda: at(4))
    assert verbs(told(db))[-1] == "suspended"
