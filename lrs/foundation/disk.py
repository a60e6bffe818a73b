"""Room on the disks: below a threshold writes are refused before MongoDB fails in the middle of one.

Measured every few seconds by whoever asks: the disk of MongoDB as its `dbStats` tells (of each shard), and
that of the data folder. It goes on by itself when there is room again.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pymongo
from pymongo.database import Database
from pymongo.errors import PyMongoError

from lrs.foundation.context import Services
from lrs.foundation.database import Document
from lrs.foundation.errors import DiskFull
from lrs.foundation.settings import Settings

log = logging.getLogger("lrs.disk")

EVERY: Final = 5.0  # seconds between two looks
PATIENCE: Final = 3.0  # seconds for MongoDB's answer
MB: Final = 1024 * 1024


class Disk:
    """What one process knows of the room on the disks."""

    def __init__(
        self, settings: Settings, db: Database[Document], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._least = settings.min_free_disk_mb * MB
        self._folder, self._db, self._clock = settings.data_folder, db, clock
        self._until = 0.0
        self._lack: str | None = None

    def lack(self) -> str | None:
        """Return what lacks room, in words; None where writes may go on."""
        if self._least and self._clock() >= self._until:
            self._until = self._clock() + EVERY  # before the look: others go on with what is known
            self._note(self._measure())
        return self._lack

    def check(self) -> None:
        """Raise DiskFull where writes may not go on."""
        if self.lack() is not None:
            raise DiskFull

    def _measure(self) -> str | None:
        rooms = {
            "MongoDB's disk": room_of_database(self._db),
            "the data folder's disk": room_of(self._folder),
        }
        for name, room in rooms.items():
            if room is not None and room < self._least:
                return f"{name} has {room // MB} MB left, writes need {self._least // MB} MB"
        return None

    def _note(self, lack: str | None) -> None:
        if lack is not None and self._lack is None:
            log.error("%s: writes are refused until there is room, reads go on", lack)
        elif lack is None and self._lack is not None:
            log.warning("there is room on the disks again: writes go on")
        self._lack = lack


def disk(services: Services) -> Disk:
    """Return what this application knows of its disks; for `Services.part`."""
    return Disk(services.settings, services.db)


def room_of_database(db: Database[Document]) -> int | None:
    """Return the bytes that MongoDB's fullest disk has left, None where it does not tell."""
    try:
        with pymongo.timeout(PATIENCE):
            told = db.command("dbStats")
    except PyMongoError:
        return None
    shards = [one for one in told.get("raw", {}).values() if isinstance(one, dict)]
    rooms = [one["fsTotalSize"] - one["fsUsedSize"] for one in [told, *shards] if _tells(one)]
    return int(min(rooms)) if rooms else None


def _tells(stats: dict[str, Any]) -> bool:
    return stats.get("fsTotalSize", 0) > 0 and "fsUsedSize" in stats


def room_of(folder: Path) -> int | None:
    """Return the bytes that the disk of a folder has left, None where there is no such folder."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
