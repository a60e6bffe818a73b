"""The two stores of content files do the same: bytes by hash, whole or not at all, sealed per organization."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from lrs.content.library.files import ContentFiles
from lrs.content.library.folder_files import FolderFiles
from lrs.content.library.mongo_files import MongoFiles
from lrs.content.library.stored import SMALL_BYTES, MissingFile, StoredFile

Db = Database[dict[str, Any]]
Make = Callable[[str], ContentFiles]

LARGE = random.Random(1).randbytes(SMALL_BYTES + 12_345)
SMALL = [b"", b"one", b"two" * 1000, b"x" * 1_500_000]


@pytest.fixture(params=["mongodb", "folder"])
def make(request: pytest.FixtureRequest, db: Db, tmp_path: Path) -> Make:
    if request.param == "mongodb":
        return lambda org: MongoFiles(db, org)
    return lambda org: FolderFiles(tmp_path / "content", org)


@pytest.fixture
def files(make: Make) -> ContentFiles:
    return make("north")


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blocks(content: bytes, size: int = 100_000) -> Iterator[bytes]:
    return (content[place : place + size] for place in range(0, len(content), size))


def later() -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)


def test_files_come_back_as_they_came_in_their_order(files: ContentFiles) -> None:
    contents = [*SMALL, LARGE, b"after"]
    kept = list(files.keep(blocks(content) for content in contents))
    assert kept == [StoredFile(sha(content), len(content)) for content in contents]
    for content in contents:
        assert b"".join(files.read(sha(content))) == content
        assert files.size(sha(content)) == len(content)
        with files.open(sha(content)) as file:
            assert file.read() == content


def test_a_file_is_stored_once(files: ContentFiles) -> None:
    list(files.keep([[b"one"], [b"one"], blocks(LARGE)]))
    list(files.keep([[b"one"], blocks(LARGE)]))
    assert sorted(files.stored_before(later())) == sorted([sha(b"one"), sha(LARGE)])


@pytest.mark.parametrize(
    ("start", "end"), [(0, 10), (5, 6), (1_048_570, 1_048_590), (2_000_000, None), (0, None), (7, 7)]
)
def test_parts_of_a_file_are_read(files: ContentFiles, start: int, end: int | None) -> None:
    [stored] = files.keep([blocks(LARGE)])
    assert b"".join(files.read(stored.sha256, start, end)) == LARGE[start:end]


def test_what_is_not_there_is_told(files: ContentFiles) -> None:
    assert files.size(sha(b"none")) is None
    with pytest.raises(MissingFile):
        list(files.read(sha(b"none")))
    with pytest.raises(MissingFile), files.open(sha(b"none")):
        pass
    files.delete([sha(b"none")])


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "/etc/passwd", "a" * 65, "..", "a/b", "Ü" * 10])
def test_names_lead_nowhere_else(files: ContentFiles, name: str) -> None:
    with pytest.raises(MissingFile):
        list(files.read(name))


def test_organizations_are_sealed(make: Make) -> None:
    list(make("north").keep([[b"one"]]))
    assert make("south").size(sha(b"one")) is None
    make("south").delete([sha(b"one")])
    assert make("north").size(sha(b"one")) == 3
    assert list(make("south").stored_before(later())) == []


def test_deleted_files_are_gone(files: ContentFiles) -> None:
    list(files.keep([[b"one"], [b"two"], blocks(LARGE)]))
    files.delete([sha(b"one"), sha(LARGE)])
    assert list(files.stored_before(later())) == [sha(b"two")]


def test_an_original_has_a_name_of_its_own_that_is_taken_once(files: ContentFiles) -> None:
    assert files.put("01aaaaaaaa", blocks(LARGE)) == StoredFile(sha(LARGE), len(LARGE))
    with pytest.raises(FileExistsError):
        files.put("01aaaaaaaa", [b"other"])
    assert b"".join(files.read("01aaaaaaaa")) == LARGE


def test_a_stream_that_breaks_leaves_nothing(files: ContentFiles, db: Db, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield LARGE
        raise OSError("the connection was lost")

    for attempt in (lambda: files.put("01aaaaaaaa", broken()), lambda: list(files.keep([broken()]))):
        with pytest.raises(OSError, match="lost"):
            attempt()
    assert list(files.stored_before(later())) == []
    assert db["content.chunks"].count_documents({}) == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_files_on_their_way_are_not_listed_as_old(files: ContentFiles) -> None:
    list(files.keep([[b"one"]]))
    assert list(files.stored_before(dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))) == []
