"""Backpressure: while decisions are behind, what follows from them waits, though not for ever.

Decisions, signatures and mails share one interpreter and one MongoDB. The tiers of a large organization take
longer than many decisions, and each of its people who is decided asks for them again: while marks come in
they also rest after each organization.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import Final

BEHIND: Final = dt.timedelta(milliseconds=300)  # a mark that waits longer has credentials and mails wait
PATIENCE: Final = 20.0  # seconds for which they do
REST: Final = 9.0  # beside live decisions, tiers rest so many times as long as they took


@dataclass(slots=True)
class Backpressure:
    """What one worker knows of how far its decisions are behind."""

    behind_since: float | None = None
    busy: bool = False  # the last look found marks
    tiers_rest_until: float = 0.0

    def note_lag(self, lag: dt.timedelta, marks: int = 0) -> None:
        """Note how long the oldest mark had waited when it was read, and how many marks there were."""
        self.busy = marks > 0
        if lag <= BEHIND:
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = time.monotonic()

    def consequences_wait(self) -> bool:
        """Tell whether credentials, notices and the like should wait for decisions."""
        since = self.behind_since
        return since is not None and time.monotonic() - since < PATIENCE

    def tiers_wait(self) -> bool:
        """Tell whether tiers should wait for decisions."""
        return self.consequences_wait() or (self.busy and time.monotonic() < self.tiers_rest_until)

    def note_tiers(self, seconds: float) -> None:
        """Note how long the tiers of an organization took."""
        self.tiers_rest_until = time.monotonic() + REST * seconds
