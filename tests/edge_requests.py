"""Requests with values at the edges, made from the OpenAPI document and for the xAPI routes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from factories import make_statement

INSTANTS = (
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00-12:00", "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59+14:00", "9999-12-31", "0001-01-01", "2026-02-29", "2024-02-29",
    "1970-01-01T00:00:00Z", "2026-11-22T10:00:00.123456789Z", "2016-12-31T23:59:60Z", "10000-01-01T00:00:00Z",
    "2026-10-25T02:30:00", "0000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-11-22", "2026-11", "now",
)  # fmt: skip
NUMBERS = (
    0, -1, 1, 2, 100, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**40, 1e308, -1e308, 5e-324,
    0.1, 1.5, -0.0, 1e19, 1e15, 1795996800000, 999999999,
)  # fmt: skip
SPELLED = ("1e400", "-1e400", "1E999999999999", "0." + "0" * 400 + "1", "9" * 5000, "1" + "0" * 310)
ZONES = (
    "UTC",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
    "Africa/Monrovia",
    "Asia/Kathmandu",
    "Mars/Base",
    "../etc",
    "",
    "CET",
)
TEXTS = (
    "", "a", "\0", "ü" * 300, "x" * 5000, "\ud800", "vendor", "north", "%00", "../..", "{$ne:1}", "null", "true", "-1",
    "http://a.example/x", "mailto:a@b.example", "nobody", "💥", "a\r\nb", "1e400", "9" * 30, "0x10", "NaN", "Infinity", "१२३",
    "month", "day", "week", "statements", "csv", "*",
)  # fmt: skip
AGENT = '{"mbox":"mailto:a@b.example"}'


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Edges:
    """Draws requests from a seed."""

    def __init__(self, seed: int, document: dict[str, Any], known: dict[str, list[str]]) -> None:
        self.random = random.Random(seed)
        self.document, self.known = document, known
        self.operations = [
            (
                method.upper(),
                path,
                {**operation, "parameters": item.get("parameters", []) + operation.get("parameters", [])},
            )
            for path, item in document["paths"].items()
            for method, operation in item.items()
            if method in {"get", "post", "put", "patch", "delete"} and not path.endswith(("/stream", "/tail"))
        ]
        self.big: dict[str, str] = {}

    def requests(self, count: int) -> Iterator[Asked]:
        """Yield so many."""
        for number in range(count):
            yield self.xapi() if number % 3 == 0 else self.api()

    def one(self, of: Any) -> Any:
        return self.random.choice(of)

    def scalar(self) -> Any:
        return self.one(
            (
                self.one(INSTANTS),
                self.one(NUMBERS),
                self.one(TEXTS),
                self.one(ZONES),
                None,
                True,
                self.number(),
            )
        )

    def number(self) -> Any:
        """Return a number, sometimes one that only its spelling can carry."""
        if self.random.random() < 0.3:
            mark = f"\uf8ff{len(self.big)}\uf8ff"
            self.big[mark] = self.one(SPELLED)
            return mark
        return self.one(NUMBERS)

    def dump(self, value: Any) -> bytes:
        text = json.dumps(value)
        for mark, spelled in self.big.items():
            text = text.replace(json.dumps(mark), spelled)
        self.big.clear()
        return text.encode()

    # administration and analysis

    def api(self) -> Asked:
        method, path, operation = self.one(self.operations)
        query = []
        for given in operation["parameters"]:
            parameter = self.resolved(given)
            value = self.near(parameter["name"], parameter.get("schema", {}))
            if parameter["in"] == "path":
                path = path.replace(
                    "{" + parameter["name"] + "}", quote(_text(value) or "x", safe="", errors="replace")
                )
            elif parameter["in"] == "query" and self.random.random() < 0.6:
                query.append((parameter["name"], _text(value)))
        if query:
            path += "?" + urlencode(query, errors="replace")
        content = operation.get("requestBody", {}).get("content", {})
        headers = {"If-Match": "*"} if method in {"PATCH", "PUT", "DELETE"} else {}
        if "application/json" in content:
            body = self.dump(self.made(content["application/json"].get("schema", {})))
            return Asked(method, path, body, {**headers, "Content-Type": "application/json"})
        if content:
            return Asked(
                method,
                path,
                self.one(TEXTS).encode(errors="replace"),
                {**headers, "Content-Type": self.one([*content])},
            )
        return Asked(method, path, None, headers)

    def resolved(self, schema: Any) -> Any:
        while isinstance(schema, dict) and "$ref" in schema:
            found: Any = self.document
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema

    def near(self, name: str, schema: Any) -> Any:
        """Return a value for a name: often one that leads on, often one at an edge."""
        if name in self.known and self.random.random() < 0.7:
            return self.one(self.known[name])
        return self.made(schema, 3)

    def made(self, schema: Any, depth: int = 0) -> Any:
        """Return a value that a schema allows, or one that it does not."""
        schema = self.resolved(schema)
        if depth > 5 or not isinstance(schema, dict) or self.random.random() < 0.08:
            return self.scalar()
        for name in ("oneOf", "anyOf", "allOf"):
            if schema.get(name):
                return self.made(self.one(schema[name]), depth + 1)
        if "enum" in schema and self.random.random() < 0.9:
            return self.one(schema["enum"])
        kind = schema.get("type")
        kind = self.one(kind) if isinstance(kind, list) else kind
        if kind == "object" or "properties" in schema:
            required = set(schema.get("required", ()))
            return {
                name: self.near(name, inner) if name in self.known else self.made(inner, depth + 1)
                for name, inner in schema.get("properties", {}).items()
                if name in required or self.random.random() < 0.5
            }
        if kind == "array":
            return [self.made(schema.get("items", {}), depth + 1) for _ in range(self.random.randrange(3))]
        if kind in {"integer", "number"}:
            return self.number()
        if kind == "boolean":
            return self.one((True, False))
        if "date" in str(schema.get("format")):
            return self.one(INSTANTS)
        return self.one((self.one(TEXTS), self.one(INSTANTS), self.one(ZONES)))

    # questions about statements

    def question(self) -> dict[str, Any]:
        fields = (
            "timestamp", "stored", "verb", "score.scaled", "score.raw", "score.min", "duration_s", "duration",
            "success", "actor", "registration", "object.id",
        )  # fmt: skip
        operator = self.one(("eq", "ne", "gt", "gte", "lt", "lte", "in", "exists", "last", "prefix"))
        value = self.one((self.scalar(), [self.scalar()], self.one(INSTANTS), self.number()))
        found: dict[str, Any] = {}
        if self.random.random() < 0.5:
            found["filter"] = {"field": self.one(fields), operator: value}
        if self.random.random() < 0.7:
            buckets = ("hour", "day", "week", "month", "quarter", "year")
            key = {"bucket": self.one(buckets), "field": self.one(("timestamp", "stored"))}
            if self.random.random() < 0.8:
                key["timezone"] = self.one(ZONES)
            found["group"] = [key] if self.random.random() < 0.8 else [self.one(fields)]
        if self.random.random() < 0.7:
            function = self.one(("distinct", "sum", "avg", "min", "max", "percentile", "first", "last"))
            measure = {function: self.one(fields)} | (
                {"p": self.one((50, 0, 100, self.number()))} if function == "percentile" else {}
            )
            found["measures"] = {"x": measure, "n": {"count": True}}
            if self.random.random() < 0.3:
                found["compare"] = "previous_period"
        elif self.random.random() < 0.5:
            found["select"] = [self.one(fields), "id"]
            found["sort"] = self.one(("", "-")) + self.one(fields)
        if self.random.random() < 0.2:
            found[self.one(("limit", "cursor"))] = self.scalar()
        return found

    # xAPI

    def statement(self) -> dict[str, Any]:
        score = {
            name: self.number() for name in ("scaled", "raw", "min", "max") if self.random.random() < 0.5
        }
        result = {
            "score": score, "duration": self.one(("PT1H", "P9999999999Y", "PT" + "9" * 400 + "S", "PT0.0001S", "P")),
            "extensions": {"http://x.example/e": self.one((self.scalar(), [self.number()], {"a": self.number()}))},
        }  # fmt: skip
        made = make_statement(timestamp=self.one(INSTANTS))
        if self.random.random() < 0.7:
            made["result"] = {name: value for name, value in result.items() if self.random.random() < 0.6}
        if self.random.random() < 0.2:
            made[self.one(("id", "stored", "version", "context", "object", "actor", "authority"))] = (
                self.scalar()
            )
        return made

    def xapi(self) -> Asked:
        version = {"X-Experience-API-Version": self.one(("1.0.3", "1.0.3", "2.0.0"))}
        headers = {**version, "Content-Type": "application/json"}
        draw = self.random.random()
        if draw < 0.35:
            batch = [self.statement() for _ in range(self.one((1, 1, 2)))]
            return Asked(
                "POST", "/xapi/statements", self.dump(batch if len(batch) > 1 else batch[0]), headers
            )
        if draw < 0.6:
            return Asked("POST", "/api/v1/statements/query", self.dump(self.question()), headers)
        if draw < 0.8:
            query = {
                self.one(("since", "until", "limit", "verb", "activity", "registration", "agent", "ascending", "more", "format")):
                self.one((_text(self.scalar()), AGENT)) for _ in range(2)
            }  # fmt: skip
            return Asked("GET", "/xapi/statements?" + urlencode(query, errors="replace"), None, version)
        path = self.one(
            (
                "/xapi/activities/state",
                "/xapi/agents/profile",
                "/xapi/activities/profile",
                "/xapi/agents",
                "/xapi/activities",
            )
        )
        names = {
            "activityId": "http://a.example/x",
            "agent": AGENT,
            "stateId": "s",
            "profileId": "p",
            "since": self.one(INSTANTS),
        }
        query = {
            name: value if self.random.random() < 0.8 else _text(self.scalar())
            for name, value in names.items()
            if self.random.random() < 0.8
        }
        method = self.one(("GET", "PUT", "POST", "DELETE"))
        body = self.dump({"a": self.scalar(), "b": self.number()}) if method in {"PUT", "POST"} else None
        etag = {
            self.one(("If-Match", "If-None-Match")): self.one(('"x"', "*", "")),
            "Content-Type": self.one(("application/json", "text/plain")),
        }
        return Asked(method, path + "?" + urlencode(query, errors="replace"), body, {**version, **etag})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
