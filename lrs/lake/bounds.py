"""How much of a machine DuckDB may take in each process: said once, by the root of the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class Bounds:
    """Megabytes and threads of one process."""

    memory_mb: int = 768
    threads: int = 2


BOUNDS: Final = Bounds()


def set_bounds(memory_mb: int, threads: int) -> None:
    """Bound what is asked and written from now on."""
    BOUNDS.memory_mb, BOUNDS.threads = memory_mb, threads
