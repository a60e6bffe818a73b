"""Bodies made to fill memory: strangers get none of it, writers no more than their share."""

from __future__ import annotations

import gzip
import io
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from conftest import KEY, SECRET, basic
from factories import make_statement
from factories_access import make_client
from flask.testing import FlaskClient

from lrs.app import create_app
from lrs.foundation.settings import Settings

MB = 1024 * 1024
PACKED = {"Content-Encoding": "gzip"}
JSON = "application/json"


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start(1)
    yield
    tracemalloc.stop()


def peak_of(client: FlaskClient, *args: Any, **kwargs: Any) -> tuple[int, Any]:
    """Return what a request had allocated at its highest point, and its answer."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    answer = client.post(*args, **kwargs)
    return tracemalloc.get_traced_memory()[1] - before, answer


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("headers", [{}, basic(KEY, "wrong"), {"Authorization": "Nonsense"}])
def test_a_strangers_body_is_not_unpacked(client: FlaskClient, headers: dict[str, str]) -> None:
    bomb = gzip.compress(b" " * (90 * MB))
    send = {"data": bomb, "content_type": JSON, "headers": {**basic(KEY, "x"), **headers, **PACKED}}
    client.post("/xapi/statements", **send)
    used, answer = peak_of(client, "/xapi/statements", **send)
    assert answer.status_code == 401
    assert used < MB


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("packed", [True, False])
def test_a_strangers_form_is_read_to_64_kb(client: FlaskClient, packed: bool) -> None:
    """The alternate syntax carries Authorization in the form, so some of it is read before it is known."""
    form = b"X-Experience-API-Version=1.0.3&Authorization=Basic%20eDp5&content=" + b"x" * (8 * MB)
    body = gzip.compress(form) if packed else form
    send: dict[str, Any] = {
        "data": body, "content_type": "application/x-www-form-urlencoded", "headers": PACKED if packed else {},
    }  # fmt: skip
    client.post("/xapi/statements?method=POST", **send)
    used, answer = peak_of(client, "/xapi/statements?method=POST", **send)
    assert answer.status_code == 401
    assert answer.headers["X-Experience-API-Version"] == "1.0.3"
    assert used < 2 * MB + (0 if packed else len(form))  # the test client's own copy


@pytest.mark.usefixtures("traced")
def test_a_million_empty_objects_are_counted_before_they_are_made(client: FlaskClient) -> None:
    body = b"[" + b",".join([b"{}"] * 1_000_000) + b"]"
    used, answer = peak_of(
        client, "/xapi/statements", data=gzip.compress(body), content_type=JSON, headers=basic() | PACKED
    )
    assert answer.status_code == 413
    assert used < 8 * MB
    used, answer = peak_of(client, "/xapi/statements", data=body, content_type=JSON, headers=basic())
    assert answer.status_code == 413
    assert used < 4 * len(body)


def test_a_packed_batch_of_real_statements_is_stored(client: FlaskClient) -> None:
    batch = [make_statement() for _ in range(500)]
    body = gzip.compress(orjson.dumps(batch))
    answer = client.post("/xapi/statements", data=body, content_type=JSON, headers=basic() | PACKED)
    assert answer.json == [statement["id"] for statement in batch]


class Gate(io.RawIOBase):
    """A body whose second half waits until it is let through."""

    def __init__(self, body: bytes) -> None:
        self.body, self.is_asked, self.open = io.BytesIO(body), threading.Event(), threading.Event()

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        self.is_asked.set()
        assert self.open.wait(30)
        return self.body.read(size)


def test_beyond_the_budget_the_next_large_body_is_asked_to_come_again(settings: Settings, db: Any) -> None:
    app = create_app(replace(settings, max_body_mb=2, work_budget_mb=3), db)
    other = make_client(db, "vendor", scopes=("state",)) | {"X-Experience-API-Version": "1.0.3"}
    body = b"x" * (2 * MB - 10)
    gate = Gate(body)
    question = {"activityId": "http://a.example/x", "agent": '{"mbox":"mailto:a@b.example"}', "stateId": "s"}

    def put(data: Any, headers: dict[str, str]) -> Any:
        return app.test_client().put(
            "/xapi/activities/state", query_string=question, data=data, headers=headers,
            content_type="text/plain", content_length=len(body),
        )  # fmt: skip

    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(_put_slowly(app, question, gate, len(body))))
    slow.start()
    assert gate.is_asked.wait(30)
    for headers in (basic(), other):
        refused = put(body, headers)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
        assert refused.headers["X-Experience-API-Version"] == "1.0.3"
    small = app.test_client().get("/xapi/activities/state", query_string=question, headers=basic())
    assert small.status_code == 404
    gate.open.set()
    slow.join(30)
    assert answers == ["204 NO CONTENT"]
    assert put(body, other).status_code == 204


def _put_slowly(app: Any, question: dict[str, str], body: Gate, length: int) -> str:
    """Send a request whose body is a stream; return its status."""
    from werkzeug.test import EnvironBuilder

    environ = EnvironBuilder(
        "/xapi/activities/state", method="PUT", query_string=question, content_type="text/plain",
        headers=basic(KEY, SECRET),
    ).get_environ()  # fmt: skip
    environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(length)}
    told: list[str] = []
    list(app(environ, lambda status, headers, exc_info=None: told.append(status)))
    return told[0]
