"""What predictions learn from, against a count by hand; and the reports that they make, or why there is none."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

import pytest
from lake_years import ADL, DAY, NOW, ORDER, ORGS, Did, Years, fill, holds

from lrs.analysis.audience import ReportFilter, ReportRequest, audience
from lrs.analysis.figures.charts import draw
from lrs.analysis.readable_stores import Scope
from lrs.analysis.reports.catalogue import EVERY_REPORT, as_csv, as_json
from lrs.analysis.reports.report import Report
from lrs.foundation.errors import Collision, InvalidField
from lrs.lake.filling import Filler
from lrs.lake.reports import readiness
from lrs.lake.reports.opened import Sight, opened

pytest.importorskip("sklearn")

MOMENTS = [NOW - n * 30 * DAY for n in (30, 12, 5, 3, 1, 0)]
WITHIN = 90 * DAY
EVIDENCE = [
    (name, piece, f"https://x.example/{name}/{activity}", begins, [ADL + verb for verb in verbs])
    for name in ("sales", "tech")
    for piece, activity, begins, verbs in (
        ("course", "course/", True, ["completed"]), ("exam", "exam", False, ["passed", "failed"]),
    )
]  # fmt: skip
TITLES = {"sales": "Sales", "tech": "Tech"}


@pytest.fixture
def made(worlds: Any, seed: int) -> tuple[Years, str]:
    return worlds(seed, (24, 40, 12)[seed])


def evidence_of(
    years: Years, orgs: tuple[str, ...], person: str, certification: str, at: dt.datetime
) -> list[Did]:
    """Return what somebody had done for a certification by an instant."""
    base = f"https://x.example/{certification}"
    return [
        one
        for one in years.acts_of(orgs, person)
        if one.at <= at
        and ((one.verb == "completed" and one.activity.startswith(f"{base}/course/"))
             or (one.verb in {"passed", "failed"} and one.activity == f"{base}/exam"))
    ]  # fmt: skip


def people_by_hand(years: Years, orgs: tuple[str, ...]) -> list[dict[str, Any]]:
    spans = {(p, c): s for p, c, s in years.spans(orgs)}
    rows = []
    for at in MOMENTS:
        staff = {p: org for p in years.memberships if (org := years.member(p, at, orgs))}
        for person, org in staff.items():
            for certification in ("sales", "tech"):
                mine = spans.get((person, certification), [])
                evidence = evidence_of(years, orgs, person, certification, at)
                if not evidence or (mine and mine[0][0] <= at):
                    continue
                did = [one for one in years.acts_of(orgs, person) if at - 180 * DAY < one.at <= at]
                failed = [one for one in evidence if one.verb == "failed"]
                colleagues = [p for p in staff if staff[p] == org]
                having = sum(holds(spans.get((p, certification), []), at) for p in colleagues)
                done = {one.activity.rpartition("/")[2] == "exam" for one in evidence if one.verb != "failed"}
                rows.append({
                    "moment": at, "person": person, "certification": certification, "org": org,
                    "outcome": None if at + WITHIN > NOW else bool(mine) and mine[0][0] <= at + WITHIN,
                    "done": len(done) / 2, "days": pytest.approx((at - min(one.at for one in evidence)) / DAY),
                    "best_score": max((one.scaled for one in evidence if one.scaled is not None), default=None),
                    "failed": len(failed), "recent": sum(one.at > at - 30 * DAY for one in did),
                    "quiet_days": pytest.approx((at - max(one.at for one in did)) / DAY if did else 180),
                    "others": sum(holds(spans.get((person, c), []), at) for c in ("sales", "tech")),
                    "peers": pytest.approx(having / (len(colleagues) - 1) if len(colleagues) > 1 else 0),
                })  # fmt: skip
    return sorted(rows, key=lambda row: (row["moment"], row["person"], row["certification"]))


def sight(orgs: tuple[str, ...]) -> Sight:
    return Sight(orgs, orgs, TITLES, None, everybody=orgs == ORGS)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("orgs", [ORGS, ("north",)], ids=["everything", "north"])
def test_what_was_known_of_people_is_what_had_happened_by_then(
    made: tuple[Years, str], orgs: tuple[str, ...]
) -> None:
    years, url = made
    with opened(years.db, url, sight(orgs)) as tables:
        assert readiness.people(tables, MOMENTS, WITHIN, NOW, EVIDENCE) == people_by_hand(years, orgs)


def _is_new(
    years: Years, orgs: tuple[str, ...], held: dict[Any, dt.datetime], who: tuple[str, str], at: dt.datetime
) -> bool:
    person, certification = who
    if held.get((person, certification), NOW + DAY) <= at:
        return False
    return any(one.at > at - 90 * DAY for one in evidence_of(years, orgs, person, certification, at))


def partners_by_hand(years: Years, orgs: tuple[str, ...]) -> list[dict[str, Any]]:
    spans = list(years.spans(orgs))
    firsts = {(p, c): s[0][0] for p, c, s in spans}
    ranks = {tier: rank for rank, tier in enumerate(ORDER["partners"])}
    rows = []
    for at in sorted(MOMENTS):
        for org in orgs:
            steps = years.db.tiers.find_one({"_id": org})["steps"]
            staff = {p for p in years.memberships if years.member(p, at, orgs) == org}
            stood = [ranks[one["tier"]] for one in steps if one["at"] <= at]
            rank = stood[-1] if stood else 0
            if not staff or rank == 2:
                continue
            risen = [one["at"] for one in steps if one["at"] > at and ranks[one["tier"]] > rank]
            held = [p for p, _, s in spans if p in staff and holds(s, at)]
            acts = [one for one in years.acts(orgs) if one.person in staff and at - 60 * DAY < one.at <= at]
            rows.append({
                "moment": at, "org": org, "programme": "partners", "rank": rank, "height": rank / 2,
                "outcome": None if at + WITHIN > NOW else bool(risen) and min(risen) <= at + WITHIN,
                "people": len(staff), "certified": pytest.approx(len(set(held)) / len(staff)), "held": len(held),
                "awarded": sum(at - 90 * DAY < s[0][0] <= at for p, _, s in spans if p in staff),
                "lively": pytest.approx(len({one.person for one in acts}) / len(staff)),
                "under_way": sum(any(_is_new(years, orgs, firsts, (p, c), at) for c in TITLES) for p in staff),
            })  # fmt: skip
    return rows


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("orgs", [ORGS, ("north",)], ids=["everything", "north"])
def test_what_was_known_of_partners_is_what_had_happened_by_then(
    made: tuple[Years, str], orgs: tuple[str, ...]
) -> None:
    years, url = made
    with opened(years.db, url, sight(orgs)) as tables:
        rows = readiness.partners(tables, MOMENTS, WITHIN, NOW, evidence=EVIDENCE, order=ORDER)
        assert rows == partners_by_hand(years, orgs)


@pytest.fixture(scope="module")
def seed() -> int:
    return 1


@pytest.fixture
def many(worlds: Any) -> tuple[Years, str]:
    return worlds(5, 120)


def test_a_prediction_comes_with_what_it_is_worth(many: tuple[Years, str]) -> None:
    years, url = many
    report = years.ask(url, "readiness")
    assert report.rows
    probabilities = [row["probability"] for row in report.rows]
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0 <= one <= 1 for one in probabilities)
    assert {row["by"] for row in report.rows} == {(NOW + WITHIN).date()}
    assert all(evidence_of(years, ORGS, row["person"], row["certification"], NOW) for row in report.rows)
    told = " ".join(report.notes)
    assert all(word in told for word in ("Held out:", "Brier score", "AUC", "decides nothing"))
    calibration, factors = report.beside
    assert sum(row["examples"] for row in calibration.rows) >= 20
    assert len(factors.rows) == 8
    assert all("odds are" in row["in_words"] or "no difference" in row["in_words"] for row in factors.rows)
    assert [one["name"] for one in as_json(report)["beside"]] == ["calibration", "factors"]
    for one in (report, *report.beside):
        assert all(set(row) == set(one.columns) for row in one.rows)
        assert b"<svg" in draw(one, "svg")
        assert as_csv(one)


def test_narrowing_shows_fewer_people_of_the_same_model(many: tuple[Years, str]) -> None:
    years, url = many
    whole, north = years.ask(url, "readiness"), years.ask(url, "readiness", organization="north")
    assert [row for row in whole.rows if row["organization"] == "north"] == list(north.rows)
    assert as_json(north)["beside"] == as_json(whole)["beside"]


def test_a_partner_is_told_of_its_own_people_alone(many: tuple[Years, str]) -> None:
    years, url = many
    report = years.ask(url, "readiness", ("north",))
    assert {row["organization"] for row in report.rows} <= {"north"}


@pytest.mark.parametrize("seed", [2])
@pytest.mark.parametrize("name", ["readiness", "tier-readiness"])
def test_too_little_history_is_said_in_place_of_a_prediction(made: tuple[Years, str], name: str) -> None:
    years, url = made
    report = years.ask(url, name)
    assert not report.rows
    assert report.notes[0].startswith("There is too little")


@pytest.mark.parametrize("name", ["readiness", "tier-readiness"])
def test_a_day_may_say_how_far_ahead(made: tuple[Years, str], name: str) -> None:
    years, url = made
    assert "(31 days)" in years.ask(url, name, until=NOW + 30.5 * DAY).about
    assert "(7 days)" in years.ask(url, name, days=7, until=NOW + 30 * DAY).about
    for wanted in ({"until": NOW}, {"until": NOW - DAY}, {"until": NOW + 4000 * DAY}, {"days": 0}):
        with pytest.raises(InvalidField):
            years.ask(url, name, **wanted)


@pytest.mark.parametrize("name", ["readiness", "tier-readiness"])
def test_predictions_that_are_off_say_how_to_turn_them_on(made: tuple[Years, str], name: str) -> None:
    years, url = made
    whom = audience(years.db, Scope(ORGS, whole=True), ReportFilter(), NOW)
    with pytest.raises(Collision, match="LRS_PREDICTION=on"):
        EVERY_REPORT[name](ReportRequest(years.db, whom, ReportFilter(), NOW, url))


def test_without_the_library_it_says_what_to_install(
    made: tuple[Years, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    years, url = made
    import lrs.analysis.prediction.model  # noqa: F401 -- so that it can be taken away

    monkeypatch.delattr("lrs.analysis.prediction.model")
    monkeypatch.delitem(sys.modules, "lrs.analysis.prediction.model")
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(Collision, match=r"pip install 'laurel-lrs\[lake,prediction\]'"):
        years.ask(url, "readiness")


def test_partners_that_rise_are_told_apart_from_those_that_do_not(db: Any, filler: Filler) -> None:
    """Forty partners, of which those with many certified people rise."""
    years = Years(db, 3, people=4)
    _forty_partners(years)
    orgs = tuple(sorted(one["_id"] for one in db.orgs.find()))
    whom = audience(db, Scope(orgs, whole=True), ReportFilter(), NOW)
    asked = ReportRequest(db, whom, ReportFilter(), NOW, fill(db, filler), predicts=True)
    report: Report = EVERY_REPORT["tier-readiness"](asked)
    assert report.rows, report.notes
    assert {row["tier"] for row in report.rows} <= {"registered", "silver"}
    assert len(report.beside) == 2


def _forty_partners(years: Years) -> None:
    for n in range(40):
        org, person = f"partner-{n:02}", f"q_{n:02}"
        years.db.orgs.insert_one({"_id": org, "name": org, "ancestors": ["vendor"], "kind": "partner"})
        years.db.people.insert_one({"_id": person, "org": "vendor", "name": person, "ifis": []})
        years.db.affiliations.insert_one({
            "_id": person, "person": person, "org": org, "primary": True, "from": None, "until": None,
            "confirmed_at": NOW - 1000 * DAY,
        })  # fmt: skip
        at = NOW - years.chance.randrange(100, 900) * DAY
        if years.chance.random() < 0.7:
            years._stand(person, "sales", [{"at": at, "state": "active"}])
            steps = [{"at": at + 45 * DAY, "tier": "silver"}]
            years.db.tiers.insert_one(
                {"_id": org, "organization": org, "programme": "partners", "steps": steps}
            )
