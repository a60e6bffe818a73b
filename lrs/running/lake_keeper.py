"""The lake is kept in a process of its own, below the priority of others: it takes what they leave.

So decisions do not wait for its interpreter, and ingest at full speed goes first while the lake is not far
behind. The worker asks for a round by a line, the process answers with how many rows came.
"""

from __future__ import annotations

import datetime as dt
import logging
import logging.config
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from pymongo.database import Database

from lrs.foundation.context import utc_now
from lrs.foundation.database import Document, connect
from lrs.foundation.settings import Settings, to_env
from lrs.foundation.watching.logs import configuration
from lrs.lake import state
from lrs.lake.bounds import set_bounds

NICE: Final = 5  # a third of the processor time of one that is as busy
FAR_BEHIND: Final = dt.timedelta(seconds=30)  # then it is as important as others
BUSY_ROWS: Final = 2_000  # rows of a round after which the next one waits, since many cost less together
WAIT: Final = 15.0  # seconds from the beginning of that round
LOOK: Final = 0.2  # seconds between looks whether to stop
ENDING: Final = 20.0  # seconds in which a process that shall end does

log = logging.getLogger("laurel.lake")


class LakeKeeper:
    """The process that keeps the lake of one worker; started when it is first needed."""

    def __init__(self, settings: Settings, db: Database[Document]) -> None:
        self._settings, self._db = settings, db
        self._process: subprocess.Popen[str] | None = None
        self._nice, self._due = NICE, 0.0

    def round(self, now: dt.datetime, stopped: Callable[[], bool]) -> bool:
        """Let the lake follow the store; false where that waits for more to come."""
        through: dt.datetime | None = (state.read(self._db) or {}).get("through")
        nice = 0 if through is not None and now - through > FAR_BEHIND else NICE
        if time.monotonic() < self._due:
            return False
        began = time.monotonic()
        if nice != self._nice or (self._process is not None and self._process.poll() is not None):
            self.close()
            self._nice = nice
        added = self._ask(stopped)
        if added is None or added >= BUSY_ROWS:
            self._due = began + WAIT
        return True

    def _ask(self, stopped: Callable[[], bool]) -> int | None:
        """Return how many rows a round added; None where it did not come to its end."""
        process = self._process or self._start()
        assert process.stdin is not None  # noqa: S101 -- both are pipes
        assert process.stdout is not None  # noqa: S101 -- as above
        try:
            process.stdin.write("\n")
            process.stdin.flush()
            while not select.select([process.stdout], [], [], LOOK)[0]:
                if stopped():
                    return None
            answer = process.stdout.readline()
        except BrokenPipeError:
            return None
        return int(answer) if answer else None

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "lrs.running.lake_keeper", str(self._nice)]
        environ = to_env(self._settings, os.environ)
        self._process = subprocess.Popen(  # noqa: S603 -- our own module
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self._process

    def close(self) -> None:
        """End the process; a round under way stops at its next step and gives the lake back."""
        if (process := self._process) is None:
            return
        self._process = None
        process.terminate()
        try:
            process.communicate(timeout=ENDING)
        except BrokenPipeError:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:  # whoever keeps the lake next goes on from its last commit
            process.kill()
            process.wait()


def main(nice: int) -> None:
    """Make a round for each line that comes, until there are no more or SIGTERM."""
    settings = Settings.from_env(os.environ)
    logging.config.dictConfig(configuration(settings.log_level, settings.log_format))
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the worker says when to end
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    os.nice(nice)
    from lrs.lake import tending  # noqa: PLC0415 -- the libraries are optional, and cost 100 MB

    set_bounds(settings.lake_memory_mb, settings.lake_threads)
    db = connect(settings)
    while not stop.is_set():
        if not select.select([sys.stdin], [], [], LOOK)[0]:
            continue
        if not sys.stdin.readline():
            return
        added = 0
        try:
            done = tending.keep(db, settings.lake_url, utc_now, stop.is_set)
            added = 0 if done is None else done.added
        except Exception:
            log.exception("the lake was not kept; it is tried again")
        sys.stdout.write(f"{added}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
