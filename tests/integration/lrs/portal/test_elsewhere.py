"""What a learner earned elsewhere: brought on a page of their own, listed there, told in words when it is refused."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from factories_academy import RULE, self_named
from factories_access import learner_of, log_in

from rules.publication import plans

BRITTA, PLACE = "britta.holm@borealis.example", "/me/elsewhere"


@pytest.fixture(scope="module")
def britta(world: Any) -> Any:
    now = dt.datetime.now(dt.UTC)
    if world.db.rule_versions.find_one({"id": "cloud-elsewhere"}) is None:
        plan = plans.make_plan(world.db, [("elsewhere.yaml", RULE)], now, "test")
        plans.apply_plan(world.db, plan["_id"], now, "test")
    return log_in(world.app, learner_of(world.db, BRITTA))


def test_a_copy_beyond_two_megabytes_is_not_read(britta: Any) -> None:
    answer = britta.open(PLACE, "POST", data={"copy": "x" * 2_200_000})
    assert answer.status_code == 413, answer.text


def test_a_badge_brought_as_file_counts_and_is_listed(world: Any, britta: Any) -> None:
    copy = self_named(BRITTA, dt.datetime.now(dt.UTC))
    answer = britta.open(PLACE, "POST", data={"file": (io.BytesIO(copy), "badge.jwt")})
    assert (answer.status_code, answer.location) == (303, f"{PLACE}?saved=yes")
    world.work()
    page = britta.open(PLACE).text
    assert "Cloud Basics" in page
    assert "did:key:" in page
    held = world.db.standings.find_one(
        {"person": world.person("Britta Holm"), "certification": "cloud-elsewhere"}
    )
    assert held is not None
    assert b"recognised_credentials" in britta.open("/me/data.json").data


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "three parts"),
        ({"copy": "https://127.0.0.1/x"}, "no public address"),
        ({"copy": "http://169.254.169.254/latest"}, "not an https address"),
        ({"copy": "<svg xmlns='http://www.w3.org/2000/svg'/>"}, "It does not count"),
        ({"copy": "<script>alert(1)</script>"}, "It does not count"),
        ({"file": (io.BytesIO(b"%PDF-1.7 nothing"), "x.pdf")}, "It does not count"),
    ],
)
def test_what_does_not_count_is_said_and_nothing_is_kept(
    world: Any, britta: Any, data: Any, told: str
) -> None:
    before = world.db.recognitions.count_documents({})
    answer = britta.open(PLACE, "POST", data=data)
    assert (answer.status_code, told in answer.text) == (422, True)
    assert "<script>alert" not in answer.text
    assert world.db.recognitions.count_documents({}) == before


def test_somebody_elses_credential_does_not_count(world: Any, britta: Any) -> None:
    copy = self_named("ana.lima@drift.example", dt.datetime.now(dt.UTC)).decode()
    answer = britta.open(PLACE, "POST", data={"copy": copy})
    assert "another mail address" in answer.text


def test_too_many_tries_have_to_wait(world: Any, britta: Any) -> None:
    answers = [britta.open(PLACE, "POST", data={"copy": "x"}).status_code for _ in range(20)]
    assert answers[-1] == 429
