"""Reports over the years by API, page and command: with a lake, and without one."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import basic
from factories_access import Browser, log_in, make_user
from flask import Flask
from flask.testing import FlaskClient
from lake_years import Years, fill

from lrs.analysis.reports.catalogue import LAKE_REPORTS, offered
from lrs.cli import cli
from lrs.foundation.settings import Settings
from lrs.lake.filling import Filler

NAMES = sorted(LAKE_REPORTS)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    url = "" if request.node.name.startswith("test_without_a_lake") else str(tmp_path / "lake")
    return dataclasses.replace(settings, lake_url=url)


@pytest.fixture
def years(app: Flask, db: Any, filler: Filler) -> Years:
    made = Years(db, 1, people=40)
    fill(db, filler)
    return made


@pytest.fixture
def ada(app: Flask, db: Any) -> Browser:
    return log_in(app, make_user(db, "vendor", "vendor_admin", "ada@vendor.example"))


@pytest.fixture
def pat(app: Flask, db: Any, years: Years) -> Browser:
    return log_in(app, make_user(db, "north", "partner_admin", "pat@north.example"))


@pytest.mark.described
@pytest.mark.parametrize("name", NAMES)
def test_a_report_is_answered_in_all_forms(years: Years, client: FlaskClient, name: str) -> None:
    path = f"/api/v1/reports/{name}"
    told = client.get(path, headers=basic())
    assert told.status_code == 200, told.text
    assert told.json["rows"]
    assert told.json["notes"]
    rows = list(csv.reader(io.StringIO(client.get(f"{path}?format=csv", headers=basic()).text)))
    assert rows[0] == told.json["columns"]
    assert len(rows) == 1 + len(told.json["rows"])
    assert client.get(f"{path}?format=svg", headers=basic()).data.lstrip().startswith(b"<?xml")
    assert client.get(f"{path}?format=png", headers=basic()).data.startswith(b"\x89PNG")


@pytest.mark.parametrize("name", NAMES)
def test_a_page_draws_it_and_has_its_rows(years: Years, ada: Browser, pat: Browser, name: str) -> None:
    page = ada.open(f"/console/reports/{name}")
    assert page.status_code == 200
    assert "<svg" in page.text or 'class="heat' in page.text
    assert "The lake knows everything before" in page.text
    items = ada.open(f"/console/reports/{name}.json").json
    assert items["items"]
    assert items["notes"]
    assert len(list(csv.DictReader(io.StringIO(ada.open(f"/console/reports/{name}.csv").text)))) == len(
        items["items"]
    )
    own = pat.open(f"/console/reports/{name}.json")
    assert own.status_code == 200
    assert "south" not in own.text.lower()
    assert pat.open(f"/console/reports/{name}?organization=south").status_code == 404


def test_pages_offer_what_the_installation_can_answer(years: Years, ada: Browser) -> None:
    page = ada.open("/console/reports").text
    assert all(f'href="/console/reports/{name}"' in page for name in NAMES)
    assert "readiness" not in page
    assert ada.open("/console/reports/readiness").status_code == 409


@pytest.mark.parametrize("name", [*NAMES, "readiness", "tier-readiness"])
def test_without_a_lake_every_way_says_what_to_do(
    app: Flask, client: FlaskClient, ada: Browser, name: str
) -> None:
    told = client.get(f"/api/v1/reports/{name}", headers=basic())
    assert told.status_code == 409
    wanted = "LRS_PREDICTION=on" if "readiness" in name else "LRS_LAKE_URL"
    assert wanted in told.text
    page = ada.open(f"/console/reports/{name}")
    assert page.status_code == 409
    assert wanted in page.text


def test_without_a_lake_pages_lead_to_no_report_that_needs_one(app: Flask, ada: Browser) -> None:
    page = ada.open("/console/reports").text
    assert "LRS_LAKE_URL" in page
    assert not any(f'href="/console/reports/{name}"' in page for name in NAMES)


@pytest.mark.parametrize(
    "query",
    ["unit=week", "days=0", "days=x", "days=3651", "days=1.5", f"activity={'x' * 2001}", "unit=quarter%00"],
)
def test_a_wrong_filter_is_answered_by_its_name(
    years: Years, client: FlaskClient, ada: Browser, query: str
) -> None:
    name = "retention" if query.startswith("unit") else "paths"
    told = client.get(f"/api/v1/reports/{name}?{query}", headers=basic())
    assert told.status_code == 422
    assert query.partition("=")[0] in told.text
    assert ada.open(f"/console/reports/{name}?{query}").status_code == 422


def test_fields_of_the_page_stand_where_a_report_asks_for_them(years: Years, ada: Browser) -> None:
    wanted = {
        "retention": ["unit"],
        "item-history": ["unit"],
        "paths": ["days", "activity"],
        "health-score": [],
    }
    for name, fields in wanted.items():
        page = ada.open(f"/console/reports/{name}").text
        assert [one for one in ("unit", "days", "activity") if f'id="{one}"' in page] == fields
    assert 'value="year" selected' in ada.open("/console/reports/retention?unit=year").text


def test_the_most_distant_days_are_answered(years: Years, client: FlaskClient) -> None:
    for name in NAMES:
        for query in (
            "since=0001-01-03", "until=0001-01-03", "since=9999-12-30", "until=9999-12-30T23:59:59Z",
            "since=9999-12-30&until=0001-01-03", "timezone=Pacific/Apia&unit=month", "region=nowhere",
            "certification=unknown", "activity=%27%3B%20DROP%20TABLE%20members",
        ):  # fmt: skip
            answer = client.get(f"/api/v1/reports/{name}?{query}", headers=basic())
            assert answer.status_code == 200, (name, query, answer.text)


def test_what_is_offered_follows_lake_and_setting() -> None:
    plain = offered(has_lake=False, predicts=True)
    assert not set(plain) & set(NAMES)
    assert set(NAMES) <= set(offered(has_lake=True, predicts=False))
    assert set(offered(has_lake=True, predicts=True)) - set(offered(has_lake=True, predicts=False)) == {
        "readiness",
        "tier-readiness",
    }


def test_the_command_tells_rows_and_notes(settings: Settings, years: Years) -> None:
    environ = {
        "LRS_MONGODB_URI": settings.mongodb_uri, "LRS_DATABASE": settings.database,
        "LRS_LAKE_URL": settings.lake_url, "LRS_DATA_FOLDER": str(settings.data_folder),
    }  # fmt: skip
    told = CliRunner().invoke(cli, ["reports", "show", "paths", "--days", "30"], env=environ)
    assert told.exit_code == 0, told.output
    assert "The lake knows everything before" in told.output
    off = CliRunner().invoke(cli, ["reports", "show", "readiness"], env=environ)
    assert off.exit_code == 1
    assert "LRS_PREDICTION=on" in off.output
