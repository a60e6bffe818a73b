"""What pages show, without HTTP: explanations, ladders and gates of partners, states over time, differences."""

from __future__ import annotations

import datetime as dt
import difflib
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from lrs.analysis.reports.report import Chart, Report
from lrs.console.models import asked_statements, calendar, chart, explained, partner, rule_words
from lrs.console.models.diff import hunks
from lrs.console.models.state_line import WIDTH, state_line
from lrs.console.models.states import STATES, state_of
from rules.evaluation.timeline import State
from rules.explaining.explain import Cited, Explanation, Node
from rules.language.build import build
from rules.language.model import AnyDocument, Gate, PartnerTiers
from rules.programmes.tier_timeline import TierSegment, TierTimeline
from rules.programmes.tiers import Standing, reached
from rules.testing.files import check_files


def parsed(text: str) -> AnyDocument:
    (found,) = check_files([("x.yaml", text)])
    assert found.document is not None, found.problems
    return found.document


NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
PROGRAMME = parsed("""\
kind: PartnerTiers
id: acme-partners
version: "1"
title: Acme partners
order: [registered, silver, gold]
tiers:
  silver: {all: [{people_holding: {role: sales}, at_least: 1}]}
  gold: {all: [{people_holding: {role: sales}, at_least: 2}, {people_holding: {role: tech}, at_least: 1, label: Engineers}]}
""")
GATE = parsed("""\
kind: Gate
id: deals
version: "1"
title: Deals
subject: deal
allow_when: {all: [{tier_at_least: silver}, {submitter_holds: {role: sales, product: "{deal.product}"}, status: [active]}]}
refusal: Not yet.
""")


def test_every_state_of_the_engine_has_a_word() -> None:
    assert set(get_args(State)) == set(STATES)
    assert state_of("something_new").word == "Something new"


def told(*nodes: Node) -> explained.Told:
    met = sum(node.ok for node in nodes)
    return explained.told(Explanation("c", "1", "p", NOW, "in_progress", met, len(nodes), nodes, ()))


def test_what_is_missing_is_unfolded_and_what_is_met_is_not() -> None:
    done = Node("a", "A", True, "completed", "done", evidence=(Cited("s", NOW),))
    missing = Node("b", "B", False, "nothing yet", "done")
    shown = told(done, missing, Node("c", "C", False, "1 of 2", "2", parts=(done, missing)))
    assert [one.is_open for one in shown.branches] == [False, True, True]
    assert [one.has_more for one in shown.branches] == [True, False, True]
    assert shown.verdict == "1 of 3 requirements are met."
    assert [row["depth"] for row in explained.rows(shown.branches)] == [0, 0, 0, 1, 1]


def ladder_of(**people: list[Standing]) -> partner.Ladder:
    assert isinstance(PROGRAMME, PartnerTiers)
    line = TierTimeline(
        (TierSegment(NOW - DAY, "silver", "silver"), TierSegment(NOW + DAY, "registered", "registered")), ()
    )
    return partner.ladder(PROGRAMME, line, reached(PROGRAMME, people), NOW)


def test_a_ladder_has_a_meter_for_each_demand_and_tells_what_is_ahead() -> None:
    found = ladder_of(ana=[Standing(role="sales")], bo=[Standing(role="other")])
    gold, silver, registered = found.rungs
    assert [(one.label, one.have, one.need, one.ok) for one in gold.meters] == [
        ("role sales", 1, 2, False),
        ("Engineers", 0, 1, False),
    ]
    assert (silver.meters[0].people, silver.met, silver.held) == (("ana",), True, True)
    assert (registered.meters, registered.met, registered.held) == ((), True, False)
    assert found.ahead == ((NOW + DAY, "registered"),)


def test_a_gate_is_closed_by_the_tier_or_because_nobody_could_pass() -> None:
    assert isinstance(GATE, Gate)
    seller = {"ana": [Standing(role="sales", product="x")]}
    order = ("registered", "silver", "gold")
    opened = partner.gate_view(GATE, order, "silver", seller)
    assert opened.is_open
    assert [one.ok for one in opened.conditions] == [True, None], "who asks decides the second"
    assert not partner.gate_view(GATE, order, "registered", seller).is_open
    assert not partner.gate_view(GATE, order, None, seller).is_open
    assert not partner.gate_view(GATE, order, "gold", {"bo": [Standing(role="tech")]}).is_open


def test_a_rule_is_told_in_words() -> None:
    sections = rule_words.rule_words(PROGRAMME, {})
    assert [one.title for one in sections] == ["Registered", "Silver", "Gold", "How people count"]
    assert sections[2].lines == ((0, "2 people who hold: role sales"), (0, "Engineers"))
    assert rule_words.rule_words(GATE, {})[0].lines[0] == (0, "Tier Silver or higher")
    path: Any = [{"holds": "sales"}, {"done": "tour", "label": "Tour"}]
    launch = build({
        "kind": "Assignment", "id": "launch", "version": "1", "title": "Launch", "path": path,
        "evidence": {"tour": {"verb": "completed", "activity": "https://acme.example/tour"}},
        "targets": [{"role": "sales"}],
    })  # fmt: skip
    (section,) = rule_words.rule_words(launch, {"sales": "Sales Professional"})
    assert [words for _, words in section.lines][1] == "Tour"
    assert "Sales Professional" in section.lines[0][1]


