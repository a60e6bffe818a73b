"""Copies of backups in another place: a folder, or a store that speaks S3 (`s3://bucket/prefix`).

Everything of a repository goes there but `keys.json`, without which nobody reads a copy: it stays where it is
and is kept as the passphrase is. The manifest of a backup goes last, so a copy that was cut short does not
count and the next one goes on. Files are immutable; what has the right name and size is not sent again.

Addresses are those of Apache Arrow (extra `lake`): `s3://bucket/prefix?endpoint_override=host:port&scheme=http`;
credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or the machine's role.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from lrs.backups.repository import PARTIAL, NoBackup
from lrs.backups.sealed_files import Damaged

Say = Callable[[str], None]
HEAD, LAST = "repository.json", "manifest.json"
NAME: Final = re.compile(r"repository\.json|\w[\w.:-]*/(?:manifest\.json|\w+\.bson)")
BLOCK: Final = 1 << 20


class Copies:
    """The copies at an address."""

    def __init__(self, address: str) -> None:
        """Open an address; raises NoBackup where it is none, or Apache Arrow is not installed."""
        try:
            from pyarrow import fs  # noqa: PLC0415 -- optional, and costs 50 MB
        except ImportError as error:
            raise NoBackup("copies need Apache Arrow: pip install 'laurel-lrs[lake]'") from error
        self.address = address.partition("?")[0]
        try:
            self._system, self._root = fs.FileSystem.from_uri(address)
        except (ValueError, OSError) as error:
            raise NoBackup(f"{self.address} is no address of copies: {error}") from error
        self._everything = fs.FileSelector(self._root, recursive=True, allow_not_found=True)

    def sizes(self) -> dict[str, int]:
        """Return the files that are there, by their path below the address; raises NoBackup."""
        with self._reached():
            found = self._system.get_file_info(self._everything)
        return {one.path[len(self._root) + 1 :]: one.size for one in found if one.is_file}

    def send(self, folder: Path, say: Say, *, forget: bool = False) -> int:
        """Copy what is missing there, read back and compared; return how many files were sent.

        `forget` takes away what is no longer here. Raises NoBackup where the place does not answer or holds
        copies of other backups, Damaged where it gives back something else than was sent.
        """
        here, there = files_of(folder), self.sizes()
        self._check_same(folder, there)
        missing = [name for name, size in here.items() if there.get(name) != size]
        for name in sorted(missing, key=manifests_last):
            with self._reached():
                self._send(folder / name, name)
            say(f"{name} is copied")
        gone = {name for name in there.keys() - here.keys() if NAME.fullmatch(name)} if forget else set()
        for name in sorted(gone, key=manifests_last, reverse=True):
            with self._reached():
                self._system.delete_file(f"{self._root}/{name}")
            say(f"{name} is taken away")
        return len(missing)

    def bring(self, folder: Path, say: Say) -> int:
        """Bring into a folder what it lacks; return how many files. Raises NoBackup."""
        there = self.sizes()
        if HEAD not in there:
            raise NoBackup(f"{self.address} holds no copies of backups")
        here = files_of(folder) if folder.exists() else {}
        if HEAD in here:
            self._check_same(folder, there)
        missing = [name for name, size in there.items() if here.get(name) != size and NAME.fullmatch(name)]
        for name in sorted(missing, key=manifests_last):
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._reached(), place.open("wb") as file:
                for block in self._read(name):
                    file.write(block)
            say(f"{name} is back")
        return len(missing)

    def _check_same(self, folder: Path, there: Mapping[str, int]) -> None:
        """Refuse a place that has the copies of another repository: they would be mixed, or taken away."""
        if HEAD in there:
            with self._reached():
                theirs = json.loads(b"".join(self._read(HEAD)))
            if theirs["salt"] != json.loads((folder / HEAD).read_text(encoding="utf-8"))["salt"]:
                raise NoBackup(f"{self.address} holds copies of other backups than {folder}")

    def _send(self, file: Path, name: str) -> None:
        place = f"{self._root}/{name}"
        self._system.create_dir(place.rpartition("/")[0], recursive=True)
        sent, back = hashlib.sha256(), hashlib.sha256()
        with file.open("rb") as source, self._system.open_output_stream(place) as target:
            for block in blocks(source):
                sent.update(block)
                target.write(block)
        for block in self._read(name):
            back.update(block)
        if sent.digest() != back.digest():
            self._system.delete_file(place)  # it has the right size: the next run would take it for copied
            raise Damaged(name, f"came back from {self.address} as something else than was sent")

    def _read(self, name: str) -> Iterator[bytes]:
        with self._system.open_input_stream(f"{self._root}/{name}") as source:
            yield from blocks(source)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise NoBackup(f"{self.address} does not answer as it should: {error}") from error


def manifests_last(name: str) -> tuple[bool, str]:
    """Return by what files are sent in order: a backup counts from when its manifest is there."""
    return name.endswith(LAST), name


def files_of(folder: Path) -> dict[str, int]:
    """Return what of a repository is copied, with sizes: finished backups and its head, never keys."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and NAME.fullmatch(path.relative_to(folder).as_posix())
        and not path.parent.name.endswith(PARTIAL)
    }


def blocks(source: IO[bytes] | Any) -> Iterator[bytes]:
    """Yield what a file or a stream of Arrow holds, in blocks."""
    while block := source.read(BLOCK):
        yield block
