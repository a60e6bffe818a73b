"""Questions, exports, reports, deals and rosters from a seed: often right, often at an edge, often both."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from edge_requests import INSTANTS, NUMBERS, TEXTS, ZONES, Asked

from lrs.analysis.reports.catalogue import EVERY_REPORT
from statements.query.analyst_query import OPERATORS_OF
from statements.query.fields import FIELDS, Kind

EXTENSION = "http://x.example/e"
PEOPLE = ("ana@north.example", "bo@north.example", "cy@south.example", "dee@south.example", "nobody")
ORGANIZATIONS = ("north", "south", "vendor", "elsewhere")
OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "exists", "last", "prefix", "contains", "like")
FUNCTIONS = ("count", "distinct", "sum", "avg", "min", "max", "percentile", "first", "last", "median")
BUCKETS = ("hour", "day", "week", "month", "quarter", "year", "decade")
SPANS = ("30 days", "12 weeks", "1 hours", "99999999 days", "-1 days", "0 days", "5000000 weeks", "x")
DAYS = (
    *INSTANTS,
    *("2026-01-01", "2026-06-30", "2027-01-01", "2025-12-31", "2026-11-22T10:00:00+02:00") * 3,
    "",
)
ROSTER = ("email", "name", "role", "primary", "from", "until", "ifi", "unknown")
DEALS = ("id", "partner", "person", "product", "created", "won", "amount", "extra")


class AnalysisRequests:
    """Draws requests; `people` and `affiliations` are ids that exist."""

    def __init__(self, seed: int, people: Sequence[str], affiliations: Sequence[str] = ()) -> None:
        self.random = random.Random(seed)
        self.people = (*PEOPLE, *people)
        self.affiliations = (*affiliations, "unknown")
        self.kinds = (
            (6, self.question), (2, self.export), (3, self.report), (2, self.roster), (1, self.people_request),
            (1, self.deals), (1, self.reading),
        )  # fmt: skip

    def requests(self, count: int) -> Iterator[Asked]:
        """Yield so many."""
        weights, makers = [weight for weight, _ in self.kinds], [make for _, make in self.kinds]
        for _ in range(count):
            yield self.random.choices(makers, weights)[0]()

    def one(self, of: Sequence[Any]) -> Any:
        return of[self.random.randrange(len(of))]

    def mostly(self, *of: Any) -> Any:
        """Return one of these, or anything at all."""
        return self.one(of) if self.random.random() < 0.98 else self.anything()

    def anything(self) -> Any:
        return self.one((self.one(INSTANTS), self.one(NUMBERS), self.one(TEXTS), None, True, [], {}, ["a"]))

    def maybe(self, chance: float = 0.5) -> bool:
        return self.random.random() < chance

    # the query language

    def field(self) -> Any:
        return self.mostly(*FIELDS)

    def more(self, field: Any) -> dict[str, Any]:
        """Return what stands beside a field that needs more than its name."""
        found: dict[str, Any] = {}
        if str(field).endswith("extensions") and self.maybe(0.9):
            found["key"] = self.mostly(EXTENSION, "http://x.example/long")
        if field == "person.award" and self.maybe(0.9):
            found["certification"] = self.mostly("sales", "unknown")
        if field == "person.tier" and self.maybe(0.5):
            found["programme"] = self.mostly("partners", "unknown")
        return found

    def value(self, field: Any) -> Any:
        """Return a value that mostly fits a field."""
        texts = (
            "passed",
            "sales",
            "active",
            "mbox::mailto:ana@north.example",
            "north",
            "x" * 5000,
            "silver",
            *TEXTS,
        )
        of_kind: dict[Any, Sequence[Any]] = {
            Kind.NUMBER: NUMBERS, Kind.BOOLEAN: (True, False), Kind.INSTANT: DAYS, Kind.EXTENSION: (*NUMBERS, *texts),
            Kind.UUID: ("b1a2c3d4-0000-4000-8000-000000000001",),
        }  # fmt: skip
        kind = FIELDS[field].kind if isinstance(field, str) and field in FIELDS else None
        return self.mostly(*of_kind.get(kind, texts))

    def condition(self, depth: int = 0) -> Any:
        if depth < 3 and self.maybe(0.3):
            parts = [self.condition(depth + 1) for _ in range(self.random.randrange(4))]
            return (
                {"not": self.condition(depth + 1)} if self.maybe(0.2) else {self.one(("all", "any")): parts}
            )
        field = self.field()
        known = OPERATORS_OF[FIELDS[field].kind] if isinstance(field, str) and field in FIELDS else OPERATORS
        operator = str(self.mostly(*known)) if self.maybe(0.95) else self.one(OPERATORS)
        value = self.value(field)
        if operator in {"in", "exists", "last"} and self.maybe(0.9):
            value = {"in": [value, self.value(field)], "exists": self.maybe(), "last": self.one(SPANS)}[
                operator
            ]
        return {"field": field, **self.more(field), operator: value}

    def key(self) -> Any:
        if self.maybe(0.4):
            found = {"bucket": self.one(BUCKETS)}
            if self.maybe(0.6):
                found["timezone"] = self.one(ZONES)
            if self.maybe(0.3):
                found["field"] = self.mostly("timestamp", "stored", "origin.stored")
            return found
        return self.column()

    def column(self) -> Any:
        field = self.field()
        return {"field": field, **more} if (more := self.more(field)) else field

    def measure(self) -> Any:
        function, field = self.one(FUNCTIONS), self.field()
        if function == "count":
            return self.mostly("count", {"count": True})
        more = self.more(field)
        found: dict[str, Any] = {function: {"field": field, **more} if more else field}
        if function == "percentile" or self.maybe(0.05):
            found["p"] = self.mostly(0.9, 0.5, 1, 0)
        return found

    def body(self) -> Any:
        found: dict[str, Any] = {}
        if self.maybe(0.7):
            found["filter"] = self.condition()
        if self.maybe(0.5):
            found["group"] = [self.key() for _ in range(self.random.randrange(3))]
            names = ("n", "x", "y", "a.b", "count", "m1", "$y")
            found["measures"] = {self.one(names): self.measure() for _ in range(self.random.randrange(3))}
            if self.maybe(0.2):
                found["compare"] = self.mostly("previous_period")
                span = (
                    {"field": "timestamp", "gte": self.one(DAYS)},
                    {"field": "timestamp", "lt": self.one(DAYS)},
                )
                found["filter"] = {"all": [*span, self.condition()]}
        else:
            found["select"] = [self.column() for _ in range(self.random.randrange(1, 4))]
        if self.maybe(0.4):
            found["sort"] = self.one(("", "-")) + str(
                self.mostly("timestamp", "stored", "score.scaled", "n", "x", "count", "verb")
            )
        if self.maybe(0.3):
            found["limit"] = self.mostly(1, 10, 10_000, 0)
        if self.maybe(0.05):
            found["cursor"] = self.mostly("WyJ2IiwxLCIwMCJd")
        return found if self.maybe(0.99) else self.anything()

    def question(self) -> Asked:
        body = self.body()
        if isinstance(body, dict) and self.maybe(0.2):
            body["organizations"] = [self.one(ORGANIZATIONS)]
        return _json("/api/v1/statements/query", body)

    # exports, reports and reading

    def export(self) -> Asked:
        query = {"format": self.mostly("ndjson", "csv", "parquet")}
        if self.maybe(0.5):
            query["filter"] = json.dumps(self.condition())
        if self.maybe(0.6):
            columns = [str(self.field()) for _ in range(self.random.randrange(1, 4))]
            query["columns"] = (
                ",".join(columns) if self.maybe() else json.dumps([self.column() for _ in columns])
            )
        return Asked("GET", "/api/v1/statements/export?" + _query(query))

    def report(self) -> Asked:
        drawn = {
            "organization": self.mostly(*ORGANIZATIONS), "tier": self.mostly("silver", "partners:silver", "a:b"),
            "region": self.mostly("emea"), "role": self.mostly("sales"), "product": self.mostly("acme-platform"),
            "certification": self.mostly("sales", "unknown"), "since": self.one(DAYS), "until": self.one(DAYS),
            "timezone": self.mostly("UTC", *ZONES[:5]), "format": self.mostly("json", "json", "csv", "csv", "svg", "png"),
        }  # fmt: skip
        drawn |= {
            "unit": self.mostly("month", "quarter", "year"), "days": self.mostly(1, 7, 3650),
            "activity": self.mostly("https://acme.example/sales/exam", "x"),
        }  # fmt: skip
        query = {
            name: value
            for name, value in drawn.items()
            if self.maybe(0.6 if name == "certification" else 0.2)
        }
        if self.maybe(0.1):
            query |= {"sort": self.mostly("people", "-people", "mean"), "limit": self.mostly(1, 10)}
        return Asked("GET", f"/api/v1/reports/{self.mostly_name(*EVERY_REPORT)}?" + _query(query))

    def mostly_name(self, *of: str) -> str:
        return quote(str(self.mostly(*of)) or "x", safe="", errors="replace")

    def reading(self) -> Asked:
        person = self.mostly_name(*self.people)
        path = self.one((
            f"people/{person}/timeline", f"orgs/{self.mostly_name(*ORGANIZATIONS)}/roster",
            f"awards?{_query({'at': self.one(DAYS), 'state': self.mostly('active', 'expired')})}",
            f"people?{_query({'org': self.one(ORGANIZATIONS)})}",
            f"deals/comparison?{_query({'certification': self.mostly('sales'), 'since': self.one(DAYS)})}",
        ))  # fmt: skip
        return Asked("GET", f"/api/v1/{path}")

    # CSV that comes in

    def roster(self) -> Asked:
        query = {"org": self.one(ORGANIZATIONS), "dry_run": self.one(("true", "false", "false"))}
        if self.maybe():
            query["elsewhere"] = self.mostly("ask", "move", "secondary")
        return Asked(
            "POST", "/api/v1/people/roster?" + _query(query), self.table(ROSTER, 1, self.member), CSV
        )

    def member(self, column: str) -> str:
        known = {
            "email": (*PEOPLE[:4], ""), "ifi": ("account::ana@https://lms.example", "", ""), "name": ("Ana", "Bo"), "role": ("sales", "technical", ""), "primary": ("yes", "no", "true", ""),
            "from": DAYS, "until": DAYS,
        }  # fmt: skip
        return str(self.mostly(*known.get(column, TEXTS)))

    def people_request(self) -> Asked:
        """One person or membership, as portals send them one by one."""
        person = self.mostly_name(*self.people)
        ifi = "mbox::mailto:cy@south.example"
        bodies: dict[str, dict[str, Any]] = {
            "people": {"email": self.member("email"), "name": self.member("name"), "ifis": [self.member("ifi")]},
            f"people/{person}/affiliations": {
                "org": self.mostly(*ORGANIZATIONS), "from": self.one(DAYS), "primary": self.mostly(True, False),
                "role": self.member("role"),
            },
            f"people/{person}/affiliations/{self.mostly_name(*self.affiliations)}/end": {"until": self.one(DAYS)},
            f"people/{person}/identifiers": {"ifi": self.mostly(ifi), "at": self.one(DAYS)},
            f"people/{person}/merge": {"gone": self.mostly(*self.people), "dry_run": self.mostly(True)},
            f"people/{person}/split": {"ifis": [self.mostly(ifi)], "since": self.one(DAYS)},
        }  # fmt: skip
        path, body = self.one(list(bodies.items()))
        return _json(f"/api/v1/{path}", {name: value for name, value in body.items() if self.maybe(0.9)})

    def deals(self) -> Asked:
        return Asked("POST", "/api/v1/deals", self.table(DEALS, len(DEALS) - 1, self.deal), CSV)

    def deal(self, column: str) -> str:
        known = {
            "id": ("1", "2"), "partner": ORGANIZATIONS, "person": self.people, "created": DAYS, "won": ("yes", "no", ""),
            "amount": (*NUMBERS, "1e400", "NaN"), "product": ("acme-platform",),
        }  # fmt: skip
        return str(self.mostly(*known.get(column, TEXTS)))

    def table(self, columns: Sequence[str], needed: int, cell: Any) -> bytes:
        """Return CSV with the needed columns and some others, sometimes with other bytes behind it."""
        chosen = [*columns[:needed], *(name for name in columns[needed:-1] if self.maybe(0.7))]
        chosen += [self.one(columns)] if self.maybe(0.03) else []
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(chosen)
        for _ in range(self.random.randrange(4)):
            writer.writerow([cell(name) for name in chosen][: 1 if self.maybe(0.05) else None])
        end = self.one((b"\xff", b'"', b"\0")) if self.maybe(0.05) else b""
        return out.getvalue().encode(errors="replace") + end


CSV = {"Content-Type": "text/csv"}


def _json(path: str, body: Any) -> Asked:
    return Asked("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})


def _query(values: dict[str, Any]) -> str:
    return urlencode(values, errors="replace")
