"""How people come to a partner by the console: a roster tried first, then imported; invitations; the calendar."""

from __future__ import annotations

import html
import io
import re
from typing import Any

from console_world import World
from factories_access import Browser, log_in, make_org, make_user
from flask import Flask
from pymongo.database import Database

Db = Database[dict[str, Any]]
ROWS = "email,name,role\nana@north.example,Ana,sales\nnot an address,Bo,sales\n"


def test_a_roster_is_tried_then_imported_and_each_bad_row_says_why(db: Db, ada: Browser) -> None:
    place = "/console/partners/north/roster"
    tried = ada.open(place, "POST", data={"file": (io.BytesIO(ROWS.encode()), "roster.csv"), "action": "try"})
    assert tried.status_code == 200
    assert "nothing has changed" in tried.text
    assert "Import 1 row" in tried.text
    assert re.search(r'data-of="Line">3<.*?refused', tried.text, re.DOTALL), (
        "the bad row is named by its line"
    )
    assert db.people.count_documents({}) == 0
    (kept,) = re.findall(r'<input type="hidden" name="csv" value="([^"]*)"', tried.text)
    done = ada.open(place, "POST", data={"csv": html.unescape(kept), "action": "import"})
    assert "Done." in done.text
    assert [one["name"] for one in db.people.find({})] == ["Ana"]
    again = ada.open(place, "POST", data={"csv": ROWS, "action": "import"})
    assert "1 unchanged" in again.text
    for bad in (
        {},
        {"csv": "who\nx\n", "column": ""},
        {"csv": '"a'},
        {"file": (io.BytesIO(b"email\n\xff\n"), "x.csv")},
    ):
        assert ada.open(place, "POST", data=bad).status_code == 422


def test_a_roster_with_columns_of_its_own_is_asked_about_and_then_tried(db: Db, ada: Browser) -> None:
    place = "/console/partners/north/roster"
    text = "E-mail,Full name,Cost centre\nana@north.example,Ana,7\n"
    asked = ada.open(place, "POST", data={"csv": text, "action": "import"})
    assert "Which column is which?" in asked.text
    assert db.people.count_documents({}) == 0, "nothing is read before somebody has said what is what"
    assert re.findall(r"<option selected>(\w+)", asked.text) == ["email", "name"], "what is likely is chosen"
    mapped = {"csv": text, "column": ["email", "name", ""], "action": "try"}
    tried = ada.open(place, "POST", data=mapped)
    assert "1 added" in tried.text
    (kept,) = re.findall(r'<input type="hidden" name="csv" value="([^"]*)"', tried.text)
    assert "Done." in ada.open(place, "POST", data={"csv": html.unescape(kept), "action": "import"}).text
    assert [one["name"] for one in db.people.find({})] == ["Ana"]
    for wrong in (["email"], ["email", "email", ""], ["name", "", ""]):
        assert ada.open(place, "POST", data={**mapped, "column": wrong}).status_code == 422


def test_somebody_is_invited_and_waited_for_by_their_organization_only(
    app: Flask, db: Db, ada: Browser
) -> None:
    make_org(db, "south")
    pat = log_in(app, make_user(db, "north", "partner_admin", "pat@north.example"))
    sent = pat.open(
        "/console/partners/north/invitations", "POST", data={"email": "bo@x.example", "role": "sales"}
    )
    assert sent.location == "/console/partners/north/join?invited=1"
    page = pat.open(sent.location).text
    assert "The invitation is on its way" in page
    assert "bo@x.example" in page
    for path in ("join", "roster"):
        assert pat.open(f"/console/partners/south/{path}").status_code == 404
    form = {"email": "bo@x.example", "csv": ROWS, "action": "import"}
    for path in ("invitations", "roster"):
        assert pat.open(f"/console/partners/south/{path}", "POST", data=form).status_code == 404
    assert "bo@x.example" not in ada.open("/console/partners/south/join").text


def test_a_day_of_the_calendar_opens_who_ends_then(world: World) -> None:
    page = world.ada.open("/console/expiries?days=365").text
    links = [html.unescape(one) for one in re.findall(r'href="(/console/expiries\?[^"]*on=[^"]*)"', page)]
    rows = world.ada.open("/console/expiries.json?days=365&limit=500").json["items"]
    held = [one["expires"] for one in rows]
    seen = 0
    for link in links:
        day = link.rpartition("on=")[2]
        of_day = world.ada.open(link.replace("expiries?", "expiries.json?")).json["items"]
        assert [one["expires"] for one in of_day] == [day] * held.count(day)
        seen += len(of_day)
    assert links
    assert seen <= len(rows), "ends that lie behind us stand in the list only"
