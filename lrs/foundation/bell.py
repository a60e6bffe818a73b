"""A bell between the processes of one machine: who stored work for the engine rings, a worker wakes.

Each worker listens at a datagram socket of its own in a folder that the processes share; who rings waits for
nobody. A worker that no bell reaches, because it runs on another machine, looks by itself as before.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

log = logging.getLogger("lrs.bell")

LOOKED_FOR: Final = 1.0  # seconds for which the listeners found last are rung


class Bell:
    """The rope: `ring` costs a system call for each worker of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rope: socket.socket | None = None  # made when there is somebody to wake
        self._listeners: list[str] = []
        self._until = 0.0

    def ring(self) -> None:
        """Wake every worker that listens on this machine."""
        now = time.monotonic()
        if now >= self._until:
            self._until = now + LOOKED_FOR
            with contextlib.suppress(FileNotFoundError):  # no worker ever listened here
                self._listeners = [str(one) for one in self._folder.iterdir()]
        for listener in self._listeners:
            self._pull(listener)

    def close(self) -> None:
        """Let go of the rope."""
        if self._rope is not None:
            self._rope.close()

    def _pull(self, listener: str) -> None:
        if self._rope is None:
            self._rope = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._rope.setblocking(False)
        try:
            self._rope.sendto(b"!", listener)
        except BlockingIOError:
            return  # it was rung often, and has not yet listened
        except OSError:  # it is gone
            self._until = 0.0


@cache
def bell(folder: Path) -> Bell:
    """Return this process's one Bell for that folder."""
    return Bell(folder)


@contextlib.contextmanager
def listening(folder: Path, heard: Callable[[], object]) -> Iterator[None]:
    """Call `heard` from a thread whenever somebody rings, until the block ends.

    Where no socket can be made, for example because the path is too long for one, nobody hears the bell.
    """
    place = folder / str(os.getpid())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(folder)
            place.unlink(missing_ok=True)  # of a process that had this number before
            ear.bind(str(place))
        except OSError as error:
            log.warning("no bell at %s, the worker looks by itself: %s", place, error)
            yield
            return
        listener = threading.Thread(target=_listen, args=[ear, heard], name="bell")
        listener.start()
        try:
            yield
        finally:
            place.unlink(missing_ok=True)
            ear.shutdown(socket.SHUT_RDWR)  # ends the wait for the next ring
            listener.join()


def _listen(ear: socket.socket, heard: Callable[[], object]) -> None:
    with contextlib.suppress(OSError):
        while ear.recv(1):
            heard()


def _sweep(folder: Path) -> None:
    """Remove the places of workers that were killed."""
    for place in folder.iterdir():
        with contextlib.suppress(ValueError):
            if not Path(f"/proc/{int(place.name)}").exists() and Path("/proc/self").exists():
                place.unlink(missing_ok=True)


@dataclass(slots=True)
class Noticed:
    """Asks of documents whether the engine has to look at them, and remembers that it has to at one."""

    is_relevant: Callable[[Any], bool]
    any: bool = False

    def __call__(self, document: Any) -> bool:
        """Answer as `is_relevant` does."""
        found = self.is_relevant(document)
        self.any = self.any or found
        return found
