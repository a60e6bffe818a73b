"""Packages are uploaded, read by workers under a lease, looked at, published; refused ones leave nothing."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from factories_access import editor as editor_at
from factories_access import make_org, make_person
from factories_packages import PAGE, scorm_files, scorm_manifest, tincan_document, zipped
from pymongo.database import Database

from lrs.access import clients
from lrs.content.library import housekeeping, intake, items, org_lease
from lrs.content.library.files import ContentFiles, content_files
from lrs.content.library.intake import Intake, Upload
from lrs.content.library.learners import learner_of
from lrs.content.packages.read import Wish
from lrs.foundation.errors import Collision, UnknownThing
from lrs.foundation.settings import Settings
from statements.errors import TooLarge

Db = Database[dict[str, Any]]

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
COURSE = {**scorm_files(), "media/picture.png": b"picture" * 1000}


class Clock:
    now = NOW

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, **by: int) -> None:
        self.now += dt.timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["mongodb", "folder"])
def here(request: pytest.FixtureRequest, settings: Settings, db: Db, clock: Clock, tmp_path: Path) -> Intake:
    clients.bootstrap(db, "key", "secret", NOW)
    make_org(db, "north")
    folder = str(tmp_path / "content") if request.param == "folder" else ""
    return Intake(replace(settings, content_folder=folder), db, clock)


def receive(here: Intake, data: bytes, org: str = "north", item: str | None = None, **wish: Any) -> str:
    upload = Upload(org, "course.zip", Wish(**wish), item)
    blocks = (data[place : place + 1000] for place in range(0, len(data), 1000))
    return str(intake.receive(here, editor_at(here.db, here.now()), upload, blocks)["_id"])


def take_in(here: Intake, data: bytes, **more: Any) -> dict[str, Any]:
    version = receive(here, data, **more)
    assert intake.work(here) == 1
    return items.get_version(here.db, version)


def files_of(here: Intake, org: str = "north") -> ContentFiles:
    return content_files(here.settings, here.db, org)


def stored(here: Intake, org: str = "north") -> set[str]:
    return set(files_of(here, org).stored_before(dt.datetime.now(dt.UTC) + dt.timedelta(days=9999)))


def test_an_upload_becomes_a_draft_of_a_new_item(here: Intake) -> None:
    found = take_in(here, zipped(COURSE))
    item = items.get_item(here.db, found["item"])
    assert (found["state"], found["number"], found["kind"], found["files"]) == ("draft", 1, "scorm12", 3)
    assert found["progress"] == {"done": 3, "total": 3}
    assert (item["title"], item["published"], item["latest"]) == ({"und": "Course"}, None, 1)
    assert item["activity"] == f"http://lrs.example/content/{item['_id']}"
    assert [each.launch for each in items.package_of(found).launchable()] == ["index.html"]


def test_every_file_and_the_original_can_be_read_again(here: Intake) -> None:
    data = zipped(COURSE)
    found = take_in(here, data)
    for path, content in COURSE.items():
        row = here.db.content_paths.find_one({"_id": f"{found['_id']}/{path}"})
        assert row is not None
        assert b"".join(files_of(here).read(row["sha256"])) == content
    assert b"".join(files_of(here).read(found["_id"])) == data


def test_a_refused_package_says_why_and_leaves_nothing(here: Intake) -> None:
    manifest = scorm_manifest(default="o9")
    found = take_in(here, zipped({**COURSE, "imsmanifest.xml": manifest}))
    assert found["state"] == "refused"
    assert [issue["code"] for issue in found["issues"]] == ["default-organization-missing"]
    assert found["issues"][0]["place"].startswith("imsmanifest.xml:")
    assert stored(here) == set()
    assert here.db.content_items.count_documents({}) == here.db.content_paths.count_documents({}) == 0
    assert found["forget_at"] > NOW
    with pytest.raises(Collision, match="refused"):
        items.publish(editor_at(here.db, NOW), found["_id"])


def test_a_file_that_proves_damaged_late_leaves_only_what_others_need(here: Intake) -> None:
    kept = take_in(here, zipped(COURSE))
    before = stored(here)
    data = bytearray(zipped({**COURSE, "zz.bin": b"0123456789" * 1000}))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        at = archive.getinfo("zz.bin").header_offset + 60
    data[at] ^= 0xFF
    found = take_in(here, bytes(data))
    assert [(issue["code"], issue["place"]) for issue in found["issues"]] == [("damaged-file", "zz.bin")]
    assert stored(here) == before
    assert here.db.content_paths.count_documents({"version": {"$ne": kept["_id"]}}) == 0


def test_an_upload_beyond_the_limit_leaves_nothing(here: Intake) -> None:
    small = replace(here, settings=replace(here.settings, content_max_mb=1))
    with pytest.raises(TooLarge):
        receive(small, b"x" * (1024 * 1024 + 1))
    assert stored(here) == set()
    assert here.db.content_versions.count_documents({}) == 0


def test_uploading_again_makes_a_new_version_of_the_same_item(here: Intake) -> None:
    first = take_in(here, zipped(COURSE))
    second = take_in(here, zipped({**COURSE, "new.html": PAGE}), item=first["item"])
    item = items.get_item(here.db, first["item"])
    assert (second["item"], second["number"], item["latest"]) == (first["item"], 2, 2)
    assert item["activity"].endswith(item["_id"])
    originals = {first["_id"], second["_id"]}
    assert len(stored(here) - originals) == 3  # index.html and new.html are one file; both manifests too


def test_learners_get_the_version_that_was_published_last(here: Intake) -> None:
    first = take_in(here, zipped(COURSE))
    second = take_in(here, zipped({**COURSE, "new.html": PAGE}), item=first["item"])
    editor = editor_at(here.db, NOW)
    with pytest.raises(Collision, match="no version"):
        items.current_version(here.db, items.get_item(here.db, first["item"]))
    for version, number in ((first, 1), (second, 2)):
        items.publish(editor, version["_id"])
        assert items.current_version(here.db, items.get_item(here.db, first["item"]))["number"] == number
    items.withdraw(editor, second["_id"])
    assert items.current_version(here.db, items.get_item(here.db, first["item"]))["number"] == 1
    assert items.get_version(here.db, second["_id"])["state"] == "withdrawn"
    items.withdraw(editor, first["_id"])
    assert items.get_item(here.db, first["item"])["published"] is None
    with pytest.raises(Collision, match="not published"):
        items.withdraw(editor, first["_id"])


def test_two_uploads_of_one_item_get_different_numbers(here: Intake) -> None:
    first = take_in(here, zipped(COURSE))
    for _ in range(2):
        receive(here, zipped(COURSE), item=first["item"])
    assert intake.work(here) == 2
    assert sorted(each["number"] for each in items.versions_of(here.db, first["item"])) == [1, 2, 3]


def test_an_item_that_is_not_there_is_refused_before_the_body_is_read(here: Intake) -> None:
    def never() -> Any:
        raise AssertionError("the body was read")
        yield b""

    with pytest.raises(UnknownThing):
        intake.receive(here, editor_at(here.db, NOW), Upload("north", "a.zip", Wish(), "nothing"), never())


def test_a_worker_that_dies_is_followed_by_another(here: Intake, clock: Clock, monkeypatch: Any) -> None:
    version = receive(here, zipped(COURSE))

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lrs.content.library.intake._Reading._finish", die)
        with pytest.raises(KeyboardInterrupt):
            intake.work(here)
    assert items.get_version(here.db, version)["state"] == "reading"
    assert intake.work(here) == 0  # its lease holds
    clock.advance(seconds=61)
    assert intake.work(here) == 1
    assert items.get_version(here.db, version)["state"] == "draft"
    assert here.db.content_paths.count_documents({"version": version}) == 3


def test_a_package_at_which_every_worker_dies_is_refused(
    here: Intake, clock: Clock, monkeypatch: Any
) -> None:
    version = receive(here, zipped(COURSE))

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of memory, say")

    monkeypatch.setattr("lrs.content.library.intake.read_package", fail)
    for _ in range(intake.TRIES + 1):
        intake.work(here)
        clock.advance(seconds=61)
    found = items.get_version(here.db, version)
    assert (found["state"], [issue["code"] for issue in found["issues"]]) == ("refused", ["reading-failed"])
    assert stored(here) == set()


def test_a_worker_whose_lease_ran_out_changes_nothing(here: Intake, clock: Clock, monkeypatch: Any) -> None:
    version = receive(here, zipped(COURSE))
    finish = intake._Reading._finish

    def late(self: Any, *given: Any) -> None:
        clock.advance(seconds=61)
        assert org_lease.take(here.db, "north", here.now()) is not None  # another begins
        finish(self, *given)

    monkeypatch.setattr("lrs.content.library.intake._Reading._finish", late)
    assert intake.work(here) == 0
    assert items.get_version(here.db, version)["state"] == "reading"
    assert here.db.content_items.count_documents({}) == 0


def test_the_same_activity_id_in_two_items_is_told(here: Intake) -> None:
    package = zipped({"tincan.xml": tincan_document(), "index.html": PAGE})
    first, second = take_in(here, package), take_in(here, package)
    assert first["issues"] == []
    assert [issue["code"] for issue in second["issues"]] == ["activity-id-taken"]
    assert items.get_item(here.db, second["item"])["activity"] == "https://a.example/c"


def test_organizations_share_no_file_and_see_no_item(here: Intake) -> None:
    make_org(here.db, "south")
    north = take_in(here, zipped(COURSE))
    south = take_in(here, zipped(COURSE), org="south")
    assert north["item"] != south["item"]
    housekeeping.discard(here, editor_at(here.db, NOW), north["_id"])
    assert stored(here) == set()
    assert len(stored(here, "south")) == 4


def test_a_draft_can_be_discarded_and_what_was_published_cannot(here: Intake) -> None:
    first = take_in(here, zipped(COURSE))
    second = take_in(here, zipped({**COURSE, "new.js": b"new"}), item=first["item"])
    editor = editor_at(here.db, NOW)
    items.publish(editor, first["_id"])
    with pytest.raises(Collision, match="published"):
        housekeeping.discard(here, editor, first["_id"])
    housekeeping.discard(here, editor, second["_id"])
    assert items.get_item(here.db, first["item"])["published"] == 1
    assert len(stored(here)) == 4
    third = take_in(here, zipped({**COURSE, "other.js": b"other"}))
    housekeeping.discard(here, editor, third["_id"])
    with pytest.raises(UnknownThing):
        items.get_item(here.db, third["item"])


def test_files_that_a_crash_left_are_swept_and_no_others(here: Intake, clock: Clock) -> None:
    kept = take_in(here, zipped(COURSE))
    list(files_of(here).keep([[b"left behind"]]))
    files_of(here).put("01left0behind", [b"an original without a version"])
    clock.now = dt.datetime.now(dt.UTC) + housekeeping.ORPHANED + dt.timedelta(minutes=1)
    housekeeping.sweep(here, "north")
    assert len(stored(here)) == 4
    assert b"".join(files_of(here).read(kept["_id"])) == zipped(COURSE)


def test_each_change_is_in_the_audit(here: Intake) -> None:
    found = take_in(here, zipped(COURSE))
    editor = editor_at(here.db, NOW + dt.timedelta(minutes=1))
    items.publish(editor, found["_id"])
    items.withdraw(editor, found["_id"])
    actions = [entry["action"] for entry in here.db.audit.find({"kind": "content"}).sort("_id")]
    assert actions == ["content.upload", "content.publish", "content.withdraw"]


def test_a_person_sees_what_the_organization_and_the_item_allow(here: Intake) -> None:
    make_org(here.db, "south")
    ana, bob = (
        make_person(here.db, "ana@north.example", "north"),
        make_person(here.db, "bob@south.example", "south"),
    )
    shared = take_in(here, zipped(COURSE), org="vendor")
    own = take_in(here, zipped(COURSE))
    hidden = take_in(here, zipped(COURSE), org="vendor")
    editor = editor_at(here.db, NOW)
    for version in (shared, own):
        items.publish(editor, version["_id"])

    def seen(person: str) -> set[str]:
        learner = learner_of(here.db, person, dt.datetime.now(dt.UTC))
        return {item["_id"] for item in items.visible_items(here.db, learner, dt.datetime.now(dt.UTC))}

    assert seen(ana) == {shared["item"], own["item"]}
    assert seen(bob) == {shared["item"]}
    items.edit_item(editor, shared["item"], {"visible": {"orgs": ["south"]}},
                    items.get_item(here.db, shared["item"])["version"])  # fmt: skip
    assert seen(ana) == {own["item"]}
    assert hidden["item"] not in seen(bob)
