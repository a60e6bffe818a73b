"""Content files in a folder: FOLDER/<org>/<two letters>/<name>, each written whole or not at all."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final

from lrs.content.library.stored import Large, MissingFile, StoredFile, batches

BLOCK: Final = 256 * 1024
SYNCING: Final = 8  # waiting for the disk is most of the time of small files
NAME: Final = re.compile(r"[0-9a-z]{8,64}")  # of a hash or an id: nothing that leads elsewhere
BEGUN: Final = "begun-"


class FolderFiles:
    """The content files of one organization in a folder; implements `files.ContentFiles`."""

    def __init__(self, folder: Path, org: str) -> None:
        self._folder = folder / org

    def keep(self, files: Iterable[Iterable[bytes]]) -> Iterator[StoredFile]:
        """Store files, each given as blocks, and yield each in its order once it is durable."""
        with ThreadPoolExecutor(SYNCING, thread_name_prefix="content") as pool:
            for batch in batches(files):
                if isinstance(batch, Large):
                    yield self._write(batch.blocks())
                else:
                    yield from pool.map(lambda one: self._write([one.content]), batch)

    def put(self, name: str, blocks: Iterable[bytes]) -> StoredFile:
        """Store a file under a name of its own; raises FileExistsError where the name is taken."""
        if self._path(name).exists():
            raise FileExistsError(name)
        return self._write(blocks, name)

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes, None where it is not there."""
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return None

    def read(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes [start, end) of a file in blocks; raises MissingFile."""
        try:
            file = self._path(name).open("rb")
        except FileNotFoundError as error:
            raise MissingFile(name) from error
        return _blocks(file, start, end)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file for reading at any place; raises MissingFile."""
        try:
            file = self._path(name).open("rb")
        except FileNotFoundError as error:
            raise MissingFile(name) from error
        with file:
            yield file

    def delete(self, names: Collection[str]) -> None:
        """Remove files; unknown ones are no error."""
        for name in names:
            self._path(name).unlink(missing_ok=True)

    def stored_before(self, before: dt.datetime) -> Iterator[str]:
        """Yield the names of files that were stored before an instant; removes what a crash left half-way."""
        for path in self._folder.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime >= before.timestamp():
                    continue
                if NAME.fullmatch(path.name):
                    yield path.name
                elif path.name.startswith(BEGUN):
                    path.unlink()

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise MissingFile(name)
        return self._folder / name[-2:] / name

    def _write(self, blocks: Iterable[bytes], name: str | None = None) -> StoredFile:
        """Write beside, make durable, then give the name: a half-written file is never found."""
        begun = self._folder / "new"
        begun.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        handle, beside = tempfile.mkstemp(prefix=BEGUN, dir=begun)
        try:
            with os.fdopen(handle, "wb") as file:
                for block in blocks:
                    digest.update(block)
                    size += len(block)
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            path = self._path(name or digest.hexdigest())
            path.parent.mkdir(exist_ok=True)
            Path(beside).replace(path)
            _sync_folder(path.parent)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
        return StoredFile(digest.hexdigest(), size)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _blocks(file: IO[bytes], start: int, end: int | None) -> Iterator[bytes]:
    with file:
        file.seek(start)
        left = None if end is None else end - start
        while left is None or left > 0:
            block = file.read(BLOCK if left is None else min(BLOCK, left))
            if not block:
                return
            left = None if left is None else left - len(block)
            yield block
