"""A folder of backups: whole ones, the changes since each, and a manifest beside the files of both.

repository.json            {format, salt, sealed}
keys.json                  {salt, keys: {<name>: the key of that backup, sealed with the passphrase}}
<name>/manifest.json       {kind: whole | changes, since, until, at, build, schema, database,
                            files: {file: {collection, documents, bytes, sha256}}}
A backup appears under its name only when everything in it was written and read back. Whoever destroys a key
makes every copy of that backup unreadable, wherever it lies, as long as keys.json is not copied with it. What
was made before there were keys is sealed with the passphrase itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bson import Timestamp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lrs.backups.sealed_files import NONCE, Damaged, key_of, read

FORMAT: Final = 2  # 1: without keys of their own
PARTIAL: Final = ".partial"


class NoBackup(Exception):
    """What is asked of a folder of backups cannot be had."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup: its folder and what its manifest says; `since` and `until` are instants of the oplog."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def is_whole(self) -> bool:
        """Tell a whole backup from the changes since one."""
        return bool(self.manifest["kind"] == "whole")

    @property
    def since(self) -> Timestamp:
        """Return from when on, exclusive, it has changes; of a whole one, the moment it shows."""
        return Timestamp(*self.manifest["since"])

    @property
    def until(self) -> Timestamp:
        """Return up to when, inclusive, it goes."""
        return Timestamp(*self.manifest["until"])


