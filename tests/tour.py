"""A tour of the application: each route of its url_map asked so that it does its work, for those who listen.

`Tour.go` takes the requests one after the other and notes the routes; a route that no step asks is seen by
`Tour.left_out`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import time
import uuid
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any

import orjson
from conftest import KEY, SECRET, basic
from factories import make_statement, reference, voider
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database
from worker_rounds import until_quiet

from lrs.foundation.settings import Settings
from lrs.running import worker

Document = dict[str, Any]
ACTIVITY = "https://x.example/plans"
AGENT = {"mbox": "mailto:plans@x.example"}
# routes that are not asked, each with its reason
ELSEWHERE = {
    ("GET", "/login/oidc"): "needs a login provider; it stores one state by its id",
}


@dataclass
class Tour:
    """One walk through an application whose database holds the living example."""

    app: Flask
    db: Database[Document]
    settings: Settings
    look: Database[Document]  # the same database, unheard
    asked: set[tuple[str, str]] = field(default_factory=set)
    ids: dict[str, str] = field(default_factory=dict)
    ahead: dt.timedelta = dt.timedelta(0)  # of the worker's clock

    def __post_init__(self) -> None:
        self.client: FlaskClient = self.app.test_client()
        self.headers = basic(KEY, SECRET)
        self.worker = worker.worker_services(
            self.settings, self.db, lambda: dt.datetime.now(dt.UTC) + self.ahead
        )

    def go(self, route: str, *, client: Any = None, headers: Any = None, ok: int = 0, **request: Any) -> Any:
        """Ask one route; whatever is not done (or not answered `ok`) raises AssertionError."""
        method, rule = route.split(" ", 1)
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda name: self.ids[name[1]], rule)
        sent = {**self.headers, **(headers or {})}
        if method in {"PATCH", "DELETE", "PUT"} and rule.startswith("/api/"):
            sent.setdefault("If-Match", "*")
        answer = (client or self.client).open(path, method=method, headers=sent, **request)
        assert answer.status_code == ok if ok else answer.status_code < 400, (
            route,
            answer.status,
            answer.text[:500],
        )
        self.asked.add((method, rule))
        return answer

    def ask_each(self, route: str, *queries: dict[str, str]) -> None:
        """Ask a route with each of these queries."""
        for query in queries:
            self.go(route, query_string=query)

    def settle(self) -> None:
        """Do all work of the worker's loop, then run each job of its scheduler once, two seconds later."""
        self.ahead += dt.timedelta(seconds=2)  # endpoints are looked at once a second
        until_quiet(self.worker)
        for job in worker.JOBS:
            job.run(self.worker)
        time.sleep(0.1)  # deliveries run in threads

    def left_out(self) -> list[str]:
        """Return the routes that were not asked."""
        there = {
            (method, rule.rule)
            for rule in self.app.url_map.iter_rules()
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }
        return sorted(" ".join(one) for one in there - self.asked - ELSEWHERE.keys())

    def mail(self, word: str) -> str:
        """Return the text of the newest mail that holds a word."""
        folder = self.settings.data_folder / "mail"
        for file in sorted(folder.glob("*.eml"), reverse=True):
            text = message_from_bytes(file.read_bytes(), policy=policy.default).as_string().replace("=\n", "")
            if word in text:
                return text
        raise AssertionError(f"no mail with {word}")

    def code(self, word: str) -> str:
        """Return the code in the newest mail that holds a word."""
        found = re.search(r"[A-Z2-9]{4}(?:-[A-Z2-9]{4}){3}", self.mail(word))
        assert found is not None
        return found[0]


