"""The short form of `scripts/torture.py`: a few faults under load, and nothing that was acknowledged is lost."""

from __future__ import annotations

import random

from scripts.torture import torture


def test_a_few_faults_lose_and_repeat_nothing() -> None:
    """The seed is told, and `scripts/torture.py --seed` makes the same faults again."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    assert torture(3, seed, 1.0) == []
