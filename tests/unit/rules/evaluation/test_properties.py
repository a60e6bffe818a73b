"""Properties of decisions over generated histories: order, knowledge, voiding, identities, states."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

import naive_decisions
import pytest
from factories_decisions import BASE, certification, history, version
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rules.evaluation.evaluate import decide
from rules.evaluation.states import trigger
from rules.evaluation.timeline import AwardTimeline, Transition
from rules.evidence.history import END_OF_TIME, Evidence, Fact, Held, PersonHistory, PublishedRelease
from rules.evidence.published import LifecycleChange, PublishedCertification, published
from rules.evidence.selectors import ADL
from rules.language.model import Certification

MANY = settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
START = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
NAMES = "abcx"

WHENS = [
    "a",
    "{all: [a, b]}",
    "{any: [a, {all: [b, c]}]}",
    "{at_least: 2, of: [a, b, c]}",
    "{score: a, at_least: 0.7}",
    "{score: a, at_least: 0.7, attempt: latest}",
    "{score: a, at_least: 0.7, attempt: first}",
    "{score: a, at_least: 0.7, attempt: any}",
    "{all: [{score: a, at_least: 0.7}, b], disqualified_by: x}",
    "{count: a, at_least: 3}",
    "{in_order: [a, b, a], within: 60 days}",
    "{all: [{in_order: [a, b]}, {done: c, disqualified_by: x}]}",
    "{all: [{another: pool}, {in_turn: [a, b]}]}",
]
RENEWALS = [
    "",
    "renewal: {opens: 60 days, grace: 20 days}\n",
    "renewal: {opens: 3 months, counted_from: completion}\n",
    "renewal: {opens: 30 days, grace: 1 month, when: {any: [b, c]}}\n",
    "renewal: {opens: 2 months, grace: 1 month, when: {another: pool}}\n",
    "renewal: {opens: 2 months, grace: 1 month, when: {in_turn: [b, a, c]}}\n",
]
WITHIN = ["", "  within: 2 months\n", "  within: 90 days\n"]
LASTS = ["3 months", "100 days", "1 year"]


@lru_cache(maxsize=1024)
def rule(when: str, renewal: str, within: str, lasts: str, more: str = "") -> Certification:
    names = "".join(f'  {n}: {{verb: completed, activity: "{BASE}{n}"}}\n' for n in NAMES)
    names += f'  pool: {{verb: completed, activity: ["{BASE}a", "{BASE}b", "{BASE}c"]}}\n'
    if RELEASES in more:
        names += f'  delta: {{verb: completed, activity: "{BASE}delta-{{release}}"}}\n'
    return certification(
        f"evidence:\n{names}award:\n{within}  when: {when}\nvalidity: {{lasts: {lasts}}}\n{renewal}{more}"
    )


RELEASES = (
    "release_rules:\n  - {when_release: {product: edge, level: major}, unless: {any: [delta, x]}, "
    "ends_after: 40 days, reinstates_within: 50 days}\n"
)
VOIDS = [
    "",
    "on_voided: {action: suspend, revoke_after: 60 days}\n",
    "on_voided: {action: review}\n",
    "on_voided: {action: revoke, chain: true}\n",
    "on_voided: {chain: true, settle: 3 days}\n",
]


PLAIN = st.just("")


def rules(more: st.SearchStrategy[str] = PLAIN) -> st.SearchStrategy[Certification]:
    return st.builds(
        rule,
        st.sampled_from(WHENS),
        st.sampled_from(RENEWALS),
        st.sampled_from(WITHIN),
        st.sampled_from(LASTS),
        more,
    )


instants = st.integers(0, 900 * 4).map(lambda quarter: START + dt.timedelta(hours=6 * quarter))


@st.composite
def rows(draw: Any, *, late: bool = False, voided: bool = False) -> list[Evidence]:
    """Return up to 14 statements over two and a half years, at six-hour instants so that ties happen."""
    found: list[Evidence] = []
    for index in range(draw(st.integers(0, 14))):
        at = draw(instants)
        delay = draw(st.sampled_from([0, 0, 0, 1, 24 * 10, 24 * 29, *([24 * 45] if late else [])]))
        stored = at + dt.timedelta(hours=delay)
        gone = draw(st.sampled_from([None, None, None, 1, 24 * 20, 24 * 200])) if voided else None
        name = draw(st.sampled_from([*NAMES, "a", "delta-1"]))
        score = draw(st.sampled_from(["0.5", "0.65", "0.7", "0.9", None]))
        found.append(
            Evidence(
                id=f"s{index:02d}",
                at=at,
                timestamp=at,
                stored=stored,
                verb=ADL + "completed",
                activity=BASE + name,
                score=None if score is None else Decimal(score),
                registration=draw(st.sampled_from([None, None, "r1", "r2"])),
                voided_at=None if gone is None else stored + dt.timedelta(hours=gone),
            )
        )
    return found


@st.composite
def facts(draw: Any) -> tuple[Fact, ...]:
    """Return up to three facts recorded by people."""
    found = []
    for index in range(draw(st.integers(0, 3))):
        at = draw(instants)
        kind = draw(st.sampled_from(["hold", "revocation", "withdrawal", "extension"]))
        later = at + dt.timedelta(days=draw(st.integers(1, 200)))
        found.append(
            Fact(
                kind=kind,
                at=at,
                decided_at=at + dt.timedelta(days=draw(st.integers(0, 20))),
                id=f"f{index}",
                until=later if kind == "hold" and draw(st.booleans()) else None,
                until_day=later.date() if kind == "extension" else None,
                revoke_at=later if kind == "hold" and draw(st.booleans()) else None,
            )
        )
    return tuple(found)


releases = st.lists(
    st.builds(
        lambda day: PublishedRelease("edge", "1", "major", (START + dt.timedelta(days=day)).date(), START),
        st.integers(0, 900),
    ),
    max_size=1,
).map(tuple)

holds = st.lists(
    st.builds(lambda a, d: Held(a, a + dt.timedelta(days=d), "1"), instants, st.integers(1, 300)), max_size=2
).map(lambda held: {"prior": tuple(held)})


def certain(cert: Certification) -> PublishedCertification:
    return published(version(cert))


def shape(timeline: AwardTimeline) -> tuple[Any, ...]:
    """Return everything of a course that is told to anybody."""
    return timeline.segments, timeline.periods, timeline.awards, timeline.transitions, timeline.reviews


def person(evidence: list[Evidence], **values: Any) -> PersonHistory:
    return history(*evidence, **values)


# 1. The reference


@settings(MANY, max_examples=1500)
@given(rules(), rows(), instants)
def test_the_naive_reference_gives_the_same_periods_and_states(
    cert: Certification, evidence: list[Evidence], at: dt.datetime
) -> None:
    timeline = decide(certain(cert), person(evidence), END_OF_TIME)
    found = [(p.kind, p.awarded_at, p.valid_until) for p in timeline.periods]
    assert found == [(p.kind, p.awarded_at, p.until) for p in naive_decisions.periods(cert, evidence)]
    assert timeline.status_at(at).state == naive_decisions.state(cert, evidence, at)


# 2. Order, duplication, batching


@MANY
@given(
    rules(st.sampled_from([RELEASES, *VOIDS])),
    rows(late=True, voided=True),
    facts(),
    releases,
    holds,
    st.randoms(),
)
def test_order_and_duplication_do_not_matter(
    cert: Certification, evidence: list[Evidence], found: Any, released: Any, held: Any, random: Any
) -> None:
    known = {"releases": released, "holds": held}
    expected = decide(certain(cert), person(evidence, facts=found, **known), END_OF_TIME)
    shuffled = [*evidence, *(e for e in evidence if random.random() < 0.3)]
    random.shuffle(shuffled)
    mixed = list(found)
    random.shuffle(mixed)
    again = decide(certain(cert), person(shuffled, facts=tuple(mixed), **known), END_OF_TIME)
    assert shape(again) == shape(expected)


@MANY
@given(rules(st.just("on_voided: {chain: true}\n")), rows(), st.randoms())
def test_when_and_in_what_batches_statements_arrive_does_not_matter(
    cert: Certification, evidence: list[Evidence], random: Any
) -> None:
    """Every statement keeps its effective time and arrives up to 25 days later, in an order of its own."""
    assume(len({e.at for e in evidence}) == len(evidence))  # ties are broken by `stored` (cert#4.3-1)
    at_once = [e._replace(stored=e.at) for e in evidence]
    delayed = [e._replace(stored=e.at + dt.timedelta(days=random.randrange(26))) for e in evidence]
    expected = decide(certain(cert), person(at_once), END_OF_TIME)
    assert shape(decide(certain(cert), person(delayed), END_OF_TIME)) == shape(expected)


# 3. Knowledge grows


@MANY
@given(rules(st.sampled_from([RELEASES, *VOIDS])), rows(late=True, voided=True), facts(), releases, instants)
def test_knowledge_at_d_is_what_a_history_of_that_day_gives(
    cert: Certification, evidence: list[Evidence], found: Any, released: Any, d: dt.datetime
) -> None:
    then = [
        e._replace(voided_at=e.voided_at if e.voided_at and e.voided_at <= d else None)
        for e in evidence
        if e.stored <= d
    ]
    early = tuple(f for f in found if f.decided_at <= d)
    full = decide(certain(cert), person(evidence, facts=found, releases=released), d)
    partial = decide(certain(cert), person(then, facts=early, releases=released), d)
    assert shape(full) == shape(partial)


@MANY
@given(rules(), rows(late=True, voided=True), facts())
def test_the_last_step_of_growing_knowledge_is_the_end_of_time(
    cert: Certification, evidence: list[Evidence], found: Any
) -> None:
    horizon = START + dt.timedelta(days=365 * 5)
    assert shape(decide(certain(cert), person(evidence, facts=found), horizon)) == shape(
        decide(certain(cert), person(evidence, facts=found), END_OF_TIME)
    )


# 4. Voiding


@MANY
@given(rules(st.just("on_voided: {chain: true}\n")), rows(voided=True))
def test_voiding_equals_never_having_had_it_after_settle(
    cert: Certification, evidence: list[Evidence]
) -> None:
    without = [e for e in evidence if e.voided_at is None]
    assert shape(decide(certain(cert), person(evidence), END_OF_TIME)) == shape(
        decide(certain(cert), person(without), END_OF_TIME)
    )


# 5. Identities


@MANY
@given(rules(), rows())
def test_splitting_identifiers_and_merging_again_is_neutral(
    cert: Certification, evidence: list[Evidence]
) -> None:
    """Every second statement is of an identifier that belongs to the person only after a late merge."""
    later = START + dt.timedelta(days=365 * 4)
    split = [e for i, e in enumerate(evidence) if i % 2 == 0]
    merged = [e._replace(known_at=max(later, e.stored)) if i % 2 else e for i, e in enumerate(evidence)]
    just_before = later - dt.timedelta(days=1)
    assert shape(decide(certain(cert), person(merged), just_before)) == shape(
        decide(certain(cert), person(split), just_before)
    )
    if not any(naive_decisions.name_of(e) == "x" for e in evidence):  # late disqualifiers: 4.9-3
        whole = decide(certain(cert), person(evidence), END_OF_TIME)
        assert shape(decide(certain(cert), person(merged), END_OF_TIME)) == shape(whole)


# 6. States


@MANY
@given(
    rules(st.sampled_from([RELEASES, *VOIDS])),
    rows(late=True, voided=True),
    facts(),
    releases,
    holds,
    instants,
)
def test_status_is_what_transitions_say_and_next_change_is_never_late(
    cert: Certification, evidence: list[Evidence], found: Any, released: Any, held: Any, at: dt.datetime
) -> None:
    timeline = decide(
        certain(cert), person(evidence, facts=found, releases=released, holds=held), END_OF_TIME
    )
    said = [t for t in timeline.transitions if t.effective_at <= at]
    assert timeline.status_at(at).state == (said[-1].after if said else "in_progress")
    following = timeline.next_change_after(at)
    end = following or at + dt.timedelta(days=3000)
    for step in range(1, 8):
        between = at + (end - at) * step / 8
        assert replace(timeline.status_at(between), missing=()) == replace(timeline.status_at(at), missing=())
    if following is not None:
        changed = replace(timeline.status_at(following), missing=(), since=None)
        assert changed != replace(timeline.status_at(at), missing=(), since=None)


def is_in_table(change: Transition, award: int | None) -> bool:
    """Tell whether a change after that award is in the table; a new award may begin and end at once (cert#10-42)."""
    at_once = change.award != award and trigger(change.before, "active") and trigger("active", change.after)
    return change.before == change.after or bool(trigger(change.before, change.after) or at_once)


@MANY
@given(rules(st.sampled_from([RELEASES, *VOIDS])), rows(late=True, voided=True), facts(), releases, holds)
def test_every_transition_is_in_the_table_and_joins_the_one_before(
    cert: Certification, evidence: list[Evidence], found: Any, released: Any, held: Any
) -> None:
    timeline = decide(
        certain(cert), person(evidence, facts=found, releases=released, holds=held), END_OF_TIME
    )
    before, award = "in_progress", 0
    for change in timeline.transitions:
        assert change.before == before
        assert is_in_table(change, award), change
        before, award = change.after, change.award or award
    times = [t.effective_at for t in timeline.transitions]
    assert times == sorted(times)


@MANY
@given(rules(st.sampled_from(["", RELEASES])), rows(), releases)
def test_periods_of_an_award_do_not_overlap_and_hold_evidence_that_is_not_later(
    cert: Certification, evidence: list[Evidence], released: Any
) -> None:
    timeline = decide(certain(cert), person(evidence, releases=released), END_OF_TIME)
    by_id = {e.id: e for e in evidence}
    for one, following in zip(timeline.periods, timeline.periods[1:], strict=False):
        assert one.ends_at is not None
        assert one.ends_at <= following.valid_from
    for period in timeline.periods:
        assert all(by_id[i].at <= period.awarded_at for i in period.evidence)
        assert timeline.status_at(period.awarded_at).awarded == period.awarded


@MANY
@given(rules(), rows(), instants)
def test_nothing_is_missing_exactly_when_the_candidate_instant_awards(
    cert: Certification, evidence: list[Evidence], at: dt.datetime
) -> None:
    timeline = decide(certain(cert), person(evidence), END_OF_TIME)
    for period in timeline.periods:
        if period.kind == "first":
            before = timeline.status_at(period.awarded_at - dt.timedelta(microseconds=1))
            assert before.state == "in_progress"
    found = timeline.status_at(at)
    if found.state == "in_progress" and at in {e.at for e in evidence}:
        assert found.missing


# 7. What has to be held

WHILES = ("{holds: prior}", "{any: [{holds: prior}, {holds: prior, status: [grace]}]}")


@st.composite
def bound_to_another(draw: Any) -> Certification:
    """Return a certification that is valid only while another one is held."""
    held, otherwise = draw(st.sampled_from(WHILES)), draw(st.sampled_from(["suspend", "end"]))
    lasts = f"{draw(st.sampled_from(LASTS))}, while: {held}, otherwise: {otherwise}"
    when = draw(st.sampled_from([*WHENS, "{holds: prior}"]))
    renewal, within = draw(st.sampled_from(RENEWALS)), draw(st.sampled_from(WITHIN))
    return rule(when, renewal, within, lasts, draw(st.sampled_from([RELEASES, *VOIDS])))


@MANY
@given(bound_to_another(), rows(late=True, voided=True), facts(), releases, holds, instants, st.randoms())
def test_nothing_is_valid_while_what_it_builds_on_is_not_held(
    cert: Certification,
    evidence: list[Evidence],
    found: Any,
    released: Any,
    held: Any,
    at: dt.datetime,
    random: Any,
) -> None:
    """cert#4.4-3, whatever the order; each change is in the table, and nobody waits for another change."""
    known = {"facts": found, "releases": released, "holds": held}
    timeline = decide(certain(cert), person(evidence, **known), END_OF_TIME)
    is_held = any(one.from_at <= at < one.until_at for one in held["prior"])
    assert is_held or timeline.status_at(at).state not in {"active", "renewal_open", "grace"}
    before, award = "in_progress", 0
    for change in timeline.transitions:
        assert change.before == before
        assert is_in_table(change, award), change
        before, award = change.after, change.award or award
    random.shuffle(evidence)
    turned = {"prior": held["prior"][::-1]}
    again = decide(certain(cert), person(evidence, **(known | {"holds": turned})), END_OF_TIME)
    assert shape(again) == shape(timeline)


# 8. Several versions, lifecycles, human decisions

TRANSITIONS = [
    "",
    "transition: {existing: re_evaluate}\n",
    "transition: {existing: {must_upgrade_by: 2026-06-30}}\n",
    "transition: {existing: re_evaluate, in_flight: {finish_old_until: 2026-03-31}}\n",
    "transition: {in_flight: {finish_old_until: 2026-12-31}}\n",
]


@st.composite
def versions(draw: Any) -> PublishedCertification:
    """Return up to three versions a few months apart, perhaps retired, withdrawn or disabled at the end."""
    found = []
    for index in range(draw(st.integers(1, 3))):
        more = draw(st.sampled_from(TRANSITIONS)) + draw(st.sampled_from([*VOIDS, RELEASES]))
        approval = draw(
            st.sampled_from(["", "", "  approval: {group: board}\n", "  readmission: {group: board}\n"])
        )
        cert = rule(
            draw(st.sampled_from(WHENS)),
            draw(st.sampled_from(RENEWALS)),
            draw(st.sampled_from(WITHIN)) + approval,
            draw(st.sampled_from(LASTS)),
            more,
        )
        since = None if index == 0 and draw(st.booleans()) else f"2025-{1 + 4 * index:02d}-15"
        found.append(version(replace(cert, version=str(index + 1)), since))
    changes = draw(
        st.lists(
            st.builds(
                lambda to, at: LifecycleChange(to, at, at),
                st.sampled_from(["published", "retired", "withdrawn", "disabled"]),
                instants,
            ),
            max_size=2,
        )
    )
    return published(*draw(st.permutations(found)), lifecycle=tuple(changes))


@st.composite
def verdicts(draw: Any) -> tuple[Fact, ...]:
    """Return up to three decisions of people about statements and awards."""
    found = []
    for index in range(draw(st.integers(0, 3))):
        at = draw(instants)
        kind = draw(st.sampled_from(["approval", "readmission", "acceptance", "resolution"]))
        found.append(
            Fact(
                kind=kind,
                at=at,
                decided_at=at,
                id=f"v{index}",
                allowed=draw(st.booleans()),
                statement=f"s{draw(st.integers(0, 13)):02d}"
                if kind in {"acceptance", "resolution"}
                else None,
                choice=draw(st.sampled_from(["keep", "recompute", "suspend", "revoke"]))
                if kind == "resolution"
                else None,
            )
        )
    return tuple(found)


@MANY
@given(versions(), rows(late=True, voided=True), facts(), verdicts(), releases, instants, st.randoms())
def test_versions_and_human_decisions_keep_to_the_table_whatever_the_order(
    cert: PublishedCertification,
    evidence: list[Evidence],
    found: Any,
    decided: Any,
    released: Any,
    d: dt.datetime,
    random: Any,
) -> None:
    every = (*found, *decided)
    for known_at in (d, END_OF_TIME):
        timeline = decide(cert, person(evidence, facts=every, releases=released), known_at)
        before, award = "in_progress", None
        for change in timeline.transitions:
            assert change.before == before
            assert is_in_table(change, award), change
            before, award = change.after, change.award
        shuffled, turned = list(evidence), list(every)
        random.shuffle(shuffled)
        random.shuffle(turned)
        backwards = replace(cert, versions=cert.versions[::-1], lifecycle=cert.lifecycle[::-1])
        again = decide(backwards, person(shuffled, facts=tuple(turned), releases=released), known_at)
        assert shape(again) == shape(timeline)
        assert timeline.status_at(d).state == (again.status_at(d).state)


@pytest.mark.parametrize("more", ["", RELEASES])
def test_an_empty_history_is_in_progress_for_ever(more: str) -> None:
    timeline = decide(certain(rule("a", "", "", "1 year", more)), person([]), END_OF_TIME)
    assert [s.state for s in timeline.segments] == ["in_progress"]
    assert timeline.status_at(START).missing == ("a",)