@given(
    st.lists(st.tuples(st.integers(1, 400), st.sampled_from(list(STATES))), min_size=1, max_size=12),
    st.integers(-2000, 2000),
)
def test_the_bands_of_states_lie_side_by_side_inside_the_drawing(
    steps: list[tuple[int, str]], asked: int
) -> None:
    at, states = NOW - 900 * DAY, []
    for days, name in steps:
        at += days * DAY
        states.append({"at": at, "state": name})
    line = state_line(states, NOW + asked * DAY, NOW)
    assert line is not None
    edge = 0.0
    for band in line.bands:
        assert band.x >= edge - 0.05
        edge = band.x + band.width
        assert edge <= WIDTH + 0.05
    assert 0 <= line.marked <= WIDTH
    assert 0 <= line.now <= WIDTH


def test_who_has_no_states_has_no_drawing() -> None:
    assert state_line([], NOW, NOW) is None


LINES = st.lists(st.sampled_from(["a", "b", "- c", "+ d", ""]), max_size=12)


@given(LINES, LINES)
def test_a_difference_keeps_every_line_with_its_number(old: list[str], new: list[str]) -> None:
    found = hunks(difflib.unified_diff(old, new, "x", "y", lineterm=""))
    for line in (line for hunk in found for line in hunk.lines):
        if line.old is not None:
            assert old[line.old - 1] == line.text
        if line.new is not None:
            assert new[line.new - 1] == line.text
        assert {"gone": line.new is None, "come": line.old is None}.get(line.kind, line.old and line.new)


@given(
    st.lists(
        st.fixed_dictionaries({
            "name": st.sampled_from("abc"), "n": st.floats(0, 1000), "of": st.sampled_from(["x", "y"]),
            "day": st.dates(dt.date(2026, 1, 1), dt.date(2026, 12, 31)), "low": st.just(0.0), "high": st.just(1000.0),
        }),
        max_size=30,
    ),
    st.sampled_from(sorted(chart.DRAW)),
)  # fmt: skip
def test_every_drawing_stays_inside_its_field(rows: list[dict[str, Any]], kind: Any) -> None:
    y: Any = {"progress": ("high", "n"), "range": ("low", "n", "high"), "stacked": "count"}.get(kind, "n")
    x = {"lines": "day", "heat": "day", "points": "n"}.get(kind, "name")
    report = Report("r", "R", "a", ("name",), rows, Chart(kind, x, y, by="of"))
    drawn = chart.drawing(report)
    for bar in drawn.bars:
        assert all(
            start >= -0.1 and start + width <= 101.3 for start, width, _ in bar.parts if kind != "points"
        )
    for line in drawn.lines:
        numbers = [float(each) for point in line.points.split() for each in point.split(",")]
        assert all(0 <= each <= 100 for each in numbers)
    if not rows:
        assert drawn == chart.Drawing()


def test_stacked_bars_of_times_stand_in_order_of_time_and_the_oldest_are_left_out() -> None:
    months = [f"{2024 + n // 12}-{n % 12 + 1:02d}" for n in range(25)]
    rows = [{"month": one, "of": "x", "count": 100 - n} for n, one in enumerate(months)]
    drawn = chart.drawing(
        Report("r", "R", "a", ("month",), rows, Chart("stacked", "month", "count", by="of"))
    )
    assert ([one.name for one in drawn.bars], drawn.left_out) == (months[-chart.MOST_BARS :], 5)
    named = [{"month": one, "of": "x", "count": n} for n, one in enumerate("abc")]
    drawn = chart.drawing(
        Report("r", "R", "a", ("month",), named, Chart("stacked", "month", "count", by="of"))
    )
    assert [one.name for one in drawn.bars] == ["c", "b", "a"], "else what there is most of comes first"


def test_a_calendar_has_every_day_of_its_months_and_counts_them() -> None:
    first, last = dt.date(2027, 12, 30), dt.date(2028, 2, 29)
    found = calendar.months([last, last, dt.date(2028, 1, 1), dt.date(2030, 1, 1)], first, last)
    assert [(one.first.month, one.count, len(one.days)) for one in found] == [
        (12, 0, 31),
        (1, 1, 31),
        (2, 2, 29),
    ]
    assert [found[1].days[0].tone, found[1].days[1].tone, found[2].days[-1].tone] == ["q1", "q0", "q2"]


# What is found, by its most frequent values


def test_values_of_rows_are_counted_the_most_frequent_first() -> None:
    rows = [{"verb": f"http://v/{name}", "org": "north", "object.id": None} for name in "aababc"]
    (found,) = asked_statements.facets(rows, {}, {"north": "North"})
    assert found[0] == "verb"
    assert [(one.words, one.count, one.chosen) for one in found[1]] == [
        ("a", 3, False),
        ("b", 2, False),
        ("c", 1, False),
    ]
    chosen = dict(asked_statements.facets(rows, {"org": "north"}, {"north": "North"}))
    assert [(one.words, one.chosen) for one in chosen["org"]] == [("North", True)], (
        "a chosen one can be taken away"
    )
    assert asked_statements.facets([], {}, {}) == []
