"""xAPI parameters of GET /statements become keys of the index (Communication 2.1.3)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from schemas import definition_validator
from statements.errors import InvalidQuery, InvalidStatement
from statements.intake.validate import definition_error
from statements.parsing.actor import ifi
from statements.parsing.parse import parse_json
from statements.parsing.search_keys import key
from statements.parsing.times import Version, microseconds, parse_timestamp

Format = Literal["ids", "exact", "canonical"]
Filter = dict[str, Any]

MAX_LIMIT = 500
FORMATS: tuple[Format, ...] = ("ids", "exact", "canonical")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,30}")
_FLOOR = bytes(8) + b"\xff" * 8  # placeholders of awaited statements sort up to here


@dataclass(frozen=True, slots=True)
class StatementQuery:
    """A checked query; `after` is the order key of the last statement of the page before.

    `keys` holds the search keys of each filter, any one of which will do, the most selective filter first.
    `since` (exclusive) and `until` (inclusive) are microseconds since 1970.
    """

    statement_id: UUID | None = None
    voided_statement_id: UUID | None = None
    keys: tuple[tuple[int, ...], ...] = ()
    since: int | None = None
    until: int | None = None
    limit: int = MAX_LIMIT
    ascending: bool = False
    format: Format = "exact"
    attachments: bool = False
    after: bytes | None = None

    @classmethod
    def parse(
        cls, params: Mapping[str, Sequence[str]], version: Version, *, max_limit: int = MAX_LIMIT
    ) -> StatementQuery:
        """Check every parameter.

        Unknown, repeated or malformed ones raise InvalidQuery(parameter, reason).
        """
        values = single_values(params, PARAMETERS)
        checked = {name: PARAMETERS[name](name, text, version) for name, text in values.items()}
        ids = [name for name in ("statementId", "voidedStatementId") if name in checked]
        if ids:
            others = set(checked) - {ids[0], "format", "attachments"}
            if others:
                raise InvalidQuery(min(others), f"is not allowed together with {ids[0]}")
        limit = checked.get("limit") or max_limit
        return cls(
            statement_id=checked.get("statementId"),
            voided_statement_id=checked.get("voidedStatementId"),
            keys=_keys(checked),
            since=checked.get("since"),
            until=checked.get("until"),
            limit=min(limit, max_limit),
            ascending=checked.get("ascending", False),
            format=checked.get("format", "exact"),
            attachments=checked.get("attachments", False),
        )

    @property
    def is_single(self) -> bool:
        """Tell whether one statement is asked for by id."""
        return self.statement_id is not None or self.voided_statement_id is not None

    def filter(self, org: str, only_client: str | None = None) -> Filter:
        """Return the MongoDB filter of the list query: an index range, voided statements left out.

        With several filters one statement of the chain must satisfy them all (xapi#decision-8). With
        `only_client` a reference is found by its own keys alone, so that statements of other clients show
        nothing of themselves.
        """
        result: Filter = {"org": org, "_id": self._bounds(), "voided": {"$exists": False}}
        keys = list(self.keys)
        if only_client is not None:
            result["client"] = only_client
            keys.append((key("c", only_client),))
        if len(keys) == 1:
            result["keys"] = {"$in": keys[0]}
        elif keys:
            # MongoDB walks one of them: an $elemMatch before any equality, which it takes before an $in.
            result["keys"] = {"$elemMatch": {"$in": keys[0]}}
            result["$and"] = [{"keys": {"$in": one}} for one in keys[1:]]
            path = "chain.0.k" if only_client else "k"
            all_of_one = {"$and": [{path: {"$in": one}} for one in keys]}
            inside = all_of_one if only_client else {"chain": {"$elemMatch": all_of_one}}
            result["$or"] = [{"chain": {"$exists": False}}, inside]
        return result

    def _bounds(self) -> Filter:
        """Return the range of order keys that since, until and the cursor leave."""
        bounds = {"$gt": _FLOOR}
        if self.since is not None:
            bounds["$gt"] = max(_FLOOR, _order_bytes(self.since) + b"\xff" * 8)
        if self.until is not None:
            bounds["$lte"] = _order_bytes(self.until) + b"\xff" * 8
        if self.after is not None:
            if self.ascending:
                bounds["$gt"] = max(bounds["$gt"], self.after)
            else:
                bounds["$lt"] = self.after
        return bounds

    def cursor(self, after: bytes) -> bytes:
        """Return everything the next page needs, as short bytes; the HTTP layer signs and binds them."""
        state = [
            self.keys, self.since, self.until, self.limit, int(self.ascending), self.format,
            int(self.attachments), after.hex(),
        ]  # fmt: skip
        return json.dumps(state, separators=(",", ":")).encode()

    @classmethod
    def resume(cls, cursor: bytes) -> StatementQuery:
        """Return the query of a cursor; InvalidQuery("more") when it is none."""
        try:
            keys, since, until, limit, ascending, format_, attachments, after = json.loads(cursor)
            return cls(
                keys=tuple(tuple(int(item) for item in one) for one in keys),
                since=since,
                until=until,
                limit=int(limit),
                ascending=bool(ascending),
                format=FORMATS[FORMATS.index(format_)],
                attachments=bool(attachments),
                after=bytes.fromhex(after),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidQuery("more", "is no continuation of a query") from error


def single_values(params: Mapping[str, Sequence[str]], allowed: Mapping[str, Any]) -> dict[str, str]:
    """Return each parameter's one value; unknown and repeated ones raise InvalidQuery (Communication 3.2)."""
    values: dict[str, str] = {}
    for name, texts in params.items():
        if name not in allowed:
            raise InvalidQuery(name, "is not known to this resource (names are case-sensitive)")
        if len(texts) != 1:
            raise InvalidQuery(name, "is given more than once")
        values[name] = texts[0]
    return values


def read_uuid(name: str, text: str, version: Version) -> UUID:
    """Read a UUID parameter, 8-4-4-4-12 hexadecimal digits."""
    _check(name, text, "uuid", version)
    return UUID(text)


def read_iri(name: str, text: str, version: Version) -> str:
    """Read an absolute IRI parameter."""
    _check(name, text, "iri", version)
    return text


def read_agent(name: str, text: str, version: Version) -> dict[str, Any]:
    """Read an agent or identified group given as JSON."""
    try:
        value = parse_json(text, name)
        _check(name, value, "actor", version)
    except InvalidStatement as error:
        raise InvalidQuery(name, str(error).removeprefix(f"{name}: ")) from None
    agent: dict[str, Any] = value
    if ifi(agent) is None:
        raise InvalidQuery(name, "needs exactly one of mbox, mbox_sha1sum, openid, account")
    return agent


def read_timestamp(name: str, text: str, version: Version) -> int:
    """Read a timestamp parameter as microseconds since 1970."""
    try:
        return microseconds(parse_timestamp(text, version).at)
    except ValueError as error:
        raise InvalidQuery(name, str(error)) from None


def _read_boolean(name: str, text: str, _: Version) -> bool:
    if text not in {"true", "false"}:
        raise InvalidQuery(name, "must be true or false")
    return text == "true"


def _read_limit(name: str, text: str, _: Version) -> int:
    if not _WHOLE_NUMBER.fullmatch(text):
        raise InvalidQuery(name, "must be a whole number, 0 or more")
    return int(text)


def _read_format(name: str, text: str, _: Version) -> Format:
    if text not in FORMATS:
        raise InvalidQuery(name, f"must be one of {', '.join(FORMATS)}")
    return FORMATS[FORMATS.index(text)]


def _check(name: str, value: Any, definition: str, version: Version) -> None:
    if not definition_validator(f"statement-{version}", definition).is_valid(value):
        found = definition_error(f"statement-{version}", definition, value, name)
        raise InvalidQuery(name, str(found).removeprefix(f"{name}: "))


PARAMETERS: dict[str, Callable[[str, str, Version], Any]] = {
    "statementId": read_uuid,
    "voidedStatementId": read_uuid,
    "agent": read_agent,
    "verb": read_iri,
    "activity": read_iri,
    "registration": read_uuid,
    "related_activities": _read_boolean,
    "related_agents": _read_boolean,
    "since": read_timestamp,
    "until": read_timestamp,
    "limit": _read_limit,
    "format": _read_format,
    "attachments": _read_boolean,
    "ascending": _read_boolean,
}


def _keys(checked: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
    """Return the search keys of each filter, the most selective kinds first."""
    wanted: list[tuple[str, str]] = []  # letters, any one of which will do, and the value
    if "registration" in checked:
        wanted.append(("r", str(checked["registration"])))
    if "agent" in checked:
        wanted.append(("aA" if checked.get("related_agents") else "a", ifi(checked["agent"]) or ""))
    if "activity" in checked:
        wanted.append(("oO" if checked.get("related_activities") else "o", checked["activity"]))
    if "verb" in checked:
        wanted.append(("v", checked["verb"]))
    return tuple(tuple(key(letter, value) for letter in letters) for letters, value in wanted)


def _order_bytes(micros: int) -> bytes:
    return max(0, min(micros, 2**63 - 1)).to_bytes(8, "big")
