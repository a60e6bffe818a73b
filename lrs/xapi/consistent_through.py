"""What Consistent-Through may promise while several processes write (1.0.3 Communication 2.1.3).

The promise for an instant T: every statement whose `stored` lies before T can be retrieved already. Each
process writes down the beginning of its oldest unfinished write on a board, a small mapped file that all
processes of one machine share. Machines tell each other through one MongoDB document each, renewed every
second. A process reads its clock, then looks at the board; a writer signs the board, then reads its clock
to get `stored`: so a write that a reader did not see on the board is not stored before the reader's instant.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import logging
import mmap
import os
import secrets
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import InvalidOperation, PyMongoError
from pymongo.write_concern import WriteConcern

from lrs.foundation.context import current_request
from lrs.foundation.settings import Settings

log = logging.getLogger("lrs.consistency")

Document = dict[str, Any]
INDEXES: dict[str, list[IndexModel]] = {"hosts": [IndexModel([("at", ASCENDING)], expireAfterSeconds=3600)]}

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
SLOTS: Final = 128  # processes of one machine
HEADER: Final = 2  # words before the process ids and the marks: the board's own number, the slots ever used
# MongoDB ends a transaction after 60 seconds; a mark this old was left by a process that was killed.
LONGEST_WRITE: Final = 120 * 1_000_000
MARGIN: Final = 1_000  # microseconds below the oldest unfinished write
BEAT: Final = 1.0  # seconds between two signs of life of a machine
STALE: Final = 2.0  # after this long without news of the others, nothing later is promised
SETTLE: Final = 3.0  # a machine that joins others waits this long before its first write; > STALE
LEASE: Final = 10  # seconds after which a silent machine is taken to be gone
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def microseconds(moment: dt.datetime) -> int:
    """Return whole microseconds since 1970."""
    return (moment - EPOCH) // dt.timedelta(microseconds=1)


class Board:
    """The writes of one machine: (pid, start of the oldest unfinished or 0, number finished) per process."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        size = (HEADER + 3 * SLOTS) * 8
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if file.seek(0, os.SEEK_END) < size:
                file.truncate(size)
            words = memoryview(mmap.mmap(file.fileno(), size)).cast("Q")
            if words[0] == 0:
                words[0] = secrets.randbits(63) | 1
            self.name = f"{words[0]:016x}"  # of this machine among the machines
            self._used = words[1:HEADER]
            self._pids = words[HEADER : HEADER + SLOTS]
            self._marks = words[HEADER + SLOTS : HEADER + 2 * SLOTS]
            self._finished = words[HEADER + 2 * SLOTS :]
            self._mine = self._claim()
            fcntl.flock(file, fcntl.LOCK_UN)  # closing is not enough: the map keeps its own copy of the file
        self._lock = threading.Lock()
        self._active: dict[int, int] = {}
        self._count = 0

    def _claim(self) -> int:
        """Return the index of the first slot whose process is gone, made ours; the file is locked."""
        for at, pid in enumerate(self._pids):
            if not _is_alive(pid):
                self._marks[at] = 0
                self._pids[at] = os.getpid()
                self._used[0] = max(i for i, other in enumerate(self._pids) if other) + 1
                return at
        raise OSError(f"more than {SLOTS} processes write on one machine")

    def enter(self, since: int) -> int:
        """Write down that a write begins, `since` not after its `stored`; return the ticket for `leave`."""
        with self._lock:
            self._count += 1
            self._active[self._count] = since
            self._marks[self._mine] = min(self._active.values())
            return self._count

    def leave(self, ticket: int) -> None:
        """Write down that the write is over, one way or the other."""
        with self._lock:
            del self._active[ticket]
            self._marks[self._mine] = min(self._active.values(), default=0)
            self._finished[self._mine] += 1

    def oldest(self, now: int) -> int:
        """Return the beginning of the oldest unfinished write of this machine, or `now`."""
        floor = max(0, now - LONGEST_WRITE)
        marks = self._marks[: self._used[0]].tolist()
        return min([mark for mark in marks if mark > floor], default=now)

    def touch(self) -> None:
        """Count something else that was written, for those who wait for news."""
        with self._lock:
            self._finished[self._mine] += 1

    def finished(self) -> int:
        """Return how many writes of this machine are over; a number to compare with an earlier one."""
        return sum(self._finished[: self._used[0]].tolist())


def _is_alive(pid: int) -> bool:
    """Tell whether another process, of this user, has that id."""
    if pid in {0, os.getpid()}:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


_boards: dict[str, Board] = {}  # by path
_boards_lock = threading.Lock()


