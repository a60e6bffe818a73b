"""What the people who run an installation do in the console: tiers, groups, files, refusals, events, webhooks."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import gzip
import io
import json
import re
import shlex
import uuid
from typing import Any

import pytest
from console_world import World
from factories import make_statement, reference, voider
from factories_access import Browser, log_in, make_client, make_org, make_person, make_user
from flask import Flask
from PIL import Image
from pymongo.database import Database

from lrs.console.models import refusals, tier_board
from lrs.console.records import uploads

Db = Database[dict[str, Any]]
UPLOAD = "/console/statements/upload"


# Tiers


def test_the_board_shows_each_partner_under_its_tier_as_the_partner_page_does(world: World) -> None:
    page = world.ada.open("/console/tiers").text
    rows = world.ada.open("/console/tiers.json").json["items"]
    assert rows
    for one in rows:
        assert f"/console/partners/{one['organization']}" in page
        shown = world.ada.open(f"/console/partners/{one['organization']}").text
        assert f'<span class="tag tier">{one["tier"].replace("-", " ").capitalize()}</span>' in shown


def test_the_board_of_another_day_is_what_held_then_and_tells_what_moved(world: World) -> None:
    now = {one["organization"]: one for one in world.ada.open("/console/tiers.json").json["items"]}
    views = {one["organization"]: one["steps"] for one in world.db.tiers.find({})}
    org = next(name for name, one in now.items() if one["since"] > "2000")
    last = [one for one in views[org] if one["at"] <= dt.datetime.now(dt.UTC)][-1]
    day = (last["at"] - dt.timedelta(days=1)).date().isoformat()
    then = {one["organization"]: one for one in world.ada.open(f"/console/tiers.json?at={day}").json["items"]}
    before = [one for one in views[org] if one["at"] < last["at"]][-1]["tier"]
    assert then.get(org, {"tier": None})["tier"] == before
    compared = world.ada.open(f"/console/tiers.json?since={day}").json["items"]
    row = next(one for one in compared if one["organization"] == org)
    assert (row["before"], row["tier"]) == (before, last["tier"])
    assert row["moved"] == ("" if before == last["tier"] else row["moved"] or "a move")
    assert "as of" in world.ada.open(f"/console/tiers?at={day}").text


def test_a_partner_sees_its_own_place_alone(world: World) -> None:
    rows = world.pat.open("/console/tiers.json").json["items"]
    assert {one["organization"] for one in rows} == {"aurora"}


@pytest.mark.parametrize("query", ["programme=x", "at=soon", "since=2026-13-01", "after=%00"])
def test_a_board_that_cannot_be_is_refused(world: World, query: str) -> None:
    assert world.ada.open(f"/console/tiers?{query}").status_code == 422


def test_a_column_shows_the_first_to_fall_and_says_how_many_there_are() -> None:
    order = ["registered", "silver", "gold"]
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    views = [
        {"organization": f"o{n:03}", "programme": "p", "now": {"tier": "gold", "at": at}, "then": {"tier": "silver"}}
        for n in range(tier_board.CARDS + 5)
    ]  # fmt: skip
    views.append({"organization": "z", "programme": "p", "now": {"tier": "gold", "at": at, "falls_at": at}})
    views.append(
        {"organization": "gone", "programme": "p", "now": {"tier": None}, "then": {"tier": "silver"}}
    )
    views.append({"organization": "never", "programme": "p", "now": {"tier": None}})
    rows = [row for one in views if (row := tier_board.row_of(one, order)) is not None]
    gold, silver, registered, none = tier_board.columns(rows, order)
    assert (gold.count, len(gold.cards), gold.cards[0]["organization"]) == (30, tier_board.CARDS, "z")
    assert (gold.cards[1]["moved"], silver.count, registered.count) == ("up", 0, 0)
    assert [(one["organization"], one["moved"]) for one in none.cards] == [("gone", "down")]


# Groups


def test_a_group_is_made_somebody_comes_and_goes_and_the_audit_tells(db: Db, ada: Browser) -> None:
    person = make_person(db, "ines@north.example")
    assert (
        ada.open("/console/groups", "POST", data={"name": "assessors"}).location
        == "/console/groups/assessors"
    )
    assert ada.open("/console/groups", "POST", data={"name": "assessors"}).status_code == 409
    place = "/console/groups/assessors"
    form = {"person": "ines@north.example", "action": "add", "day": "2026-01-01"}
    assert ada.open(place, "POST", data=form).status_code == 303
    (row,) = ada.open(f"{place}.json").json["items"]
    assert (row["person"], row["is_now"], row["from"]) == (person, True, "2026-01-01T00:00:00Z")
    assert ada.open("/console/groups.json").json["items"][0]["now"] == 1
    assert ada.open(place, "POST", data={"person": person, "action": "end"}).status_code == 303
    assert ada.open("/console/groups.json").json["items"][0]["now"] == 0
    assert len(ada.open("/console/audit.json?action=group.put").json["items"]) == 3


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({}, 422), ({"person": "nobody@x.example", "action": "add"}, 404),
        ({"person": "ines@north.example", "action": "x"}, 422),
        ({"person": "ines@north.example", "action": "add", "day": "soon"}, 422),
        ({"person": "ines@north.example", "action": "end"}, 422),
    ],
)  # fmt: skip
def test_a_change_of_a_group_that_cannot_be_is_refused(
    db: Db, ada: Browser, form: dict[str, str], status: int
) -> None:
    make_person(db, "ines@north.example")
    ada.open("/console/groups", "POST", data={"name": "assessors"})
    assert ada.open("/console/groups", "POST", data={"name": "No name!"}).status_code == 422
    assert ada.open("/console/groups/assessors", "POST", data=form).status_code == status
    assert db.groups.find_one({"_id": "assessors"})["members"] == []


# Statements from a file


def sent(ada: Browser, content: bytes, name: str = "old.ndjson", **fields: str) -> Any:
    form = {"org": "north", "controlled": "vendor", "action": "import", **fields}
    return ada.open(UPLOAD, "POST", data={**form, "file": (io.BytesIO(content), name)})


def lines(*statements: Any) -> bytes:
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in statements)


def test_a_file_is_tried_then_imported_and_again_stores_nothing_twice(db: Db, ada: Browser) -> None:
    good = [make_statement(id=str(uuid.uuid4())) for _ in range(3)]
    file = lines(*good, b'{"actor": 1}', b"no json")
    trial = sent(ada, file, action="try").text
    assert "3 statements would be in the store" in " ".join(re.sub("<[^>]+>", " ", trial).split())
    assert "old.ndjson:4" in trial
    assert "old.ndjson:5" in trial
    assert db.statements.count_documents({}) == 0, "to try stores nothing"
    done = sent(ada, gzip.compress(file), "old.ndjson.gz")
    assert "Done." in done.text
    assert db.statements.count_documents({"org": "north"}) == 3
    assert "3 there before" in " ".join(re.sub("<[^>]+>", " ", sent(ada, file, action="try").text).split())
    sent(ada, file)
    assert db.statements.count_documents({}) == 3
    entry = ada.open("/console/audit.json?action=statements.import").json["items"][-1]
    assert (entry["org"], entry["after"]["stored"], entry["after"]["refused"]) == ("north", 3, 2)


def test_the_text_of_a_trial_is_kept_for_the_import(db: Db, ada: Browser) -> None:
    page = ada.open(
        UPLOAD, "POST", data={"text": json.dumps(make_statement()), "action": "try", "org": "north"}
    ).text
    kept = re.findall(r'name="text" value="([^"]*)"', page)[0]
    assert "mailto:" in kept
    assert "Import 1 statement" in page


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "x.json", "choose a file"), (b"PK\x03\x04", "x.zip", "ZIP archive"),
        (b"\x1f\x8bbroken", "x.gz", "unpacked"), (b"<html>", "x.json", "XML or HTML"),
        (b"a;b\n1;2\n", "x.csv", "commas"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused(db: Db, ada: Browser, content: bytes, name: str, said: str) -> None:
    answer = sent(ada, content, name) if content else ada.open(UPLOAD, "POST", data={"org": "north"})
    assert (answer.status_code, said in answer.text) == (422, True), answer.text
    assert db.statements.count_documents({}) == 0


def test_a_file_is_bounded_packed_or_not(db: Db, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_MB", 1)
    assert sent(ada, gzip.compress(b" " * (3 << 20)), "x.ndjson").status_code == 422
    monkeypatch.setattr(uploads, "MOST_ROWS", 2)
    page = sent(ada, lines(*(make_statement(id=str(uuid.uuid4())) for _ in range(3))))
    assert "a page brings 2 rows" in page.text
    assert db.statements.count_documents({}) == 2


def test_a_partner_brings_no_statements(world: World) -> None:
    before = world.db.statements.count_documents({})
    assert world.pat.open(UPLOAD).status_code == 403
    form = {"text": json.dumps(make_statement()), "org": "aurora", "action": "import"}
    assert world.pat.open(UPLOAD, "POST", data=form).status_code == 403
    assert world.db.statements.count_documents({}) == before


def test_a_wrong_store_is_refused(db: Db, ada: Browser) -> None:
    assert sent(ada, lines(make_statement()), org="nowhere").status_code == 404
    assert sent(ada, lines(make_statement()), controlled="me").status_code == 422
    assert db.statements.count_documents({}) == 0


# Refusals


def test_like_refusals_stand_in_one_group_and_can_be_tried_as_curl(app: Flask, db: Db, ada: Browser) -> None:
    header = make_client(db, "north")
    for score in (2, 3):
        body = make_statement(result={"score": {"scaled": score}})
        answer = app.test_client().post(
            "/xapi/statements", json=[body], headers={**header, "X-Experience-API-Version": "1.0.3"}
        )
        assert answer.status_code == 400
    rows = ada.open("/console/inbound/groups.json").json["items"]
    assert [(one["count"], one["error"], one["path"]) for one in rows] == [
        (2, "InvalidStatement", "$.result.score.scaled")
    ]
    assert rows[0]["newest"] in ada.open("/console/inbound/groups").text
    (key, secret) = _pair(header)
    page = ada.open(f"/console/inbound/{rows[0]['newest']}").text
    assert "curl -i" in page
    assert secret not in page
    assert rows[0]["client"] == key
    found = list(csv.DictReader(io.StringIO(ada.open("/console/inbound/groups.csv").text)))
    assert [one["count"] for one in found] == ["2"]


def _pair(header: dict[str, str]) -> tuple[str, str]:
    key, _, secret = base64.b64decode(header["Authorization"].partition(" ")[2]).decode().partition(":")
    return key, secret


def test_a_refusal_as_curl_is_one_command_whatever_stands_in_it() -> None:
    text = '{"name": "O\'Neill; rm -rf $HOME `x`"}'
    refused = {"method": "POST", "resource": "/xapi/statements", "version": "1.0.3", "text": text}
    words = shlex.split(refusals.as_curl(refused, "https://lrs.example/").replace("\\\n", " "))
    assert words[:2] == ["curl", "-i"]
    assert words[words.index("-u") + 1] == "$KEY:$SECRET"
    assert words[words.index("--data-binary") + 1] == text
    assert words[-1] == "https://lrs.example/xapi/statements"
    bare = refusals.as_curl({"method": "GET", "resource": "/xapi/about"}, "https://lrs.example")
    assert "--data-binary" not in bare


def test_what_differs_within_a_message_parts_no_group() -> None:
    assert refusals.shape("score 0.5 is more than 'x'") == refusals.shape("score 12 is more than 'y z'")
    assert refusals.place("$[12].object.id") == "$[].object.id"
    assert refusals.shape(None) == ""


# Events and webhooks


def test_the_feed_is_listed_newest_first_and_by_kind(world: World) -> None:
    feed = world.ada.open("/console/events.json?limit=500").json["items"]
    assert [one["cursor"] for one in feed] == sorted((one["cursor"] for one in feed), reverse=True)
    first = world.ada.open("/console/events.json?limit=1").json
    assert world.ada.open(first["next"].replace("events?", "events.json?")).json["items"][0] == feed[1]
    issued = world.ada.open("/console/events.json?type=award.issued&limit=500").json["items"]
    assert issued == [one for one in feed if one["type"] == "award.issued"]
    assert world.pat.open("/console/events").status_code == 403
    for query in ("type=x", "after=W251bGxd", "after=WyJ4Il0"):
        assert world.ada.open(f"/console/events?{query}").status_code == 422


def test_the_page_of_an_endpoint_tells_what_a_test_event_got(
    db: Db, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrs.messaging.webhooks.check_url", lambda *_: None)
    ada.open("/console/webhooks", "POST", data={"url": "https://127.0.0.1:9/x"})
    place = f"/console/webhooks/{db.endpoints.find_one({})['_id']}"
    assert "Test event" not in ada.open(place).text
    assert ada.open(f"{place}/test", "POST").status_code == 303
    assert "no answer" in ada.open(place).text
    make_org(db, "south")
    south = log_in_as(db, ada, "south")
    assert south.open(f"{place}/test", "POST").status_code == 404, "an endpoint of another organization"


def log_in_as(db: Db, ada: Browser, org: str) -> Browser:
    user = make_user(db, org, "partner_admin", f"pat@{org}.example")
    return log_in(ada.client.application, user)


# Settings that are data


def picture(width: int = 40) -> io.BytesIO:
    stream = io.BytesIO()
    Image.new("RGB", (width, 20), "#14584c").save(stream, "PNG")
    return io.BytesIO(stream.getvalue())


def test_a_colour_and_a_logo_are_kept_and_stand_on_the_registry(app: Flask, db: Db, ada: Browser) -> None:
    form = {"org": "north", "colour": "#203a5c", "logo": (picture(), "logo.png")}
    assert ada.open("/console/settings/brand", "POST", data=form).status_code == 303
    page = ada.open("/console/settings?org=north").text
    assert "#203a5c" in page
    assert "/registry/partners/north/logo.png" in page
    assert app.test_client().get("/registry/partners/north/logo.png").data.startswith(b"\x89PNG")
    (entry,) = ada.open("/console/audit.json?action=org.brand").json["items"]
    assert (entry["thing"], entry["after"]) == ("north", {"colour": "#203a5c"})


@pytest.mark.parametrize(
    "form",
    [
        {"colour": ""}, {"colour": "red"}, {"colour": "#777777"},
        {"colour": "#203a5c", "logo": (io.BytesIO(b"<svg onload=alert(1)>"), "logo.png")},
    ],
)  # fmt: skip
def test_a_brand_that_cannot_be_is_refused(db: Db, ada: Browser, form: dict[str, Any]) -> None:
    assert ada.open("/console/settings/brand", "POST", data={"org": "north", **form}).status_code == 422
    assert db.brands.count_documents({}) == 0
    assert ada.open("/console/settings/brand", "POST", data={"org": "nowhere"}).status_code == 404


def test_a_partner_keeps_its_own_brand_and_no_other(db: Db, ada: Browser) -> None:
    north = log_in_as(db, ada, "north")
    make_org(db, "south")
    assert north.open("/console/settings/brand", "POST", data={"colour": "#203a5c"}).status_code == 303
    assert [one["_id"] for one in db.brands.find({})] == ["north"]
    assert "Signing keys" not in north.open("/console/settings").text
    assert north.open("/console/settings?org=south").status_code == 404
    assert north.open("/console/settings/keys", "POST", data={"action": "add"}).status_code == 403


def test_a_new_key_signs_and_the_older_one_is_retired(db: Db, ada: Browser) -> None:
    for _ in range(2):
        form = {"action": "add", "algorithm": "ES256"}
        assert ada.open("/console/settings/keys", "POST", data=form).status_code == 303
    kids = [one["kid"] for one in db.signing_keys.find({"alg": "ES256"}).sort("n", 1)]
    page = ada.open("/console/settings").text
    assert f'value="{kids[0]}"' in page
    assert f'value="{kids[1]}"' not in page, "that which signs cannot be retired"
    retire = {"action": "retire", "kid": kids[0]}
    assert ada.open("/console/settings/keys", "POST", data=retire).status_code == 303
    assert "pem" not in db.signing_keys.find_one({"kid": kids[0]})
    assert ada.open("/console/settings/keys", "POST", data={**retire, "kid": kids[1]}).status_code == 409
    for wrong in ({"action": "add", "algorithm": "none"}, {"action": "x"}):
        assert ada.open("/console/settings/keys", "POST", data=wrong).status_code == 422
    assert ada.open("/console/settings/keys", "POST", data={**retire, "kid": "k99"}).status_code == 404
    actions = [one["action"] for one in ada.open("/console/audit.json?action=key.").json["items"]]
    assert actions == ["key.retire", "key.add", "key.add"]


# What a statement hangs together with


def test_a_statement_tells_what_voided_it_and_a_voiding_one_what_it_voids(
    app: Flask, db: Db, ada: Browser
) -> None:
    header = make_client(db, "north") | {"X-Experience-API-Version": "1.0.3"}
    first, void, odd = (str(uuid.uuid4()) for _ in range(3))
    never = str(uuid.uuid4())
    for body in (
        make_statement(id=first), voider(first, id=void), make_statement(id=odd, object=reference(never)),
    ):  # fmt: skip
        assert app.test_client().post("/xapi/statements", json=body, headers=header).status_code == 200
    assert f"/console/statements/{void}" in ada.open(f"/console/statements/{first}").text
    page = ada.open(f"/console/statements/{void}").text
    assert "Voids" in page
    assert f"/console/statements/{first}" in page
    assert "not in this store" in ada.open(f"/console/statements/{odd}").text
    assert ada.open(f"/console/statements/{never}").status_code == 404, "who is only spoken of is not there"
