"""What instructors sign off: ordinary statements that rules count, exactly once, never for themselves."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from typing import Any
from uuid import uuid4

import orjson
import pytest
from factories_engine import Clock, World, mbox
from places import ROOT

import schemas
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.public import view
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, Forbidden, InvalidField, Outdated, UnknownThing
from lrs.instruction import evidence_files, rubrics, sessions, signing
from lrs.instruction.signing import Finding, Signer
from lrs.people import affiliations, groups, records
from rules.credentials.proving import canonical
from rules.credentials.proving.canonical_templates import canonical_of_shape
from rules.credentials.proving.signing import read_compact
from rules.credentials.store import CredentialStore
from rules.engine.identity import person_id

BASE = "https://lrs.example.com"
START = dt.datetime(2026, 11, 1, 9, tzinfo=dt.UTC)
CRITERIA = "Safety: Not seen 0, With help 1, Alone 2\nSpeed: Slow 0, Quick 2"
RECIPE = (ROOT / "docs/cookbook/signed-off-here.yaml").read_text("utf-8")
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
ALONE = {"safety": "alone", "speed": "quick"}
NAMES = ("ana", "bo", "cy", "di", "ed", "flo", "gus", "hal", "ida", "jo", "kim", "lee")


@pytest.fixture
def world(db: Any) -> World:
    made = World(db, Clock(START))
    for org in ("north", "south"):
        made.partner(org)
    for name in ("ines", "otto", *NAMES):
        org = "south" if name == "lee" else "vendor" if name == "ines" else "north"
        ifi = mbox(name)
        person = records.add_person(editor(made), [ifi], name=name.title())["_id"]
        if org != "vendor":
            before = START - dt.timedelta(days=1)
            affiliations.affiliate(editor(made), person, org, start=before, known_as=ifi)
    group = {"person": made.person("ines"), "from": None, "until": None}
    groups.put_group(editor(made), "lift-assessors", [group])
    made.publish(RECIPE)
    made.settle()
    return made


def editor(world: World) -> Editor:
    return Editor(world.db, {"kind": "user", "id": "u", "name": "u", "org": "vendor"}, world.clock())


def signer(world: World, name: str = "ines", org: str = "vendor") -> Signer:
    person = records.get_person(world.db, world.person(name))
    return Signer.of(person, mbox(name).removeprefix("mbox::mailto:"), org, BASE)


def rubric(world: World, org: str = "vendor", **wish: Any) -> dict[str, Any]:
    made = {
        "title": "Lift practical", "activity": "https://acme.example/xapi/lift/practical",
        "criteria": rubrics.read_criteria(CRITERIA), "pass_mark": 3, **wish,
    }  # fmt: skip
    return rubrics.put_rubric(editor(world), org, made, None, BASE)


def finding(world: World, name: str, levels: dict[str, str] | None = None, **more: Any) -> Finding:
    return Finding(uuid4(), world.person(name), ALONE if levels is None else levels, **more)


def stored(world: World, org: str = "vendor") -> list[dict[str, Any]]:
    rows = world.db.statements.find({"org": org, "client": "laurel-assessments"}).sort("_id", 1)
    return [orjson.loads(row["raw"]) for row in rows]


def observe(world: World, by: Signer, way: dict[str, Any], findings: list[Finding], **more: Any) -> list[str]:
    return signing.observe(world.db, by, way, findings, **{"at": None, "now": world.clock(), **more})


def test_the_recipe_counts_what_twelve_people_were_signed_off_for(world: World) -> None:
    wish = sessions.read_session({
        "title": "Lab", "begins": "2026-11-01T08:00", "ends": "2026-11-01T12:00", "timezone": "UTC",
        "place": "Lab", "seats": "20", "activity": "https://acme.example/xapi/lift/lab",
    })  # fmt: skip
    teacher = {"person": world.person("ines"), "name": "Ines"}
    of = sessions.make_session(editor(world), ("vendor", "vendor"), wish, teacher, BASE)
    by, way = signer(world), rubric(world)
    signing.attend(world.db, by, of, [finding(world, name) for name in NAMES], at=None, now=world.clock())
    helped = {"safety": "with-help", "speed": "quick"}
    observe(world, by, way, [finding(world, name, helped if name == "bo" else None) for name in NAMES], of=of)
    world.settle()
    told = {name: getattr(world.standing(name, "lift-operator"), "state", None) for name in NAMES}
    assert told == {name: "in_progress" if name == "bo" else "active" for name in NAMES}
    void = next(one for one in stored(world) if one["actor"]["name"] == "Ana" and "result" in one)
    signing.void(world.db, by, void["id"], world.clock.forward(minutes=1), may_any=False)
    world.clock.forward(days=1)
    world.settle()
    assert world.standing("ana", "lift-operator").state != "active", "a correction voids, and is decided anew"


def test_a_statement_says_who_saw_what_by_which_version_and_carries_its_evidence(world: World) -> None:
    by, way = signer(world), rubric(world)
    part = evidence_files.read_file("file", PNG)
    one = finding(world, "ana", note="Calm.", files=[("lift.png", part)])
    observe(world, by, way, [one], at=START - dt.timedelta(hours=2))
    (found,) = stored(world)
    assert found["id"] == str(one.id)
    assert found["verb"]["id"] == "http://adlnet.gov/expapi/verbs/passed"
    assert found["result"] == {
        "score": {"raw": 4, "min": 0, "max": 4, "scaled": 1.0}, "success": True,
        "extensions": {
            f"{BASE}/extensions/rubric/safety": "alone", f"{BASE}/extensions/rubric/speed": "quick",
            f"{BASE}/extensions/note": "Calm.",
        },
    }  # fmt: skip
    assert found["context"]["instructor"]["mbox"] == mbox("ines").removeprefix("mbox::")
    assert found["context"]["extensions"] == {f"{BASE}/extensions/rubric": f"{way['rubric']}-1"}
    assert found["timestamp"] == "2026-11-01T07:00:00.000Z"
    assert found["attachments"][0]["sha2"] == hashlib.sha256(PNG).hexdigest()
    assert evidence_files.find_file(world.db, "vendor", found, part.sha2).content == PNG
    for org, sha2 in (("north", part.sha2), ("vendor", "0" * 64)):
        with pytest.raises(UnknownThing):
            evidence_files.find_file(world.db, org, found, sha2)
    with pytest.raises(UnknownThing):
        evidence_files.signed_off(world.db, "north", found["id"])


def test_the_pass_mark_decides_and_without_one_points_are_noted(world: World) -> None:
    by = signer(world)
    observe(world, by, rubric(world), [finding(world, "ana", {"safety": "not-seen", "speed": "quick"})])
    observe(world, by, rubric(world, pass_mark=None), [finding(world, "ana")])
    failed, scored = stored(world)
    assert (failed["verb"]["id"][-6:], failed["result"]["success"]) == ("failed", False)
    assert scored["verb"]["id"].endswith("scored")
    assert "success" not in scored["result"]


def test_the_same_form_again_writes_nothing_twice_and_a_changed_one_is_refused(world: World) -> None:
    by, way = signer(world), rubric(world)
    sent = [finding(world, name) for name in NAMES]
    first = observe(world, by, way, sent, at=START)
    world.clock.forward(hours=3)
    assert observe(world, by, way, sent, at=START) == first
    assert observe(world, by, way, sent[:2], at=None) == first[:2], "also by a form without its time"
    assert len(stored(world)) == 12
    changed = Finding(sent[0].id, sent[0].person, {"safety": "not-seen", "speed": "slow"})
    others = [Finding(sent[0].id, world.person("otto"), ALONE), changed]
    for one in others:
        with pytest.raises(Collision):
            observe(world, by, way, [one, finding(world, "bo")])
    (foreign,) = world.send([{"actor": {"mbox": "mailto:x@y.example"}, "verb": {"id": "http://v.example/v"},
                              "object": {"id": "http://a.example/a"}}])  # fmt: skip
    from uuid import UUID

    with pytest.raises(Collision):
        observe(world, by, way, [Finding(UUID(foreign), world.person("ana"), ALONE)])
    assert len(stored(world)) == 12


def test_nobody_signs_for_themselves_whichever_identifier_they_use(world: World) -> None:
    by, way = signer(world), rubric(world)
    with pytest.raises(InvalidField, match="nobody signs off for themselves"):
        observe(world, by, way, [finding(world, "ana"), finding(world, "ines")])
    assert stored(world) == []


def test_a_partners_instructor_writes_into_the_partners_store_by_the_name_known_there(world: World) -> None:
    observe(world, signer(world, "otto", "north"), rubric(world), [finding(world, "ana")])
    (found,) = stored(world, "north")
    row = world.db.statements.find_one({"org": "north", "client": "laurel-assessments"})
    assert (row["controlled_by"], row["client_label"]) == ("partner", "laurel-assessments")
    assert found["actor"]["mbox"] == mbox("ana").removeprefix("mbox::")
    world.settle()
    assert getattr(world.standing("ana", "lift-operator"), "state", "in_progress") == "in_progress"


@pytest.mark.parametrize(
    ("findings", "more", "path"),
    [
        ([], {}, "people"),
        (["ana", "ana"], {}, "people"),
        (["ana"], {"at": START + dt.timedelta(hours=1)}, "at"),
        (["ana"], {"at": START - dt.timedelta(days=31)}, "at"),
    ],
)
def test_a_form_that_cannot_be_right_writes_nothing(
    world: World, findings: Any, more: Any, path: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        observe(world, signer(world), rubric(world), [finding(world, one) for one in findings], **more)
    assert refused.value.path == path
    for levels in ({}, {"safety": "alone"}, {"safety": "best", "speed": "quick"}):
        with pytest.raises(InvalidField):
            observe(
                world, signer(world), rubric(world), [finding(world, "ana"), finding(world, "bo", levels)]
            )
    with pytest.raises(InvalidField):
        observe(world, signer(world), rubric(world), [finding(world, "ana", note="x" * 2001)])
    assert stored(world) == []


def test_only_who_signed_or_administers_takes_it_back_and_once(world: World) -> None:
    by, other = signer(world), signer(world, "otto")
    (name,) = observe(world, by, rubric(world), [finding(world, "ana")])
    with pytest.raises(Forbidden):
        signing.void(world.db, other, name, world.clock(), may_any=False)
    with pytest.raises(UnknownThing):
        signing.void(world.db, signer(world, "ines", "north"), name, world.clock(), may_any=True)
    assert [one["id"] for one in signing.signed_by(world.db, by)] == [name]
    assert signing.signed_by(world.db, other) == []
    signing.void(world.db, other, name, world.clock(), may_any=True)
    assert signing.signed_by(world.db, by) == []
    for wrong in (name, "x", str(uuid4())):
        with pytest.raises(UnknownThing):
            signing.void(world.db, by, wrong, world.clock(), may_any=False)


@pytest.mark.parametrize("content", [b"", b"<html>", b"GIF89a", b"\x89PNG\r\n", b"PK\x03\x04", b"%PDF"])
def test_what_is_no_picture_film_or_pdf_is_no_evidence(content: bytes) -> None:
    with pytest.raises(InvalidField):
        evidence_files.read_file("file", content)


def test_a_file_that_is_too_large_is_refused() -> None:
    assert (
        evidence_files.read_file("file", PNG.ljust(evidence_files.LARGEST, b"x")).content_type == "image/png"
    )
    with pytest.raises(InvalidField):
        evidence_files.read_file("file", PNG.ljust(evidence_files.LARGEST + 1, b"x"))


@pytest.mark.parametrize(
    "text",
    [
        "", "Safety", "Safety: Yes 1", "Safety: No, Yes", "Safety: No 0, Yes -1", "Safety: No 0, Yes 1001",
        "Safety: No 0, No 1", "Safety: No 0, Yes 1\nSafety: No 0, Yes 1", "Safety: No 0, Yes 0",
        ": No 0, Yes 1", "x" * 201 + ": No 0, Yes 1", "\n".join(f"C{n}: No 0, Yes 1" for n in range(21)),
        "S: " + ", ".join(f"L{n} {n}" for n in range(9)),
    ],
)  # fmt: skip
def test_criteria_that_cannot_be_right_are_refused(text: str) -> None:
    with pytest.raises(InvalidField) as refused:
        rubrics.read_criteria(text)
    assert refused.value.path == "criteria"


def test_a_rubric_keeps_its_versions_and_only_one_is_next(world: World) -> None:
    first = rubric(world)
    assert rubrics.read_criteria(rubrics.written(first["criteria"])) == first["criteria"]
    wish = {"title": "Lift, harder", "criteria": first["criteria"], "pass_mark": 4}
    second = rubrics.put_rubric(editor(world), "vendor", wish, first, BASE)
    assert (second["number"], second["activity"]) == (2, first["activity"])
    with pytest.raises(Outdated):
        rubrics.put_rubric(editor(world), "vendor", wish, first, BASE)
    assert [one["_id"] for one in rubrics.usable(world.db, "north")] == [second["_id"]]
    assert rubrics.get_rubric(world.db, "north", first["rubric"], 1)["pass_mark"] == 3
    own = rubric(world, "north", title="Ours")
    with pytest.raises(UnknownThing):
        rubrics.get_rubric(world.db, "south", own["rubric"])
    for mark in (0, 5):
        with pytest.raises(InvalidField):
            rubric(world, pass_mark=mark)
    assert person_id(mbox("ana")) == world.person("ana")


def claims_of(world: World, name: str) -> tuple[dict[str, Any], str]:
    """Return the claims of somebody's newest credential, and its id."""
    rows = world.db.credentials.find({"org": "vendor", "person": world.person(name)}).sort("seq", -1)
    record = CredentialStore(world.db).newest(next(iter(rows))["award"])
    assert record is not None
    return read_compact(record.jwt).claims, record.award


