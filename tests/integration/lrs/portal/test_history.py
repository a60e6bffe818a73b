"""A person takes along what they choose of their own history, signed, and nothing else."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import re
import zipfile
from typing import Any

from factories_access import Browser, learner_of, log_in

from lrs.credentials.embedded_proofs import read_document
from lrs.credentials.keys import key_store
from rules.credentials.proving.signing import read_compact, verify
from rules.engine.standings import state_at

PLACE = "/me/history"


def files_of(answer: Any) -> dict[str, bytes]:
    assert (answer.status_code, answer.mimetype) == (200, "application/zip"), answer.text[:300]
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def somebody_certified(world: Any) -> tuple[Browser, str]:
    """Log in a person who holds a certification now; return the browser and the address."""
    taken = ["bea.lindqvist@aurora.example", "sven.dahl@borealis.example"]
    for person in world.db.people.find({"email": {"$nin": [None, *taken]}}).sort("email", 1):
        award = world.db.awards.find_one({"person": person["_id"], "certification": "sales-pro"})
        if award is not None and state_at(award, dt.datetime.now(dt.UTC)).state == "active":
            return log_in(world.app, learner_of(world.db, person["email"])), person["email"]
    raise AssertionError("nobody is certified")


def test_the_file_holds_what_was_chosen_and_its_manifest_signs_it(world: Any) -> None:
    holder, mail = somebody_certified(world)
    page = holder.open(PLACE).text
    attempts, awards = (re.findall(rf'name="{name}" value="([^"]+)"', page) for name in ("attempt", "award"))
    assert len(attempts) > 1
    files = files_of(holder.open(PLACE, "POST", data={"award": awards, "attempt": attempts[:1]}))
    assert sorted(files) == ["learning.ndjson", "manifest.jwt", "record.json"]
    rows = [json.loads(line) for line in files["learning.ndjson"].splitlines()]
    assert attempts[0] in {row["id"] for row in rows}
    assert attempts[1] not in {row["id"] for row in rows}
    assert {row["actor"]["mbox"] for row in rows} == {f"mailto:{mail}"}
    held = read_document(files["record.json"].decode())["credentialSubject"]["verifiableCredential"]
    assert {one["id"].rpartition("/")[2] for one in held} == set(awards)
    token = read_compact(files["manifest.jwt"].decode())
    kid = token.header["kid"].rpartition("#")[2]
    verify(token, key_store(world.settings, world.db).public(kid).jwk)
    named = {one["name"]: one["sha256"] for one in token.claims["files"]}
    assert named == {
        name: hashlib.sha256(files[name]).hexdigest() for name in ("record.json", "learning.ndjson")
    }
    assert abs(token.claims["iat"] - dt.datetime.now(dt.UTC).timestamp()) < 600


def test_only_own_statements_and_credentials_can_be_chosen(world: Any) -> None:
    ana = re.findall(r'name="attempt" value="([^"]+)"', world.ana.open(PLACE).text)
    others = world.db.credentials.find_one({"person": {"$ne": world.person("Sven Dahl")}})["award"]
    for data in ({"attempt": ana}, {"award": [others]}, {}, {"attempt": ["x", ""]}):
        assert world.sven.open(PLACE, "POST", data=data).status_code == 422, data