def statements(tour: Tour) -> None:
    """Write and read by every way that xAPI has."""
    post = "POST /xapi/statements"
    for number in range(60):
        who = {
            "mbox": f"mailto:{'plans' if number % 3 == 0 else f'p{number}'}@x.example",
            "name": f"P{number}",
        }
        batch = [make_statement(actor=who) for _ in range(5)]
        tour.go(post, json=batch)
    one = make_statement(
        actor={**AGENT, "name": "Plans"}, object={"id": ACTIVITY, "definition": {"name": {"en": "Plans"}}},
        context={"registration": str(uuid.uuid4())},
    )  # fmt: skip
    other, late = make_statement(), make_statement()
    for body in (one, one, [other, make_statement(object=reference(one["id"])), voider(other["id"])]):
        tour.go(post, json=body)
    for body in (make_statement(object=reference(late["id"])), voider(late["id"]), late):
        tour.go(post, json=body)
    tour.go("POST /xapi/statements", json=make_statement(id=late["id"], object={"id": ACTIVITY}), ok=409)
    fresh = make_statement()
    tour.go("PUT /xapi/statements", json=fresh, query_string={"statementId": fresh["id"]})
    with_part(tour)
    agent = orjson.dumps(AGENT).decode()
    verb, since, until = one["verb"]["id"], "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"
    filters: list[dict[str, str]] = [
        {}, {"agent": agent}, {"agent": agent, "related_agents": "true"}, {"activity": ACTIVITY},
        {"activity": ACTIVITY, "related_activities": "true"}, {"verb": verb},
        {"registration": one["context"]["registration"]}, {"agent": agent, "verb": verb},
        {"agent": agent, "activity": ACTIVITY}, {"agent": agent, "verb": verb, "activity": ACTIVITY},
        {"agent": agent, "related_agents": "true", "verb": verb},
        {"activity": ACTIVITY, "related_activities": "true", "verb": verb, "ascending": "true"},
        {"agent": agent, "related_agents": "true", "activity": ACTIVITY, "related_activities": "true"},
        {"activity": ACTIVITY, "verb": verb}, {"since": since}, {"until": until, "ascending": "true"},
        {"verb": verb, "since": since, "until": until}, {"format": "canonical"}, {"format": "ids"},
        {"attachments": "true"}, {"org": "drift"},
    ]  # fmt: skip
    for chosen in filters:
        answer = tour.go("GET /xapi/statements", query_string={**chosen, "limit": "5"})
        if answer.mimetype == "application/json" and answer.json["more"]:
            assert tour.client.get(answer.json["more"], headers=tour.headers).status_code == 200
    tour.go("GET /xapi/statements", query_string={"statementId": one["id"]})
    tour.go("GET /xapi/statements", query_string={"voidedStatementId": other["id"]})
    tour.go("GET /xapi/activities", query_string={"activityId": ACTIVITY})
    tour.go("GET /xapi/agents", query_string={"agent": agent})
    tour.go("GET /xapi/about")


def with_part(tour: Tour) -> None:
    """Send a statement with an attachment, and read it back with its bytes."""
    content = b"proof" * 100_000  # more than one chunk
    sha2 = hashlib.sha256(content).hexdigest()
    about = {
        "usageType": "https://x.example/proof", "display": {"en": "Proof"}, "contentType": "text/plain",
        "length": len(content), "sha2": sha2,
    }  # fmt: skip
    parts = [
        b"Content-Type: application/json\r\n\r\n" + orjson.dumps(make_statement(attachments=[about])),
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n"
        b"X-Experience-API-Hash: " + sha2.encode() + b"\r\n\r\n" + content,
    ]
    body = b"".join(b"\r\n--tour\r\n" + part for part in parts) + b"\r\n--tour--\r\n"
    tour.go("POST /xapi/statements", data=body, content_type="multipart/mixed; boundary=tour")


def documents(tour: Tour) -> None:
    """Write, list, read and delete documents of all kinds, among others."""
    agent = orjson.dumps(AGENT).decode()
    state = {"agent": agent, "activityId": ACTIVITY}
    resources = [
        ("activities/state", state, "stateId"),
        ("activities/state", {**state, "registration": str(uuid.uuid4())}, "stateId"),
        ("agents/profile", {"agent": agent}, "profileId"),
        ("activities/profile", {"activityId": ACTIVITY}, "profileId"),
    ]
    for path, key, name in resources:
        for number in range(5):
            asked = {**key, name: f"d{number}"}
            body, new = (
                b"x" * (300_000 if number == 0 else 10),
                {"If-None-Match": "*", "Content-Type": "text/plain"},
            )
            tour.go(f"PUT /xapi/{path}", query_string=asked, data=body, headers=new)
            etag = tour.go(f"GET /xapi/{path}", query_string=asked).headers["ETag"]
        tour.go(
            f"PUT /xapi/{path}",
            query_string=asked,
            data=b"y",
            headers={"If-Match": etag, "Content-Type": "text/plain"},
        )
        tour.go(f"POST /xapi/{path}", query_string={**key, name: "merged"}, json={"a": 1})
        tour.go(f"POST /xapi/{path}", query_string={**key, name: "merged"}, json={"b": 1})
        tour.go(f"GET /xapi/{path}", query_string=key)
        tour.go(f"GET /xapi/{path}", query_string={**key, "since": "2020-01-01T00:00:00Z"})
        etag = tour.go(f"GET /xapi/{path}", query_string=asked).headers["ETag"]
        tour.go(f"DELETE /xapi/{path}", query_string=asked, headers={"If-Match": etag})
    tour.go("DELETE /xapi/activities/state", query_string=state)