def board(path: Path) -> Board:
    """Return this process's one Board on that file."""
    name = str(path)
    found = _boards.get(name)
    if found is None:
        with _boards_lock:
            found = _boards.get(name) or _boards.setdefault(name, Board(path))
    return found


def board_path(mongodb_uri: str, database: str) -> Path:
    """Return where the processes of this machine that serve one database meet."""
    digest = blake2b(f"{mongodb_uri}\n{database}".encode(), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"laurel-{os.getuid()}" / f"{digest}.board"


def bells_path(mongodb_uri: str, database: str) -> Path:
    """Return the folder in which this machine's workers of one database listen for the bell."""
    return board_path(mongodb_uri, database).with_suffix(".bells")


def announce_writes(app: Flask, settings: Settings) -> None:
    """Let each request that may have changed something count on the board, for a worker that rests."""
    place = board_path(settings.mongodb_uri, settings.database)

    def announce(response: Response) -> Response:
        if current_request().method not in READING:
            board(place).touch()
        return response

    app.after_request(announce)


class Consistency:
    """Tells up to which instant this store is consistent, and keeps watch over the writes that decide it."""

    sleep: Callable[[float], None] = staticmethod(time.sleep)  # tests count instead

    def __init__(self, db: Database[Document], writes: Board, now: Callable[[], dt.datetime]) -> None:
        self._hosts = db.get_collection("hosts", write_concern=WriteConcern(1))
        self._board = writes
        self._now = now
        self._lock = threading.Lock()
        self._others: int | None = None  # the least promise of the other machines; None without others
        self._known_at: float | None = None  # monotonic time and wall time of the last news of the others
        self._known_wall = 0
        self._write_from = 0.0  # monotonic time before which a machine that joined does not write

    @contextmanager
    def writing(self) -> Iterator[dt.datetime]:
        """Keep the promise honest during a write; gives the instant that becomes `stored`."""
        self._be_known()
        ticket = self._board.enter(microseconds(self._now()))
        try:
            yield self._now()
        finally:
            self._board.leave(ticket)

    def through(self) -> dt.datetime:
        """Return the instant before which every statement can be retrieved; 1970 when MongoDB is away."""
        if self._known_at is None:
            try:
                self._be_known()
            except PyMongoError as error:
                log.warning("nothing can be promised: %s", error)
                return EPOCH
        now = microseconds(self._now())
        promise = self._board.oldest(now) - MARGIN
        if self._others is not None:
            promise = min(promise, self._others)
        if self._known_at is None or time.monotonic() - self._known_at > STALE:
            promise = min(promise, self._known_wall)
        return EPOCH + dt.timedelta(microseconds=promise)

    def _be_known(self) -> None:
        """Make sure that the other machines know of this one before it writes."""
        if self._known_at is None or time.monotonic() - self._known_at > LEASE / 2:
            with self._lock:
                first = self._known_at is None
                if first or time.monotonic() - (self._known_at or 0.0) > LEASE / 2:
                    self.beat()
                    self._write_from = time.monotonic() + SETTLE if self._others is not None else 0.0
                if first:
                    threading.Thread(target=_keep_beating, args=(weakref.ref(self),), daemon=True).start()
        if self._write_from and (wait := self._write_from - time.monotonic()) > 0:
            self.sleep(wait)

    def beat(self) -> None:
        """Tell the other machines of this one's unfinished writes, then learn of theirs."""
        now = microseconds(self._now())
        mine = self._board.oldest(now) - MARGIN
        self._hosts.update_one(
            {"_id": self._board.name}, [{"$set": {"through": mine, "at": "$$NOW"}}], upsert=True
        )
        alive = {"$gt": ["$at", {"$subtract": ["$$NOW", LEASE * 1000]}]}
        others = self._hosts.find({"_id": {"$ne": self._board.name}, "$expr": alive}, {"through": 1})
        self._others = min((other["through"] for other in others), default=None)
        self._known_wall, self._known_at = now, time.monotonic()


def _keep_beating(one: weakref.ref[Consistency]) -> None:
    """Beat once a second for as long as the process uses its Consistency and the client is open."""
    while True:
        time.sleep(BEAT)
        consistency = one()
        if consistency is None:
            return
        try:
            consistency.beat()
        except InvalidOperation:  # the client was closed: the application has ended
            return
        except PyMongoError as error:
            log.warning("cannot tell the other machines of this one: %s", error)
        del consistency


def header_text(moment: dt.datetime) -> str:
    """Return the instant as the header carries it: UTC, milliseconds, cut and not rounded."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
