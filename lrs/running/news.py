"""What wakes a worker that rests: writes of this machine's processes, and what its own loops did."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from lrs.xapi.consistent_through import Board


@dataclass(slots=True)
class News:
    """Counts what may have made work; without a board (another machine writes) only what was done here."""

    board: Board | None = None
    own: int = 0
    _woken: threading.Condition = field(default_factory=threading.Condition)

    def note(self) -> None:
        """Count something that this process did."""
        self.own += 1
        self.wake()

    def count(self) -> int:
        """Return a number that changes with each piece of news."""
        return self.own + (self.board.finished() if self.board is not None else 0)

    def wait(self, heard: int, seconds: float, stop: threading.Event) -> None:
        """Rest until somebody wakes us for other news than when `heard` was counted, or for the end."""
        with self._woken:
            self._woken.wait_for(lambda: stop.is_set() or self.count() != heard, seconds)

    def wake(self) -> None:
        """Let all that wait look up: of what others wrote on the board, whoever watches it tells them."""
        with self._woken:
            self._woken.notify_all()
