"""What a request, a page, an export and a round of decisions take of memory has a ceiling, whatever comes in.

Measured by tracemalloc: what Python allocated at the highest point, beyond what was there before. The ceilings are
multiples of the limits that an operator sets or that the code names, so a part that gathers what it should
stream, or that copies once too often, fails here.
"""

from __future__ import annotations

import datetime as dt
import gc
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from conftest import basic
from factories import make_statement
from factories_engine import World, exam, simple
from flask.testing import FlaskClient
from long_bodies import BODIES, JSON, with_attachments

from lrs.app import create_app
from lrs.foundation.settings import Settings
from lrs.running import worker
from statements.ingest import Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.storage.store import MAX_PAGE_BYTES, StatementStore

MB = 1024 * 1024
NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
WRITER = Writer("bench", "lms", "vendor", {"mbox": "mailto:lms@x.example"})


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start(1)
    yield
    tracemalloc.stop()


def peak(act: Callable[[], object]) -> int:
    """Return the bytes that an action had allocated at its highest point."""
    gc.collect()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    act()
    return tracemalloc.get_traced_memory()[1] - before


def fill(db: Any, count: int, size: int = 200, shape: Callable[[int], Any] = lambda size: "x" * size) -> None:
    """Store statements of the vendor with an extension of so many bytes."""
    for start in range(0, count, 250 if size < 10_000 else 10):
        batch = [
            make_statement(result={"extensions": {"https://x.example/e": shape(size)}})
            for _ in range(min(250 if size < 10_000 else 10, count - start))
        ]
        texts = parse_statements(orjson.dumps(batch))
        store_statements(StatementStore(db, "vendor"), texts, writer=WRITER, version="1.0.3", now=NOW)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("form", ["exact", "ids", "canonical"])
def test_a_page_of_any_statements_stays_below_a_ceiling(db: Any, client: FlaskClient, form: str) -> None:
    """500 statements of 200 KB would be 100 MB: a page ends before 16 MB are exceeded."""
    fill(db, 150, 200_000)
    path, read = f"/xapi/statements?limit=500&format={form}", 0

    def ask() -> None:
        nonlocal read
        answer = client.get(path, headers=basic())
        assert answer.status_code == 200
        read = len(answer.json["statements"]) if form == "ids" else len(answer.data)
        answer.close()

    ask()
    assert 0 < read <= MAX_PAGE_BYTES + MB
    # a batch of MongoDB's, the statements taken from it, the answer, and here the client's copy of it
    assert peak(ask) < 6 * MAX_PAGE_BYTES


SIZE = 3 * MB


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("kind", [*BODIES, "attachments", "sent again", "not JSON", "too large"])
def test_a_request_of_any_body_takes_no_more_than_eight_times_its_size(
    settings: Settings, db: Any, kind: str
) -> None:
    """The body itself, which the caller holds as well, is counted once among the eight."""
    client = create_app(replace(settings, max_body_mb=SIZE // MB), db).test_client()
    content_type = JSON
    if kind == "attachments":
        body, content_type = with_attachments(SIZE)
    elif kind in BODIES or kind == "sent again":
        body = BODIES["many small" if kind == "sent again" else kind](SIZE)
    else:
        body = {"not JSON": b"[" * SIZE, "too large": b"[" + b" " * (40 * MB) + b"]"}[kind]
    assert SIZE // 2 < len(body) <= SIZE or kind == "too large", len(body)
    statuses = []

    def send() -> None:
        answer = client.post("/xapi/statements", data=body, content_type=content_type, headers=basic())
        statuses.append(answer.status_code)

    if kind == "sent again":
        send()
    used = peak(send)
    assert set(statuses) == {{"not JSON": 400, "too large": 413}.get(kind, 200)}
    print(f"{kind}: {used / min(SIZE, len(body)):.1f}")
    assert used < 8 * min(SIZE, len(body))


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_an_export_of_four_times_as_much_takes_no_more(db: Any, client: FlaskClient, form: str) -> None:
    def export() -> None:
        answer = client.get(f"/api/v1/statements/export?format={form}", headers=basic(), buffered=False)
        assert answer.status_code == 200
        for _ in answer.response:  # read as it comes, kept by nobody
            pass
        answer.close()

    fill(db, 1500, 1000)
    export()
    once = peak(export)
    fill(db, 4500, 1000)
    assert peak(export) < 1.5 * once + 4 * MB


@pytest.mark.usefixtures("traced")
def test_a_round_of_decisions_takes_no_more_when_more_people_wait(
    db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BATCH", 40)
    world = World(db)
    world.publish(simple())
    world.clock.forward(minutes=5)

    def wait(people: range) -> None:
        exams = [exam(f"p{n}", world.clock()) for n in people]
        for start in range(0, len(exams), 100):
            world.send(exams[start : start + 100])

    wait(range(80))
    world.settle()
    wait(range(80, 160))
    once = peak(world.settle)
    wait(range(160, 400))
    assert peak(world.settle) < 1.5 * once + 4 * MB
