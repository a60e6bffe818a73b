"""The requests of the tour once more, spoilt in a place or a few: every route, whatever body it takes."""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import pytest
import tour_api
from edge_requests import INSTANTS, NUMBERS, TEXTS, ZONES
from pymongo.database import Database
from spoilt_json import changed, some_bytes
from tour import Tour, documents, statements
from werkzeug.test import Client, run_wsgi_app
from worker_rounds import until_quiet

FORM: Final = "application/x-www-form-urlencoded"
ENDLESS: Final = "text/event-stream"
LONGEST: Final = 1 << 20
EVERY: Final = 50  # requests after which what callers need to be known is put back
KEPT: Final = ("sessions", "users", "clients", "orgs")
ODD: Final = (*INSTANTS, *TEXTS, *ZONES, *map(str, NUMBERS))
HEADERS: Final = {
    "HTTP_IF_MATCH": ("*", '"x"', "", "W/"), "HTTP_IF_NONE_MATCH": ("*", '"x"'), "HTTP_ACCEPT_LANGUAGE": ("de", "*;q=nan", "\xff"),
    "HTTP_ACCEPT": ("text/html", "application/json", "*/*;q=x"), "CONTENT_TYPE": ("application/json", FORM, "text/plain", "x"),
    "HTTP_X_EXPERIENCE_API_VERSION": ("2.0.0", "1.0.3", "9"), "HTTP_CONTENT_ENCODING": ("gzip", "x"), "HTTP_RANGE": ("bytes=5-1",),
}  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """A request as it reached an application."""

    app: Any
    environ: dict[str, Any]
    body: bytes

    def __str__(self) -> str:
        query = self.environ.get("QUERY_STRING", "")
        return (
            f"{self.environ['REQUEST_METHOD']} {self.environ['PATH_INFO']}?{query[:300]} {self.body[:500]!r}"
        )


@dataclass
class Spoiler:
    """Sends what a tour sent, spoilt; the seed says how."""

    db: Database[Any]
    sent: list[Sent] = field(default_factory=list)
    known: dict[str, dict[Any, Any]] = field(default_factory=lambda: {name: {} for name in KEPT})

    def listen(self, tour: Tour) -> None:
        """Take the tour and note its requests, and who asked."""
        original = Client.run_wsgi_app

        def noting(client: Any, environ: dict[str, Any], buffered: bool = False) -> Any:
            body = environ["wsgi.input"].read()
            environ["wsgi.input"] = io.BytesIO(body)
            answer = original(client, environ, buffered=buffered)
            plain = {name: value for name, value in environ.items() if isinstance(value, str)}
            self.sent.append(Sent(client.application, plain, body))
            for name, rows in self.known.items():
                rows.update({row["_id"]: row for row in self.db[name].find()})
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Client, "run_wsgi_app", noting)
            until_quiet(tour.worker)
            for part in (statements, documents, *tour_api.PARTS):
                part(tour)

    def requests(self, seed: int, count: int) -> Iterator[Sent]:
        """Yield spoilt requests, of each route as many."""
        chance, routes = random.Random(seed), list(self.by_route().values())
        names = sorted(
            {name for one in self.sent for name, _ in parse_qsl(one.environ.get("QUERY_STRING", ""))}
        )
        for number in range(count):
            if number % EVERY == 0:
                self.restore()
            yield spoilt(chance.choice(chance.choice(routes)), chance, names)

    def by_route(self) -> dict[str, list[Sent]]:
        """Return the requests by method and path without what looks like an id."""
        found: dict[str, list[Sent]] = {}
        for one in self.sent:
            path = re.sub(r"[^/]*\d[^/]*|[^/]{20,}|[^/]*@[^/]*", "x", one.environ["PATH_INFO"])
            found.setdefault(f"{one.environ['REQUEST_METHOD']} {path}", []).append(one)
        return found

    def restore(self) -> None:
        """Put back whom the requests have removed."""
        for name, rows in self.known.items():
            for key, row in rows.items():
                self.db[name].replace_one({"_id": key}, row, upsert=True)


def spoilt(one: Sent, chance: random.Random, names: list[str]) -> Sent:
    """Return a request with something else in its path, query, body or headers."""
    environ, body = dict(one.environ), one.body
    kinds = ["path", "query", "query", "query", *(["body"] * 6 if body else []), "headers"]
    for kind in chance.sample(kinds, chance.choice((1, 1, 2))):
        if kind == "path":
            environ["PATH_INFO"] = _path(environ["PATH_INFO"], chance)
        elif kind == "query":
            environ["QUERY_STRING"] = _fields(environ.get("QUERY_STRING", ""), chance, names)
        elif kind == "body":
            body = _body(environ.get("CONTENT_TYPE", ""), body, chance)
        else:
            name = chance.choice(sorted(HEADERS))
            environ[name] = chance.choice(HEADERS[name])
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("REQUEST_URI", None)
    environ.pop("RAW_URI", None)
    return Sent(one.app, environ, body)


def _path(path: str, chance: random.Random) -> str:
    parts = path.split("/")
    place = chance.randrange(1, len(parts))
    parts[place] = chance.choice((*ODD, parts[place] + "x", parts[place].upper(), ""))[:2000]
    return "/".join(parts).encode("utf-8", "replace").decode("latin-1")  # as WSGI carries it


def _fields(text: str, chance: random.Random, names: list[str]) -> str:
    fields = parse_qsl(text, keep_blank_values=True)
    for place, (name, _) in enumerate(fields):
        if chance.random() < 0.4:
            fields[place] = (name, chance.choice(ODD))
    if names and chance.random() < 0.3:
        fields.append((chance.choice(names), chance.choice(ODD)))
    if fields and chance.random() < 0.2:
        fields.remove(chance.choice(fields))
    if fields and chance.random() < 0.1:
        fields.append(chance.choice(fields))
    return urlencode(fields, errors="replace")


def _body(content_type: str, body: bytes, chance: random.Random) -> bytes:
    if content_type.startswith(FORM):
        token = re.search(r"(?:^|&)(csrf=[^&]*)", body.decode("latin-1"))
        made = _fields(body.decode("latin-1"), chance, [])
        return (f"{made}&{token[1]}" if token else made).encode()
    if "json" in content_type and chance.random() < 0.9:
        with contextlib.suppress(ValueError, RecursionError):
            value = changed(json.loads(body), chance, partial(_bytes, chance=chance))
            return json.dumps(value).encode()[:LONGEST]
    if content_type.startswith("multipart/") and chance.random() < 0.6:
        return re.sub(
            rb'(name="\w+"\r\n\r\n)([^\r]*)',
            lambda found: found[1] + (chance.choice(ODD).encode("utf-8", "replace") if chance.random() < 0.5 else found[2]),
            body,
        )  # fmt: skip
    return some_bytes(body, LONGEST, chance)


def _bytes(data: bytes, longest: int, *, chance: random.Random) -> bytes:
    return some_bytes(data, longest, chance)


def send(one: Sent) -> tuple[int, str, bytes]:
    """Send a request; return status, media type and body."""
    environ = {
        **one.environ, "wsgi.input": io.BytesIO(one.body), "wsgi.errors": io.StringIO(), "wsgi.version": (1, 0),
        "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    pieces, status, headers = run_wsgi_app(one.app, environ)
    kind = headers.get("Content-Type", "").partition(";")[0]
    try:
        body = b"" if kind == ENDLESS else b"".join(pieces)
    finally:
        if hasattr(pieces, "close"):
            pieces.close()
    return int(status.split()[0]), kind, body
