"""How long a writer waits for others."""

from __future__ import annotations

from statements.storage.transaction import LIFETIME, MAX_ATTEMPTS, MAX_SECONDS, pause_after


def test_whoever_meets_the_transaction_of_a_killed_process_outlasts_it() -> None:
    """MongoDB looks for what is over every half of the lifetime."""
    patience = sum(pause_after(attempt) for attempt in range(MAX_ATTEMPTS))
    assert LIFETIME * 1.5 < patience < MAX_SECONDS + LIFETIME
