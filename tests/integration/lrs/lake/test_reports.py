"""Ready reports on the lake's tables against a count by hand; they tell nobody of others' people, nor of few."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lake_years
import pytest
from lake_years import BERLIN, NOW, ORGS, Years, fill

from lrs.analysis.figures import confidence_intervals as intervals
from lrs.analysis.figures.charts import draw
from lrs.analysis.reports.catalogue import LAKE_REPORTS, about, as_csv, as_json
from lrs.analysis.reports.qualifying import WEIGHTS
from lrs.console.models.chart import drawing
from lrs.foundation.errors import Collision, InvalidField
from lrs.lake.filling import Filler
from lrs.lake.reports.opened import Sight, opened

REACHES = pytest.mark.parametrize("orgs", [ORGS, ("north",)], ids=["everything", "north"])
SEEDS = pytest.mark.parametrize("seed", range(3))
ZONE = {"timezone": str(BERLIN)}


@pytest.fixture
def made(worlds: Any, seed: int) -> tuple[Years, str]:
    return worlds(seed, (24, 40, 12)[seed])


@SEEDS
@REACHES
def test_retention_is_what_a_count_by_hand_says(made: tuple[Years, str], orgs: tuple[str, ...]) -> None:
    years, url = made
    assert years.ask(url, "retention", orgs, **ZONE).rows == lake_years.retention(years, orgs)


@SEEDS
@REACHES
def test_time_to_competency_has_the_quartiles_of_each_partner(
    made: tuple[Years, str], orgs: tuple[str, ...]
) -> None:
    years, url = made
    by_hand = lake_years.competency(years, orgs)
    rows = {row["organization"]: row for row in years.ask(url, "time-to-competency", orgs).rows}
    assert set(rows) == {org for org, one in by_hand.items() if one["people"] or one["waiting"]}
    for org, row in rows.items():
        expected = by_hand[org]
        assert [row["people"], row["learners"], row["waiting"]] == [
            expected["people"], expected["learners"], expected["waiting"]
        ]  # fmt: skip
        for column, values in (("", expected["days"]), ("learning_", expected["learning"])):
            found = [row[f"{column}{one}_days"] for one in ("q1", "median", "q3")]
            assert found == [None if one is None else pytest.approx(one, abs=0.06) for one in values]


@SEEDS
@REACHES
def test_questions_have_their_difficulty_discrimination_and_distractors(
    made: tuple[Years, str], orgs: tuple[str, ...]
) -> None:
    years, url = made
    by_hand = lake_years.items(years, orgs)
    report = years.ask(url, "item-history", orgs, **ZONE)
    assert {(row["question"], row["quarter"]) for row in report.rows} == set(by_hand)
    for row in report.rows:
        expected = by_hand[row["question"], row["quarter"]]
        assert row["answers"] == expected["answers"]
        for name in ("difficulty", "discrimination"):
            assert row[name] == (
                None if expected[name] is None else pytest.approx(expected[name], abs=0.0006)
            ), row
        if expected["distractors"] is None:
            assert row["distractors"] is None
        else:
            told = dict(one.split(": ") for one in row["distractors"].split("; ") if one)
            told.pop("others", None)
            assert told == {name: f"{share:.0%}" for name, share in expected["distractors"].items()}
        assert row["title"] == f"What is {row['question'][-1]}?"


@SEEDS
def test_drift_is_against_all_before(made: tuple[Years, str], seed: int) -> None:
    years, url = made
    rows = years.ask(url, "item-history", unit="year", **ZONE).rows
    seen = {}
    for row in sorted(rows, key=lambda one: (one["question"], one["year"])):
        before = seen.setdefault(row["question"], [])
        if row["difficulty"] is not None and before:
            right = sum(round(one["difficulty"] * one["answers"]) for one in before)
            asked = sum(one["answers"] for one in before)
            drift = intervals.rate_difference(
                intervals.wilson(round(row["difficulty"] * row["answers"]), row["answers"]),
                intervals.wilson(right, asked),
            )
            found = (row["drift"], row["drift_low"], row["drift_high"])
            assert found == pytest.approx((drift.value, drift.low, drift.high), abs=0.0006)
        else:
            assert row["drift"] is None
        if row["difficulty"] is not None:
            before.append(row)


@SEEDS
@REACHES
@pytest.mark.parametrize("days", [1, 7, 400])
def test_paths_count_where_people_go_on_to(made: tuple[Years, str], orgs: tuple[str, ...], days: int) -> None:
    years, url = made
    by_hand = lake_years.paths(years, orgs, days)
    rows = years.ask(url, "paths", orgs, days=days).rows
    assert {(row["content"], row["next"]): (row["people"], row["times"], row["share"]) for row in rows} == {
        key: (people, times, pytest.approx(share, abs=0.0006))
        for key, (people, times, share) in by_hand.items()
    }
    one = lake_years.CONTENT[0]
    from_one = years.ask(url, "paths", orgs, days=days, activity=one).rows
    assert from_one == [row for row in rows if row["activity"] == one]


@SEEDS
@REACHES
def test_deals_of_certified_people_stand_beside_the_others(
    made: tuple[Years, str], orgs: tuple[str, ...]
) -> None:
    years, url = made
    report = years.ask(url, "training-and-deals", orgs)
    assert any("do not show what certification causes" in note for note in report.notes)
    for name in ("sales", "tech"):
        rows = [row for row in report.rows if row["certification"] == name]
        by_hand = lake_years.cohorts(years, orgs, name)
        told = {}
        for row, deals in zip(rows, (by_hand[True], by_hand[False]), strict=False):
            people = {deal["person"] for deal in deals}
            assert (row["people"], row["deals"]) == (len(people), len(deals))
            decided = [deal for deal in deals if deal["won"] is not None]
            if len(people) < 5:
                assert [row["won"], row["won_share"], row["mean_amount"]] == [None] * 3
                continue
            amounts = [d["amount"] for d in deals if d["won"] and d["amount"] is not None]
            share = intervals.wilson(sum(deal["won"] for deal in decided), len(decided))
            told[row["group"]] = share, amounts
            _same(row, ("won_share", "won_low", "won_high"), share, 0.0006)
            _same(row, ("mean_amount", "amount_low", "amount_high"), intervals.mean_interval(amounts), 0.006)
        if len(told) == 2:
            (first, some), (second, others) = told.values()
            _same(
                rows[2],
                ("won_share", "won_low", "won_high"),
                intervals.rate_difference(first, second),
                0.0006,
            )
            difference = intervals.mean_difference(some, others)
            _same(rows[2], ("mean_amount", "amount_low", "amount_high"), difference, 0.006)


def _same(row: Any, columns: tuple[str, ...], interval: intervals.Interval, within: float) -> None:
    expected = (interval.value, interval.low, interval.high)
    for column, value in zip(columns, expected, strict=True):
        assert row[column] == (None if value is None else pytest.approx(value, abs=within)), row


@SEEDS
@REACHES
def test_health_shows_its_parts_and_their_weights_make_the_score(
    made: tuple[Years, str], orgs: tuple[str, ...]
) -> None:
    years, url = made
    by_hand = lake_years.health(years, orgs)
    report = years.ask(url, "health-score", orgs)
    assert sum(WEIGHTS.values()) == 100
    assert all(f"{part} {weight}" in report.about for part, weight in WEIGHTS.items())
    assert {row["organization"] for row in report.rows} == set(by_hand)
    for row in report.rows:
        parts = by_hand[row["organization"]]
        for part, share in parts.items():
            assert row[part] == (None if share is None else pytest.approx(share, abs=0.0006)), part
        known = {part: share for part, share in parts.items() if share is not None}
        whole = sum(WEIGHTS[part] for part in known)
        expected = sum(WEIGHTS[part] * share for part, share in known.items()) * 100 / whole
        assert row["score"] == pytest.approx(expected, abs=0.06)


def test_no_report_tells_a_partner_of_anothers_people(db: Any, filler: Filler) -> None:
    """The other partner may vanish, and nothing changes in what this one sees."""
    years = Years(db, 1, people=40)
    url = fill(db, filler)

    def told() -> dict[str, Any]:
        return {name: as_json(years.ask(url, name, ("north",))) | {"notes": []} for name in sorted(PLAIN)}

    before = told()
    others = sorted(set(years.memberships) - years.belonged(("north",)))
    assert others
    db.statements.delete_many({"org": "south"})
    for collection in ("standings", "affiliations"):
        db[collection].delete_many({"person": {"$in": others}})
    db.affiliations.delete_many({"org": "south"})
    db.deals.delete_many({"org": "south"})
    db.people.delete_many({"_id": {"$in": others}})
    fill(db, filler)
    assert told() == before


PLAIN = {name for name in LAKE_REPORTS if "readiness" not in name}


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("name", sorted(PLAIN))
def test_every_report_has_its_forms(made: tuple[Years, str], name: str) -> None:
    years, url = made
    report = years.ask(url, name)
    assert report.rows
    assert about(name).endswith(".")
    assert as_csv(report).decode().splitlines()[0] == ",".join(report.columns)
    assert all(set(row) == set(report.columns) for row in report.rows)
    assert draw(report, "png").startswith(b"\x89PNG")
    assert b"<svg" in draw(report, "svg")
    shown = drawing(report)
    assert shown.bars or shown.cells or shown.flows
    assert any(note.startswith("The lake knows everything before") for note in report.notes)


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_reports_of_nobody_are_empty(db: Any, filler: Filler, name: str) -> None:
    years = Years(db, 0, people=0)
    report = years.ask(fill(db, filler), name)
    assert not report.rows
    assert b"<svg" in draw(report, "svg")
    assert drawing(report) is not None


@pytest.mark.parametrize("seed", [1])
def test_filters_narrow_what_is_counted(made: tuple[Years, str]) -> None:
    years, url = made
    whole = years.ask(url, "time-to-competency").rows
    south = years.ask(url, "time-to-competency", region="US").rows
    assert [row["organization"] for row in south] == ["south"]
    assert not years.ask(url, "time-to-competency", role="technical").rows
    assert years.ask(url, "time-to-competency", since=NOW).rows != whole
    assert not years.ask(url, "paths", activity="https://x.example/nothing").rows
    assert {
        row["certification"] for row in years.ask(url, "training-and-deals", certification="tech").rows
    } == {"tech"}
    by_year = years.ask(url, "retention", unit="year").rows
    assert {len(row["cohort"]) for row in by_year} == {4}
    assert all(
        row["quarter"] >= "2026 Q1" for row in years.ask(url, "item-history", since=NOW.replace(month=1)).rows
    )


@pytest.mark.parametrize("seed", [2])
@pytest.mark.parametrize(
    ("name", "wanted", "says"),
    [
        ("retention", {"unit": "week"}, "is one of month, quarter, year"),
        ("item-history", {"unit": "'; DROP"}, "is one of month, quarter, year"),
        ("paths", {"days": 0}, "from 1 to 3650"),
        ("paths", {"days": 10**9}, "from 1 to 3650"),
    ],
)
def test_a_wrong_filter_is_refused(made: tuple[Years, str], name: str, wanted: Any, says: str) -> None:
    years, url = made
    with pytest.raises(InvalidField, match=says):
        years.ask(url, name, **wanted)


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_without_a_lake_a_report_says_what_to_do(db: Any, tmp_path: Path, name: str) -> None:
    years = Years(db, 0, people=0)
    for url in ("", str(tmp_path / "nowhere")):
        with pytest.raises(Collision, match="set LRS_LAKE_URL and run `lrs lake build`"):
            years.ask(url, name)
    db.lake.insert_one({"_id": "statements", "through": NOW})
    with pytest.raises(Collision, match="run `lrs lake build`"):
        years.ask(str(tmp_path / "nowhere"), name)


def test_without_the_libraries_a_report_says_what_to_install(
    db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("lrs.lake.reports.partners")
    monkeypatch.setitem(sys.modules, "lrs.lake.reports.partners", None)
    with pytest.raises(Collision, match=r"pip install 'laurel-lrs\[analysis,lake\]'"):
        Years(db, 0, people=0).ask("somewhere", "health-score")


@pytest.mark.parametrize("seed", [1])
def test_no_value_of_a_sight_is_part_of_sql(made: tuple[Years, str]) -> None:
    years, url = made
    with opened(years.db, url, Sight(("north') OR ('1' = '1",), ("x') OR ('1' = '1",), {})) as tables:
        assert tables.rows("SELECT * FROM {members}") == []
        assert tables.rows("SELECT * FROM {acts}") == []
        assert tables.rows("SELECT * FROM {own_deals}") == []
        assert tables.rows("SELECT * FROM {holdings}") == []