def certify(world: World, *names: str) -> None:
    """Let people be certified by a lab day and a practical with a file."""
    by, way, part = signer(world), rubric(world), evidence_files.read_file("file", PNG)
    at = world.clock()
    world.send(
        [{"actor": {"mbox": mbox(one).removeprefix("mbox::")}, "timestamp": at.isoformat(),
          "verb": {"id": "http://adlnet.gov/expapi/verbs/attended"},
          "object": {"id": "https://acme.example/xapi/lift/lab"}} for one in names],
        label="laurel-assessments",
    )  # fmt: skip
    observe(world, by, way, [finding(world, one, files=[("lift.png", part)]) for one in names])
    world.settle()


def test_a_credential_carries_levels_and_files_where_the_holder_lets_others_see_them(world: World) -> None:
    certify(world, "ana", "bo")
    bare, award = claims_of(world, "ana")
    assert "resultDescription" not in bare["credentialSubject"]["achievement"]
    assert all("digestSRI" not in one for one in bare["evidence"])
    person = world.person("ana")
    world.clock.forward(minutes=1)
    DisplayStore(world.db).choose(None, person, Display(shown=True, evidence=True), world.clock())
    world.settle()
    claims, _ = claims_of(world, "ana")
    assert list(schemas.validator("credential-1").iter_errors(claims)) == []
    subject = claims["credentialSubject"]
    known = {one["id"]: one for one in subject["achievement"]["resultDescription"]}
    assert [one["resultType"] for one in known.values()] == ["RawScore"] + ["RubricCriterionLevel"] * 2
    reached = {
        known[one["resultDescription"]]["name"]: one.get("achievedLevel", one.get("value"))
        for one in subject["result"] if "resultDescription" in one
    }  # fmt: skip
    assert reached["Lift practical"] == "4"
    levels = {
        level["id"]: level["name"] for one in known.values() for level in one.get("rubricCriterionLevel", ())
    }
    assert (levels[reached["Safety"]], levels[reached["Speed"]]) == ("Alone", "Quick")
    (file,) = [one for one in claims["evidence"] if "digestSRI" in one]
    assert (file["name"], file["mediaType"]) == ("lift.png", "image/png")
    assert base64.b64decode(file["digestSRI"].removeprefix("sha256-")) == hashlib.sha256(PNG).digest()
    assert view.result_lines(claims) == (
        ("Lift practical", "4 of 4"),
        ("Safety", "Alone"),
        ("Speed", "Quick"),
    )
    assert any(hashlib.sha256(PNG).hexdigest() in told for _, _, told in view.evidence_lines(claims))
    assert "resultDescription" not in claims_of(world, "bo")[0]["credentialSubject"]["achievement"]
    signed = {
        name: value for name, value in claims.items() if name not in {"iss", "jti", "sub", "nbf", "exp"}
    }
    plain = canonical.canonical(signed)  # refuses terms that the contexts do not define
    assert canonical_of_shape(signed) == plain
    world.clock.forward(minutes=1)
    DisplayStore(world.db).choose(None, person, Display(shown=True), world.clock())
    world.settle()
    assert "resultDescription" not in claims_of(world, "ana")[0]["credentialSubject"]["achievement"]
    spent = world.db.status_entries.count_documents({"award": award, "set_at": {"$exists": True}})
    assert spent == 0, "what was given away says nothing false, so it stays valid"
