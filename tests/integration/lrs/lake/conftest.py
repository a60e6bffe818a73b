"""A lake in a folder of the test, and its filler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import empty, worker_database
from pymongo import MongoClient

from lrs.foundation.context import utc_now

pytest.importorskip("deltalake")
pytest.importorskip("duckdb")

from lake_years import Years, fill

from lrs.lake import tending
from lrs.lake.filling import Filler


@pytest.fixture(autouse=True)
def _no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no writer: what comes late is right all the same."""
    monkeypatch.setattr(tending, "LINGER", 0.0)


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


@pytest.fixture(scope="session")
def worlds(
    mongo_client: MongoClient[Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., tuple[Years, str]]]:
    """Years by seed and number of people, in a database and a lake of their own, made once: only to be read."""
    made: dict[tuple[int, int], tuple[Years, str]] = {}

    def world(seed: int, people: int) -> tuple[Years, str]:
        if (seed, people) not in made:
            db = mongo_client[worker_database(f"_years_{seed}_{people}")]
            empty(db)
            url = str(tmp_path_factory.mktemp("lake"))
            made[seed, people] = Years(db, seed, people), fill(db, Filler(db, url, lambda: True))
        return made[seed, people]

    yield world
    for years, _ in made.values():
        mongo_client.drop_database(years.db.name)
