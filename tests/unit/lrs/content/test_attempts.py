"""SCORM becomes statements: what commits mean, and what stays the same however they arrive."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.content.attempts.events import Event
from lrs.content.attempts.merging import Standing
from lrs.content.attempts.policy import Bars, Policy
from lrs.content.attempts.reading import read
from lrs.content.attempts.receiving import Commit, Rules, Sco, UnknownRun, end_silent, open_run, receive
from lrs.content.attempts.relaunching import Facts, entry_of, initial_cmi
from lrs.content.attempts.results.durations import read_iso, read_timespan, write_iso, write_timespan
from lrs.content.attempts.results.responses import response_of
from lrs.content.attempts.results.rollup import Claim, believe, roll_up
from lrs.content.attempts.results.scores import scored
from lrs.content.attempts.results.values import Score
from lrs.content.attempts.statements import Place, statement_of
from statements.intake.validate import check_statement
from statements.parsing.parse import parse_statements

NOW = dt.datetime(2026, 11, 29, 10, tzinfo=dt.UTC)
OLD, NEW = Rules("1.2"), Rules("2004")


def minutes(count: float) -> dt.datetime:
    return NOW + dt.timedelta(minutes=count)


def cmi12(**core: Any) -> dict[str, Any]:
    rest = core.pop("rest", {})
    score = core.pop("score", None)
    return {"core": {**core, **({"score": score} if score else {})}, **rest}


def run(*commits: Commit, rules: Rules = OLD, sco: Sco | None = None) -> tuple[Sco, list[Event]]:
    """Open run 1 and send commits a minute apart."""
    present = open_run(sco or Sco(), 1, NOW).sco if sco is None else sco
    events: list[Event] = []
    for number, commit in enumerate(commits, 1):
        found = receive(present, commit, rules, minutes(number))
        present = found.sco
        events += found.events
    return present, events


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


def answers(count: int, response: str = "a") -> dict[str, Any]:
    rows = {
        str(n): {"id": f"q{n}", "type": "choice", "student_response": response, "result": "correct"}
        for n in range(count)
    }
    return {"interactions": rows}


# times and scores


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0000:10:00.00", 600),
        ("0:10:00", 600),
        ("00:75:00", 4500),
        ("9999:00:00", 35996400),
        ("1:2", None),
        ("", None),
    ],
)
def test_a_timespan_of_1_2_is_read_in_seconds(text: str, seconds: float | None) -> None:
    assert read_timespan(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1H30M", 5400),
        ("PT12.345S", 12.345),
        ("P1M", 30 * 86400),
        ("P1Y", 365 * 86400),
        ("P", None),
        ("PT", None),
        ("1H", None),
    ],
)
def test_a_duration_of_2004_is_read_in_seconds(text: str, seconds: float | None) -> None:
    assert read_iso(text) == seconds


@given(st.integers(0, 9999 * 360_000))
def test_lengths_are_read_as_they_are_written(hundredths: int) -> None:
    assert read_iso(write_iso(hundredths / 100)) == pytest.approx(hundredths / 100)
    assert read_timespan(write_timespan(hundredths / 100)) == pytest.approx(hundredths / 100)


@pytest.mark.parametrize(
    ("given_", "score"),
    [
        ((80, 0, 100, None), Score(80, 0, 100, 0.8)),
        ((8, None, 10, None), Score(8, 0, 10, 0.8)),
        ((80, None, 100, None), Score(80, 0, 100, 0.8)),  # what scorm-again sends where nothing was set
        ((150, None, 100, None), Score(150, None, None, None)),
        ((80, None, None, None), Score(80, None, None, 0.8)),
        ((120, None, None, None), Score(120, None, None, None)),
        ((5, 10, 0, None), Score(5, None, None, 0.05)),
        ((None, 0, 100, None), None),
        ((5, 0, 4, 1.25), Score(5, None, None, 1.0)),
        ((None, None, None, -0.5), Score(None, None, None, -0.5)),
    ],
)
def test_a_score_is_scaled_by_its_range_and_loses_a_range_that_does_not_hold_it(
    given_: Any, score: Any
) -> None:
    assert scored(*given_) == score


@given(*[st.one_of(st.none(), st.floats(-1e6, 1e6))] * 4)
def test_any_score_is_one_that_xapi_accepts(raw: Any, low: Any, high: Any, scaled: Any) -> None:
    found = scored(raw, low, high, scaled)
    if found is None:
        return
    assert found.scaled is None or -1 <= found.scaled <= 1
    if found.min is not None and found.max is not None:
        assert found.min < found.max
        assert found.raw is None or found.min <= found.raw <= found.max


# reading


def test_impossible_values_are_refused_by_element_and_code_and_the_rest_is_read() -> None:
    reading, refusals = read(
        "2004",
        {
            "score": {"scaled": "1.5", "raw": "eighty"},
            "progress_measure": "2",
            "completion_status": "finished",
            "success_status": "passed",
            "session_time": "ten minutes",
            "suspend_data": "x" * 64_001,
        },
    )
    assert reading.success == "passed"
    assert reading.score is None
    assert {(one.element, one.code) for one in refusals} == {
        ("cmi.score.scaled", 407), ("cmi.score.raw", 406), ("cmi.progress_measure", 407),
        ("cmi.completion_status", 406), ("cmi.session_time", 406), ("cmi.suspend_data", 407),
    }  # fmt: skip


@pytest.mark.parametrize("text", ["0.5\x1c", " 0.5\u2003", "\t.5"])
def test_a_number_with_blanks_of_any_kind_around_it_is_read(text: str) -> None:
    """Found by fuzzing: what counts as a blank to `strip` is not always one to `float`."""
    reading, refusals = read("2004", {"score": {"scaled": text}})
    assert (reading.score is not None and reading.score.scaled, refusals) == (0.5, ())


def test_1_2_has_one_code_for_impossible_values() -> None:
    _, refusals = read("1.2", cmi12(lesson_status="done", score={"raw": "NaN"}, session_time="1h"))
    assert {(one.element, one.code) for one in refusals} == {
        ("cmi.core.lesson_status", 405), ("cmi.core.score.raw", 405), ("cmi.core.session_time", 405),
    }  # fmt: skip


def test_64000_characters_of_suspend_data_are_kept_in_both_editions() -> None:
    for edition in ("1.2", "2004"):
        assert read(edition, {"suspend_data": "x" * 64_000})[1] == ()  # type: ignore[arg-type]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["core", "score", "raw", "scaled", "lesson_status", "interactions", "0", "NaN", "id", "type", "exit",
             "objectives", "suspend_data", "completion_status", "learner_response", "timestamp", "pattern"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(
    st.sampled_from(["1.2", "2004"]),
    st.dictionaries(st.sampled_from(["core", "score", "interactions", "objectives", "exit"]), JSON),
)
def test_no_data_of_any_shape_breaks_the_reading(edition: Any, cmi: Any) -> None:
    sco = open_run(Sco(), 1, NOW).sco
    found = receive(sco, Commit(1, 1, cmi), Rules(edition), minutes(1))
    for event in found.events:
        check(statement_of(PLACE, event, NOW))


@pytest.mark.parametrize(
    ("edition", "kind", "text", "spelled"),
    [
        ("1.2", "choice", "a,b", "a[,]b"), ("1.2", "choice", "{a,b}", "a[,]b"), ("2004", "choice", "a[,]b", "a[,]b"),
        ("2004", "choice", "a,b", "a[,]b"), ("1.2", "matching", "{a.1,b.2}", "a[.]1[,]b[.]2"), ("1.2", "true-false", "t", "true"),
        ("1.2", "true-false", "0", "false"), ("1.2", "fill-in", "one, two", "one, two"), ("2004", "matching", "a[.]1", "a[.]1"),
    ],
)  # fmt: skip
def test_responses_are_spelled_as_xapi_spells_them(edition: Any, kind: str, text: str, spelled: str) -> None:
    assert response_of(edition, kind, text) == spelled


# merging


def test_passed_of_1_2_implies_completed_and_failed_completes_by_policy() -> None:
    assert run(Commit(1, 1, cmi12(lesson_status="passed")))[0].standing.completion == "completed"
    failed = Commit(1, 1, cmi12(lesson_status="failed"))
    assert run(failed)[0].standing.completion == "completed"
    strict = Rules("1.2", policy=Policy(failed_completes=False))
    assert run(failed, rules=strict)[0].standing.completion == "incomplete"


def test_a_mastery_score_decides_only_where_the_sco_gave_no_verdict_unless_the_policy_says_so() -> None:
    bars = Bars(mastery=80)
    unset = Rules("1.2", bars)
    low = {"raw": "50"}
    assert run(Commit(1, 1, cmi12(score=low)), rules=unset)[0].standing.success == "failed"
    passed = Commit(1, 1, cmi12(lesson_status="passed", score=low))
    assert run(passed, rules=unset)[0].standing.success == "passed"
    always = Rules("1.2", bars, Policy(override="always"))
    assert run(passed, rules=always)[0].standing.success == "failed"


def test_thresholds_of_2004_decide_where_they_are_set() -> None:
    rules = Rules("2004", Bars(passing=0.6, completion=0.9))
    found, _ = run(
        Commit(
            1,
            1,
            {
                "success_status": "passed",
                "score": {"scaled": "0.5"},
                "completion_status": "completed",
                "progress_measure": "0.5",
            },
        ),
        rules=rules,
    )
    assert (found.standing.success, found.standing.completion) == ("failed", "incomplete")
    found, _ = run(Commit(1, 1, {"score": {"scaled": "0.6"}, "progress_measure": "0.95"}), rules=rules)
    assert (found.standing.success, found.standing.completion) == ("passed", "completed")


def test_a_sco_that_never_speaks_of_completion_is_complete_at_an_orderly_end_only() -> None:
    assert run(Commit(1, 1, {}, "terminate"), rules=NEW)[0].standing.completion == "completed"
    assert run(Commit(1, 1, {}, "closed"), rules=NEW)[0].standing.completion == "unknown"
    assert run(Commit(1, 1, {"exit": "suspend"}, "terminate"), rules=NEW)[0].standing.completion == "unknown"
    assert run(Commit(1, 1, cmi12(lesson_status="browsed"), "terminate"))[0].standing.completion == "unknown"


SAID = st.fixed_dictionaries(
    {
        "completion_status": st.sampled_from(["unknown", "incomplete", "completed"]),
        "success_status": st.sampled_from(["unknown", "failed", "passed"]),
        "score": st.one_of(
            st.just({}), st.fixed_dictionaries({"scaled": st.sampled_from(["0", "0.4", "0.8", "1"])})
        ),
    }
)


@given(st.lists(SAID, min_size=1, max_size=5), st.sampled_from(["best", "last", "first"]), st.randoms())
def test_commits_in_any_order_and_any_number_of_times_end_alike(
    said: list[Any], keep: Any, chance: Any
) -> None:
    rules = Rules("2004", policy=Policy(keep=keep))
    commits = [Commit(1, number, cmi) for number, cmi in enumerate(said, 1)]
    shuffled = commits + chance.sample(commits, len(commits) // 2)
    chance.shuffle(shuffled)
    assert run(*commits, rules=rules)[0].standing == run(*shuffled, rules=rules)[0].standing


@given(st.lists(SAID, min_size=1, max_size=6))
def test_the_same_commit_twice_tells_nothing_new(said: list[Any]) -> None:
    commits = [Commit(1, number, cmi) for number, cmi in enumerate(said, 1)]
    sco, _ = run(*commits, rules=NEW)
    again = receive(sco, commits[-1], NEW, minutes(60))
    assert again.events == ()
    assert again.sco == sco


@pytest.mark.parametrize(
    ("keep", "success", "scaled"),
    [("best", "passed", 0.9), ("last", "failed", 0.2), ("first", "failed", 0.4)],
)
def test_the_policy_says_which_verdict_of_several_sessions_stands(
    keep: Any, success: str, scaled: float
) -> None:
    rules = Rules("2004", policy=Policy(keep=keep))
    sco = Sco()
    for number, (word, score) in enumerate([("failed", "0.4"), ("passed", "0.9"), ("failed", "0.2")], 1):
        sco = open_run(sco, number, minutes(number)).sco
        cmi = {"success_status": word, "score": {"scaled": score}, "exit": "suspend"}
        sco = receive(sco, Commit(number, 1, cmi, "terminate"), rules, minutes(number + 0.5)).sco
    assert sco.standing.score is not None
    assert (sco.standing.success, sco.standing.score.scaled) == (success, scaled)


# events


def test_completed_incomplete_completed_is_one_completed() -> None:
    words = ["completed", "incomplete", "completed"]
    _, events = run(*[Commit(1, n, cmi12(lesson_status=word)) for n, word in enumerate(words, 1)])
    assert kinds(events).count("completed") == 1


def test_events_stand_in_the_order_of_the_profile() -> None:
    cmi = {
        "completion_status": "completed", "success_status": "passed", "score": {"scaled": "1"}, "progress_measure": "1",
        "interactions": {"0": {"id": "q", "type": "choice", "learner_response": "a", "result": "correct"}},
        "objectives": {"0": {"id": "o", "success_status": "passed"}}, "exit": "normal",
    }  # fmt: skip
    _, events = run(Commit(1, 1, cmi, "terminate"), rules=NEW)
    assert kinds(events) == [
        "initialized", "responded", "objective", "progressed", "scored", "completed", "passed", "terminated",
    ]  # fmt: skip
    assert [event.number for event in events] == list(range(1, 9))


def test_1000_interactions_are_1000_responded_however_often_they_are_committed() -> None:
    commits = [Commit(1, n, {"core": {}, **answers(1000)}) for n in (1, 2, 3)]
    _, events = run(*commits)
    assert kinds(events).count("responded") == 1000


def test_an_answer_changed_in_its_place_is_told_again_and_rows_without_a_number_are_skipped() -> None:
    first, second = answers(1, "a"), answers(1, "b")
    second["interactions"]["NaN"] = {"id": "x", "type": "choice", "student_response": "y"}
    _, events = run(Commit(1, 1, {"core": {}, **first}), Commit(1, 2, {"core": {}, **second}))
    assert [event.interaction.response for event in events if event.interaction] == ["a", "b"]


def test_a_run_that_falls_silent_is_suspended_with_what_stands_and_its_length() -> None:
    sco, _ = run(Commit(1, 1, cmi12(lesson_status="passed", session_time="00:00:30")))
    ended = end_silent(sco)
    (event,) = ended.events
    assert (event.kind, event.ending, event.seconds, event.standing.success) == (
        "suspended",
        "timeout",
        30,
        "passed",
    )
    assert end_silent(ended.sco).events == ()


def test_a_run_that_never_began_leaves_no_trace() -> None:
    assert end_silent(open_run(Sco(), 1, NOW).sco).events == ()


# sessions


def test_the_commit_of_a_run_that_a_newer_one_replaced_raises_what_stands_and_keeps_the_newer_data() -> None:
    sco, _ = run(Commit(1, 1, cmi12(lesson_status="incomplete", rest={"suspend_data": "old"})))
    sco = open_run(sco, 2, minutes(5)).sco
    sco = receive(sco, Commit(2, 1, cmi12(rest={"suspend_data": "new"})), OLD, minutes(6)).sco
    late = receive(
        sco,
        Commit(1, 2, cmi12(lesson_status="passed", rest={"suspend_data": "late"}), "terminate"),
        OLD,
        minutes(7),
    )
    assert late.is_stale
    assert late.sco.standing.success == "passed"
    assert late.sco.cmi["suspend_data"] == "new"
    assert kinds(list(late.events)) == ["completed", "passed"]


@pytest.mark.parametrize(("number", "sequence"), [(2, 1), (0, 1), (1, 0), (-1, 5)])
def test_a_foreign_run_is_refused(number: int, sequence: int) -> None:
    with pytest.raises(UnknownRun):
        receive(open_run(Sco(), 1, NOW).sco, Commit(number, sequence, {}), OLD, NOW)


def test_an_older_commit_of_a_finished_run_never_overwrites_its_data() -> None:
    sco, _ = run(
        Commit(1, 2, cmi12(rest={"suspend_data": "end"}), "terminate"),
        Commit(1, 1, cmi12(rest={"suspend_data": "begin"})),
    )
    assert sco.cmi["suspend_data"] == "end"


def test_refused_elements_keep_what_was_stored() -> None:
    sco, _ = run(
        Commit(1, 1, cmi12(score={"raw": "70"}, rest={"suspend_data": "kept"})),
        Commit(
            1, 2, cmi12(score={"raw": "seventy"}, lesson_location="p2", rest={"suspend_data": "x" * 64_001})
        ),
    )
    assert sco.cmi == {"core": {"score": {"raw": "70"}, "lesson_location": "p2"}, "suspend_data": "kept"}


def test_time_is_the_servers_sum_and_a_session_is_no_longer_than_our_clock_allows() -> None:
    sco, _ = run(Commit(1, 1, cmi12(session_time="00:00:40"), "terminate"))
    assert sco.total == 40
    sco = open_run(sco, 2, minutes(10)).sco
    sco = receive(sco, Commit(2, 1, cmi12(session_time="99:00:00"), "terminate"), OLD, minutes(11)).sco
    assert sco.total == pytest.approx(40 + 60 * 1.1 + 5)
    sco = open_run(sco, 3, minutes(20)).sco
    sco = receive(sco, Commit(3, 1, cmi12(session_time="0000:00:00.00"), "terminate"), OLD, minutes(22)).sco
    assert sco.seconds["3"] == 120


def test_a_clock_that_jumps_back_makes_no_time_negative() -> None:
    sco = open_run(Sco(), 1, NOW).sco
    found = receive(sco, Commit(1, 1, cmi12(session_time="00:10:00"), "terminate"), OLD, minutes(-60))
    assert found.sco.total == 5


def test_lengths_of_many_runs_stay_few_and_lose_no_time() -> None:
    sco = Sco()
    for number in range(1, 61):
        sco = open_run(sco, number, minutes(number)).sco
        sco = receive(
            sco, Commit(number, 1, cmi12(session_time="00:00:10"), "terminate"), OLD, minutes(number + 0.5)
        ).sco
    assert len(sco.seconds) == 21
    assert sco.total == pytest.approx(600)


# launching again


FACTS = Facts("ana", "Ana", launch_data="x=1", mastery=80, passing=0.8)


def test_what_is_loaded_again_has_no_session_time_and_the_right_entry() -> None:
    assert initial_cmi("1.2", Sco(), FACTS)["core"]["entry"] == "ab-initio"
    cmi = cmi12(lesson_status="incomplete", exit="suspend", session_time="00:01:00", lesson_location="p3")
    sco, _ = run(Commit(1, 1, cmi, "terminate"))
    loaded = initial_cmi("1.2", sco, FACTS)
    assert loaded["core"] == {
        "lesson_status": "incomplete", "lesson_location": "p3", "student_id": "ana", "student_name": "Ana",
        "credit": "credit", "lesson_mode": "normal", "entry": "resume", "total_time": "0000:01:00.00",
    }  # fmt: skip
    assert loaded["student_data"]["mastery_score"] == "80"
    assert loaded["launch_data"] == "x=1"


@pytest.mark.parametrize(
    ("edition", "cmi", "end", "entry"),
    [
        ("2004", {"exit": "suspend"}, "terminate", "resume"),
        ("2004", {"exit": "normal", "suspend_data": "x"}, "terminate", ""),
        ("1.2", {"core": {"exit": ""}, "suspend_data": "x"}, "terminate", "resume"),
        ("1.2", {"core": {"exit": ""}}, "terminate", ""),
        ("2004", {}, "closed", "resume"),
        ("2004", {}, None, "resume"),
    ],
)
def test_how_a_sco_is_entered_again(edition: Any, cmi: Any, end: Any, entry: str) -> None:
    sco, _ = run(Commit(1, 1, cmi, end), rules=Rules(edition))
    assert entry_of(sco, edition) == entry


# roll-up


def test_a_course_of_several_scos_is_complete_when_all_are_and_passed_when_none_failed() -> None:
    done, passed, failed = (
        Standing("completed"),
        Standing("completed", "passed", Score(scaled=0.8)),
        Standing("completed", "failed", Score(scaled=0.2)),
    )
    at = (1, 1)
    assert roll_up(["a", "b"], {"a": done}, at).completion == "incomplete"
    both = roll_up(["a", "b"], {"a": done, "b": passed}, at)
    assert (both.completion, both.success, both.score) == ("completed", "passed", Score(scaled=0.8))
    assert roll_up(["a", "b"], {"a": failed, "b": passed}, at).success == "failed"
    assert roll_up(["a", "b", "c"], {"a": failed, "b": passed}, at).success == "unknown"
    assert roll_up(["a"], {}, at) == Standing()


def test_a_claim_of_sequencing_that_no_sco_bears_out_is_not_believed() -> None:
    claim = Claim("completed", "passed", 1.0)
    assert believe(claim, {"a": Standing("incomplete")}, (1, 1)).completion == "incomplete"
    assert believe(claim, {"a": Standing("incomplete")}, (1, 1)).success == "unknown"
    assert believe(claim, {"a": Standing("completed")}, (1, 1)).success == "passed"


@given(st.lists(st.sampled_from(["unknown", "failed", "passed"]), min_size=1, max_size=4))
def test_no_order_of_scos_changes_the_course(words: list[Any]) -> None:
    standings = {str(n): Standing("completed", word) for n, word in enumerate(words)}
    found = {roll_up(list(order), standings, (1, 1)) for order in itertools.permutations(standings)}
    assert len(found) == 1


# statements


PLACE = Place(
    org="acme", attempt=uuid.UUID("0b0d4f0e-8d0b-4c39-9f0e-6f6f2a1f7c11"), actor={"objectType": "Agent", "account": {"homePage": "https://x.example", "name": "ana"}},
    registration=uuid.UUID("1b0d4f0e-8d0b-4c39-9f0e-6f6f2a1f7c11"), course="https://x.example/c", course_name={"en": "Course"},
    sco="https://x.example/c/s1", sco_name={"en": "One"}, version="2",
)  # fmt: skip


def check(statement: dict[str, Any]) -> None:
    """Hold a statement against both versions of xAPI."""
    for parsed in parse_statements(json.dumps(statement).encode()):
        check_statement(parsed.value, "1.0.3", "$")
        check_statement(parsed.value, "2.0.0", "$")


def test_statements_are_those_of_the_profile_and_valid() -> None:
    cmi = {
        "core": {"lesson_status": "passed", "score": {"raw": "9", "min": "0", "max": "10"}, "session_time": "00:01:00"},
        "interactions": {
            "0": {"id": "q 1", "type": "matching", "student_response": "a.1,b.2", "result": "wrong", "latency": "00:00:05",
                  "correct_responses": {"0": {"pattern": "a.2,b.1"}}}
        },
        "objectives": {"0": {"id": "o", "status": "passed", "score": {"raw": "5"}}},
    }  # fmt: skip
    _, events = run(Commit(1, 1, cmi, "terminate"))
    statements = [statement_of(PLACE, event, NOW) for event in events]
    for statement in statements:
        check(statement)
        assert statement["context"]["contextActivities"]["category"][0]["id"] == "https://w3id.org/xapi/scorm"
    told = {statement["verb"]["id"].rsplit("/", 1)[1]: statement for statement in statements}
    responded, terminated = told["responded"], told["terminated"]
    assert responded["object"]["id"] == "https://x.example/c/s1/interactions/q%201"
    assert responded["object"]["definition"]["interactionType"] == "matching"
    assert responded["object"]["definition"]["correctResponsesPattern"] == ["a[.]2[,]b[.]1"]
    assert responded["result"] == {"response": "a[.]1[,]b[.]2", "success": False, "duration": "PT5S"}
    assert responded["context"]["contextActivities"]["parent"][0]["id"] == PLACE.sco
    assert terminated["result"] == {
        "completion": True, "success": True, "duration": "PT1M", "score": {"scaled": 0.9, "raw": 9.0, "min": 0.0, "max": 10.0},
    }  # fmt: skip
    assert len({statement["id"] for statement in statements}) == len(statements)


def test_the_statement_of_an_event_is_always_the_same() -> None:
    _, events = run(Commit(1, 1, cmi12(lesson_status="passed"), "terminate"))
    assert [statement_of(PLACE, event, NOW) for event in events] == [
        statement_of(PLACE, event, NOW) for event in events
    ]


def test_policies_are_checked_before_they_are_kept() -> None:
    assert Policy.of(None) == Policy()
    for wrong in ({"keep": "worst"}, {"attempts": 0}, {"cool_down_hours": -1}, {"colour": "red"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Policy.of(wrong)


def test_a_sco_may_say_goodbye_after_its_page_went_away() -> None:
    closed = Commit(1, 1, {"completion_status": "incomplete"}, "closed")
    goodbye = Commit(1, 2, {"completion_status": "completed", "exit": "normal"}, "terminate")
    _, events = run(closed, goodbye, rules=NEW)
    assert kinds(events) == ["initialized", "completed", "terminated"]
