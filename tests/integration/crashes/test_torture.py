"""The short form of `scripts/torture.py`: a few faults under load, and nothing that was acknowledged is lost."""

from __future__ import annotations

import random
import subprocess
import sys

from places import ROOT

FAULTS = 5


def test_a_few_faults_lose_and_repeat_nothing() -> None:
    """The seed is told, and `scripts/torture.py --seed` makes the same faults again."""
    seed = random.randrange(2**32)
    command = [
        sys.executable,
        "scripts/torture.py",
        "--faults",
        str(FAULTS),
        "--seed",
        str(seed),
        "--pause",
        "1",
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{FAULTS} faults: " in ran.stdout
    assert ", 0 findings\n" in ran.stdout
