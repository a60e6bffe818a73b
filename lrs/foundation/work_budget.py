"""What the bodies in work in one process may hold together: a request beyond it is asked to come again."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable
from typing import Final

from lrs.foundation.errors import TooMuchInWork

SMALL: Final = 64 * 1024  # a body up to this is not counted: there are no more of them than threads
BYTES_OF_STATEMENT: Final = 8 * 1024  # what a statement takes beside its text while it is worked on


class WorkBudget:
    """Bytes that may be in work at once; a statement counts as so many (BYTES_OF_STATEMENT) beside its text.

    One request alone is always let in: the largest body has a bound of its own. Who has a request in work
    already gets no more than half for all of theirs, so one writer does not shut out the others.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._taken: Counter[Hashable] = Counter()  # by owner
        self._total = 0

    def share(self, owner: Hashable) -> Share:
        """Return the share of one request of `owner`, still empty."""
        return Share(self, owner)

    def take(self, owner: Hashable, more: int, mine: int) -> None:
        """Count `more` bytes beside the `mine` that the request has; raises TooMuchInWork."""
        if not more:
            return
        with self._lock:
            others, own = self._total - mine, self._taken[owner] - mine
            if (others and self._total + more > self.limit) or (own and own + mine + more > self.limit // 2):
                raise TooMuchInWork
            self._taken[owner] += more
            self._total += more

    def give_back(self, owner: Hashable, taken: int) -> None:
        """Count the bytes of a finished request no longer."""
        with self._lock:
            self._total -= taken
            self._taken[owner] -= taken
            if not self._taken[owner]:
                del self._taken[owner]


class Share:
    """What one request has taken of the budget."""

    __slots__ = ("budget", "owner", "taken")

    def __init__(self, budget: WorkBudget, owner: Hashable) -> None:
        self.budget, self.owner, self.taken = budget, owner, 0

    def take(self, more: int) -> None:
        """Take so many bytes more; raises TooMuchInWork."""
        self.budget.take(self.owner, more, self.taken)
        self.taken += more

    def give_back(self) -> None:
        """Return all of it."""
        if self.taken:
            self.budget.give_back(self.owner, self.taken)
            self.taken = 0
