"""What organizations share of their people: nothing unless it is said, as far and as long as it is said, on record."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_access import editor, log_in, make_org, make_person, make_user
from flask import Flask

from lrs.foundation.errors import Collision, InvalidField, UnknownThing
from lrs.people import sharing

NOW = dt.datetime.now(dt.UTC)
TODAY = NOW.date()


@pytest.fixture
def both(app: Flask, db: Any) -> Any:
    for org in ("north", "south"):
        make_org(db, org)
    make_person(db, "ana@north.example", "north", name="Ana Lima")
    return db


def given(db: Any, what: str = "certifications", until: dt.date | None = None) -> str:
    return str(sharing.share(editor(db), "north", "south", what, reason="bid", until=until)["_id"])


def test_a_share_is_open_up_to_its_last_day_and_closed_after(both: Any) -> None:
    name = given(both, until=TODAY)
    assert sharing.find_received(both, "south", name, NOW)["_id"] == name
    assert [one["_id"] for one in sharing.received(both, "south", NOW)] == [name]
    later = NOW + dt.timedelta(days=1)
    assert sharing.received(both, "south", later) == []
    with pytest.raises(UnknownThing):
        sharing.find_received(both, "south", name, later)
    assert [one["_id"] for one in sharing.given(both, "north")] == [name], "it stays on record"


def test_ending_closes_it_at_once_and_both_sides_have_it_in_their_audit(both: Any) -> None:
    name = given(both)
    sharing.end(editor(both), "north", name)
    assert sharing.received(both, "south", NOW) == []
    with pytest.raises(UnknownThing):
        sharing.end(editor(both), "north", name)
    found = [(row["action"], row["org"]) for row in both.audit.find({"thing": name}).sort("_id", 1)]
    assert sorted(found) == sorted(
        (action, org) for action in ("share.begin", "share.end") for org in ("north", "south")
    )


@pytest.mark.parametrize(
    ("to", "what", "reason", "until", "error"),
    [
        ("south", "everything", "x", None, InvalidField),
        ("south", "figures", "", None, InvalidField),
        ("south", "figures", "x" * 501, None, InvalidField),
        ("south", "figures", "x", TODAY - dt.timedelta(days=1), InvalidField),
        ("nobody", "figures", "x", None, UnknownThing),
        ("north", "figures", "x", None, Collision),
        ("vendor", "figures", "x", None, Collision),
    ],
)  # fmt: skip
def test_what_cannot_be_shared_changes_nothing(
    both: Any, to: str, what: str, reason: str, until: dt.date | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        sharing.share(editor(both), "north", to, what, reason=reason, until=until)
    assert both.shares.count_documents({}) == 0


def test_two_at_once_with_one_organization_are_refused(both: Any) -> None:
    given(both, "figures")
    with pytest.raises(Collision):
        given(both, "assignments")
    assert [one["what"] for one in sharing.given(both, "north")] == ["figures"]


def test_who_is_shared_with_sees_names_as_far_as_was_said_and_nobody_else_does(app: Flask, both: Any) -> None:
    south = log_in(app, make_user(both, "south", "partner_admin", "sue@south.example"))
    north = log_in(app, make_user(both, "north", "partner_admin", "nora@north.example"))
    name = given(both, "figures")
    here = f"/partner/sharing/{name}"
    assert "Ana Lima" not in south.client.get(here).text, "figures have no names"
    assert north.client.get(here).status_code == 404, "it is for who is shared with"
    sharing.end(editor(both), "north", name)
    assert south.client.get(here).status_code == 404
    shown = south.client.get(f"/partner/sharing/{given(both)}.json").json
    assert [(one["name"], one["certifications"]) for one in shown["items"]] == [("Ana Lima", {})]
    assert "email" not in shown["items"][0]
    for page in ("/partner/people", "/partner/people?org=north"):
        assert "Ana Lima" not in south.client.get(page).text, "a share opens its own page alone"
