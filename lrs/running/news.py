"""What wakes a worker that rests: writes of this machine's processes, and what its own loops did."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

from lrs.xapi.consistent_through import Board

Heard = tuple[int, int]

PAUSE: Final = 0.05  # seconds between two looks of a loop that nothing but the writes of others wakes


@dataclass(slots=True)
class News:
    """Counts what may have made work; without a board (another machine writes) only what was done here."""

    board: Board | None = None
    own: int = 0
    _woken: threading.Condition = field(default_factory=threading.Condition)

    def note(self) -> None:
        """Count something that this process did, or was told of."""
        with self._woken:
            self.own += 1
            self._woken.notify_all()

    def heard(self) -> Heard:
        """Return two numbers of which one changes with each piece of news: ours, and what others wrote."""
        return self.own, self.board.finished() if self.board is not None else 0

    def wait(self, heard: Heard, seconds: float, stop: threading.Event) -> None:
        """Rest until somebody wakes us for other news than was heard, or for the end.

        What this process did or was told of by the bell wakes at once. Each write of others is news too: so
        that a stream of them keeps no loop looking, PAUSE seconds lie between two looks.
        """
        with self._woken:
            if self._woken.wait_for(lambda: stop.is_set() or self.own != heard[0], PAUSE):
                return
            self._woken.wait_for(lambda: stop.is_set() or self.heard() != heard, seconds - PAUSE)

    def wake(self) -> None:
        """Let all that wait look up: of what others wrote on the board, whoever watches it tells them."""
        with self._woken:
            self._woken.notify_all()