class Repository:
    """A folder of backups and its key."""

    def __init__(self, folder: Path, passphrase: str | None, *, make: bool = False) -> None:
        """Open a folder, or make it; raises NoBackup where it is none, or sealed and no passphrase given."""
        self.folder = folder
        head = folder / "repository.json"
        if not head.exists():
            if not make:
                raise NoBackup(f"{folder} holds no backups")
            if folder.exists() and any(folder.iterdir()):
                raise NoBackup(f"{folder} holds other files; give an empty folder")
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            salt = base64.b64encode(secrets.token_bytes(16)).decode()
            write_text(head, json.dumps({"format": FORMAT, "salt": salt, "sealed": passphrase is not None}))
        body = json.loads(head.read_text(encoding="utf-8"))
        if body["format"] > FORMAT:
            raise NoBackup(f"{folder} was made by a newer version")
        if body["sealed"] != (passphrase is not None):
            wants = (
                "is sealed: give its passphrase" if body["sealed"] else "is not sealed: give no passphrase"
            )
            raise NoBackup(f"{folder} {wants}")
        self.key: AESGCM | None = (
            key_of(passphrase, base64.b64decode(body["salt"])) if passphrase is not None else None
        )
        self._passphrase = passphrase
        self._head = body
        self._known: dict[str, bytes] | None = None

    def backups(self) -> list[Backup]:
        """Return all backups, the oldest first."""
        found = [
            Backup(path.parent, json.loads(path.read_text(encoding="utf-8")))
            for path in self.folder.glob("*/manifest.json")
            if not path.parent.name.endswith(PARTIAL)
        ]
        return sorted(found, key=lambda one: (one.until, one.since))

    def chain(self, until: Timestamp | None = None) -> list[Backup]:
        """Return the newest whole backup at or before an instant, and the changes that follow it."""
        every = self.backups()
        wholes = [one for one in every if one.is_whole and (until is None or one.until <= until)]
        if not wholes:
            raise NoBackup(f"{self.folder} holds no whole backup of that time or before")
        chain = [wholes[-1]]
        for one in every:
            if not one.is_whole and one.since == chain[-1].until:
                chain.append(one)
        return chain

    def begin(self, name: str) -> Path:
        """Return an empty folder for a new backup; what an interrupted one left is thrown away."""
        folder = self.folder / f"{name}{PARTIAL}"
        for left in self.folder.glob(f"*{PARTIAL}"):
            shutil.rmtree(left)
        folder.mkdir(mode=0o700)
        if self._passphrase is not None:
            there = {one.folder.name for one in self.backups()}
            kept = {one: key for one, key in self._keys().items() if one in there}
            self._write_keys({**kept, name: AESGCM.generate_key(256)}, self._passphrase)
            if self._head["format"] < FORMAT:  # an older build would take the passphrase for a wrong one
                self._head["format"] = FORMAT
                write_text(self.folder / "repository.new", json.dumps(self._head))
                (self.folder / "repository.new").replace(self.folder / "repository.json")
        return folder

    def key_for(self, folder: Path) -> AESGCM | None:
        """Return what seals a backup, None where nothing does; raises Damaged."""
        own = self._keys().get(folder.name.removesuffix(PARTIAL))
        return self.key if own is None else AESGCM(own)

    def forget(self) -> list[str]:
        """Destroy all that the newest whole backup does not need, keys first; return the names.

        Raises NoBackup where there is no whole backup, Damaged where that one cannot be read.
        """
        needed = self.chain()
        for one in needed:
            self.check(one)
        names = {one.folder.name for one in needed}
        gone = [one for one in self.backups() if one.folder.name not in names]
        if self._passphrase is not None:
            self._write_keys({n: k for n, k in self._keys().items() if n in names}, self._passphrase)
        for one in gone:
            shutil.rmtree(one.folder)
        _sync(self.folder)
        return [one.folder.name for one in gone]

    def change_passphrase(self, passphrase: str) -> None:
        """Seal the keys of all backups with another passphrase, in one step.

        Raises NoBackup where a backup is sealed with the passphrase itself, or not at all.
        """
        keys = self._keys()
        if self._passphrase is None or any(one.folder.name not in keys for one in self.backups()):
            raise NoBackup(f"{self.folder} has backups without keys: make a whole one and forget the others")
        self._write_keys(keys, passphrase)
        self._passphrase = passphrase

    def finish(self, folder: Path, manifest: dict[str, Any]) -> Backup:
        """Read everything back, then let the backup appear; raises Damaged."""
        manifest = {**manifest, "has_key": self._passphrase is not None}
        self.check(Backup(folder, manifest))
        write_text(folder / "manifest.json", json.dumps(manifest, indent=1))
        final = folder.with_name(folder.name.removesuffix(PARTIAL))
        folder.rename(final)
        _sync(self.folder)
        return Backup(final, manifest)

    def check(self, backup: Backup) -> None:
        """Read every file of a backup and compare it with the manifest; raises Damaged."""
        for name, told in backup.manifest["files"].items():
            count, digest = 0, hashlib.sha256()
            for document in self.read(backup, name):
                count += 1
                digest.update(document)
            if (count, digest.hexdigest()) != (told["documents"], told["sha256"]):
                raise Damaged(name, "does not hold what its manifest says")

    def read(self, backup: Backup, name: str) -> Iterator[bytes]:
        """Yield the raw documents of a file of a backup."""
        own = backup.folder.name.removesuffix(PARTIAL)
        if backup.manifest.get("has_key") and own not in self._keys():
            raise Damaged(own, "cannot be read: its key was destroyed")
        return read(backup.folder / name, self.key_for(backup.folder))

    def _keys(self) -> dict[str, bytes]:
        """Return the keys of backups by name, read once; raises Damaged."""
        if self._known is None:
            self._known = self._read_keys()
        return self._known

    def _read_keys(self) -> dict[str, bytes]:
        place = self.folder / "keys.json"
        if self._passphrase is None or not place.exists():
            return {}
        body = json.loads(place.read_text(encoding="utf-8"))
        opens, found = key_of(self._passphrase, base64.b64decode(body["salt"])), {}
        for name, text in body["keys"].items():
            sealed = base64.b64decode(text)
            try:
                found[name] = opens.decrypt(sealed[:NONCE], sealed[NONCE:], name.encode())
            except (InvalidTag, ValueError) as error:
                raise Damaged(place.name, "was changed, or the passphrase is another one") from error
        return found

    def _write_keys(self, keys: dict[str, bytes], passphrase: str) -> None:
        """Replace the file of keys; what was in it is written over when it is gone."""
        self._known = keys
        place, fresh, salt = self.folder / "keys.json", self.folder / "keys.new", secrets.token_bytes(16)
        seals, sealed = key_of(passphrase, salt), {}
        for name, key in keys.items():
            nonce = secrets.token_bytes(NONCE)
            sealed[name] = base64.b64encode(nonce + seals.encrypt(nonce, key, name.encode())).decode()
        fresh.touch(mode=0o600)
        write_text(fresh, json.dumps({"salt": base64.b64encode(salt).decode(), "keys": sealed}))
        former = place.open("r+b") if place.exists() else None
        fresh.replace(place)
        _sync(self.folder)
        if former is not None:
            with former:
                former.write(secrets.token_bytes(os.fstat(former.fileno()).st_size))
                former.flush()
                os.fsync(former.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a small file, durable on return."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
