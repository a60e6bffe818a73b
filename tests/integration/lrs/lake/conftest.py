"""A lake in a folder of the test, and its filler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lrs.foundation.context import utc_now

pytest.importorskip("deltalake")
pytest.importorskip("duckdb")

from lrs.lake.filling import Filler


@pytest.fixture
def filler(db: Any, tmp_path: Path) -> Filler:
    """The writer of an empty lake that stands where the store stands."""
    made = Filler(db, str(tmp_path / "lake"), lambda: True)
    made.create()
    return made


@pytest.fixture
def follow(filler: Filler) -> Callable[[], Any]:
    """Bring the lake up to now."""
    return lambda: filler.follow(utc_now)
