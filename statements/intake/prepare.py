"""A checked statement becomes the document that is stored: one pass, no copies.

The document holds `raw`, the received text with the members that the LRS sets, and beside it typed fields
and search keys. docs/statement-storage.md tells what each field is for.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

import orjson
from bson.decimal128 import Decimal128, create_decimal128_context

from statements.intake.stored_id import StoredId
from statements.intake.validate import CONTEXT_ACTIVITY_KINDS, VOIDED
from statements.parsing.actor import identifiers, ifi
from statements.parsing.json_text import dump_text
from statements.parsing.parse import Parsed
from statements.parsing.search_keys import evidence_key, key
from statements.parsing.splice import WRAP, Path, _Wrap, append_members, replace_members
from statements.parsing.times import (
    Version,
    duration_seconds,
    from_microseconds,
    microseconds,
    milliseconds,
    parse_timestamp,
)

Json = Mapping[str, Any]
Document = dict[str, Any]

MAX_EXTENSION_TEXT = 4096
LARGE = 64 * 1024  # bytes of a statement whose extensions are looked at before they are written as text
_DEFAULT_VERSION = {"1.0.3": "1.0.0", "2.0.0": "2.0.0"}
_DECIMAL128: Context = create_decimal128_context()
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: what the store keeps about the client beside each statement.

    `authority` is the Agent (or Group of consumer and user) that the LRS sets.
    """

    client: str
    label: str | None
    controlled_by: Literal["vendor", "partner"]
    authority: dict[str, Any] = field(hash=False)
    may_void: bool = True
    may_define: bool = True  # without it, definitions and names stay in the statement and teach nothing
    vouches_for: Callable[[str], bool] | None = None  # which activities and agents it defines; None: all
    keeps_origin: bool = False  # note what another store set as `stored` and `authority`
    is_beyond: Callable[[Json], bool] | None = None  # marks what is said beyond a launch

    def teaches(self, statement: Json) -> bool:
        """Tell whether definitions and names of a statement are learnt."""
        return self.may_define and (self.is_beyond is None or not self.is_beyond(statement))


class OrderClock:
    """Hands out `stored` instants that rise within the process, also when the clock steps back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def take(self, now: dt.datetime, count: int) -> int:
        """Return the first of `count` consecutive microseconds, none of which was handed out before."""
        wanted = microseconds(now)
        with self._lock:
            first = max(wanted, self._last + 1)
            self._last = first + count - 1
        return first


class OrderKeys:
    """Makes order keys: 8 bytes of microseconds, 4 random bytes of this process, 4 bytes of a counter."""

    def __init__(self) -> None:
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._process = os.urandom(4)
        self._counter = itertools.count(int.from_bytes(os.urandom(3), "big"))

    def make(self, stored: int) -> bytes:
        """Return a new key for an instant in microseconds.

        Keys sort as (stored, process, order of making).
        """
        serial = next(self._counter) & 0xFFFFFFFF
        return stored.to_bytes(8, "big") + self._process + serial.to_bytes(4, "big")


CLOCK = OrderClock()
ORDER_KEYS = OrderKeys()


@dataclass(frozen=True, slots=True)
class Setting:
    """What all statements of one request have in common."""

    org: str
    writer: Writer
    version: Version
    authority_text: bytes
    authority_ifi: str | None
    common_keys: tuple[int, ...]
    is_relevant: Callable[[Document], bool] | None = None

    @classmethod
    def of(
        cls,
        org: str,
        writer: Writer,
        version: Version,
        is_relevant: Callable[[Document], bool] | None = None,
    ) -> Setting:
        """Compute what does not change from statement to statement.

        `is_relevant` says whether the certification engine has to look at a document.
        """
        return cls(
            org,
            writer,
            version,
            orjson.dumps(writer.authority),
            ifi(writer.authority),
            (
                key("c", writer.client),
                *(key("A", identifier) for identifier in identifiers(writer.authority)),
            ),
            is_relevant,
        )


def prepare(
    parsed: Parsed,
    setting: Setting,
    stored: int,
    *,
    behind: int = 0,
    named: Sequence[str] = (),
) -> Document:
    """Return the document of one checked statement; nothing changes it afterwards.

    `stored` is in microseconds; `behind` is how many of the batch have a later `stored` (all are known at
    once); `named` are the identifiers whose names the statement may be the first to bring.
    """
    statement = parsed.value
    statement_id = StoredId.of(statement["id"]) if "id" in statement else StoredId.new()
    timestamp = statement.get("timestamp")
    exact = from_microseconds(stored) if timestamp is None else parse_timestamp(timestamp, setting.version).at
    at = exact if exact.microsecond % 1000 == 0 else milliseconds(exact)
    target = statement["object"]
    context = statement.get("context")
    actor = statement["actor"]
    writer = setting.writer
    document: Document = {
        "_id": ORDER_KEYS.make(stored),
        "org": setting.org,
        "id": statement_id,
        "raw": _raw(parsed, setting, statement_id, timestamp_text(stored)),
        "stored": _millisecond(stored // 1000),  # BSON dates are milliseconds; so is this document
        "timestamp": at,
        "actor": ifi(actor),
        "actor_type": actor.get("objectType", "Agent"),
        "verb": statement["verb"]["id"],
        "object": _object(target),
        "client": writer.client,
        "client_label": writer.label,
        "controlled_by": writer.controlled_by,
        "authority": setting.authority_ifi,
        "version": statement.get("version") or _DEFAULT_VERSION[setting.version],
        "keys": search_keys(statement, setting.common_keys),
    }
    if exact is not at:
        document["timestamp_us"] = exact.microsecond % 1000  # what a BSON date leaves out
    if (definition := target.get("definition")) and "type" in definition:
        document["activity_type"] = definition["type"]
    if target.get("objectType") == "StatementRef":
        document["target"] = UUID(target["id"])
        if document["verb"] == VOIDED:
            document["voids"] = True
    if context:
        _add_context(document, context)
    if result := statement.get("result"):
        _add_result(document, result)
    holders = [
        (where, holder["extensions"])
        for where, holder in (("result", result), ("context", context), ("activity", definition))
        if holder and holder.get("extensions")
    ]
    if holders:
        document["extensions"] = list(_extensions(holders, is_large=len(parsed.text) > LARGE))
    if behind:
        document["behind"] = behind
    _add_marks(document, setting.is_relevant, named)
    if parsed.repairs or writer.keeps_origin or writer.is_beyond is not None:
        _add_provenance(document, parsed, setting)
    return document


def _add_provenance(document: Document, parsed: Parsed, setting: Setting) -> None:
    """Keep what came of a repaired statement, what another store had set, and what lies beyond a launch."""
    if (is_beyond := setting.writer.is_beyond) is not None and is_beyond(parsed.value):
        document["beyond_launch"] = True
    if parsed.repairs:
        document["repairs"], document["received"] = list(parsed.repairs), parsed.received.decode("utf-8")
    if setting.writer.keeps_origin:
        _add_origin(document, parsed.value, setting.version)


def _add_marks(
    document: Document, is_relevant: Callable[[Document], bool] | None, named: Sequence[str]
) -> None:
    """Add the mark of the certification engine and the keys of names: one write, nothing to miss."""
    if is_relevant is not None and is_relevant(document):
        document["pending"] = True
        document["marks"] = 1
        if document["actor"] is not None:
            document["keys"].append(evidence_key(document["actor"]))
    for identifier in named:
        document["keys"].append(key("n", identifier))


def _add_origin(document: Document, statement: Json, version: Version) -> None:
    """Keep `stored` and `authority` of the store that a statement comes from, beside ours."""
    origin: Document = {}
    if "stored" in statement:
        origin["stored"] = milliseconds(parse_timestamp(statement["stored"], version).at)
    if authority := statement.get("authority"):
        origin["authority"] = ifi(authority)
        document["keys"] += [key("f", identifier) for identifier in identifiers(authority)]
    if origin:
        kept = {name: statement[name] for name in ("stored", "authority") if name in statement}
        document["origin"] = {**origin, "text": dump_text(kept).decode("utf-8")}


def search_keys(statement: Json, common_keys: Iterable[int]) -> list[int]:
    """Return the search keys of a statement without its references (Communication 2.1.3.

    Letters in statements.parsing.search_keys).
    """
    target = statement["object"]
    object_type = target.get("objectType", "Activity")
    direct = set(identifiers(statement["actor"]))
    activity: str | None = None
    keys = {key("v", statement["verb"]["id"]), *common_keys}
    if object_type == "Activity":
        activity = target["id"]
        keys.add(key("o", activity))
    elif object_type in {"Agent", "Group"}:
        direct.update(identifiers(target))
    elif object_type == "SubStatement":
        _add_related_keys(keys, target, direct, None)
        inner = target["object"]
        inner_type = inner.get("objectType", "Activity")
        _add_related_agents(keys, target["actor"], direct)
        if inner_type == "Activity":
            keys.add(key("O", inner["id"]))
        elif inner_type in {"Agent", "Group"}:
            _add_related_agents(keys, inner, direct)
        _add_attachment_keys(keys, target)
    for identifier in direct:
        keys.add(key("a", identifier))
    _add_related_keys(keys, statement, direct, activity)
    _add_attachment_keys(keys, statement)
    context = statement.get("context")
    if context and "registration" in context:
        keys.add(key("r", context["registration"].lower()))
    return list(keys)


def _add_related_keys(keys: set[int], statement: Json, direct: set[str], object_id: str | None) -> None:
    """Add what related_agents and related_activities reach in the context and direct keys do not."""
    context = statement.get("context")
    if not context:
        return
    agents = [context[name] for name in ("instructor", "team") if name in context]
    agents += [item["agent"] for item in context.get("contextAgents", ())]
    agents += [item["group"] for item in context.get("contextGroups", ())]
    for agent in agents:
        _add_related_agents(keys, agent, direct)
    groups = context.get("contextActivities")
    if groups:
        for value in groups.values():
            for item in value if isinstance(value, list) else (value,):
                activity = item["id"]
                if activity != object_id:
                    keys.add(key("O", activity))


def _add_related_agents(keys: set[int], agent: Json, direct: set[str]) -> None:
    for identifier in identifiers(agent):
        if identifier not in direct:
            keys.add(key("A", identifier))


def _add_attachment_keys(keys: set[int], statement: Json) -> None:
    for attachment in statement.get("attachments", ()):
        keys.add(key("s", attachment["sha2"].lower()))


def _object(target: Json) -> Document:
    """Return type and id of the object: an activity id, a canonical identifier, a statement id or none."""
    kind = target.get("objectType", "Activity")
    if kind in {"Agent", "Group"}:
        return {"type": kind, "id": ifi(target)}
    if kind == "SubStatement":
        return {"type": kind}
    return {"type": kind, "id": target["id"] if kind == "Activity" else target["id"].lower()}


def _add_context(document: Document, context: Json) -> None:
    if (registration := context.get("registration")) is not None:
        document["registration"] = StoredId.of(registration)
    for name in ("platform", "language"):
        if name in context:
            document[name] = context[name]
    if (instructor := context.get("instructor")) is not None:
        document["instructor"] = ifi(instructor)
    groups = context.get("contextActivities")
    if groups:
        for kind in CONTEXT_ACTIVITY_KINDS:
            if (value := groups.get(kind)) is not None:
                activities = value if isinstance(value, list) else [value]
                document[kind] = [activity["id"] for activity in activities]


def _add_result(document: Document, result: Json) -> None:
    for name in ("success", "completion"):
        if name in result:
            document[name] = result[name]
    if score := result.get("score"):
        document["score"] = {name: bson_number(number) for name, number in score.items()}
    if (duration := result.get("duration")) is not None:
        document["duration_s"] = duration_seconds(duration)


def _extensions(holders: Iterable[tuple[str, Json]], *, is_large: bool) -> Iterator[Document]:
    """Yield {where, k, v} of every extension; a value too long to search is left out."""
    for where, extensions in holders:
        for name, value in extensions.items():
            searched = _TOO_LONG if is_large and _is_long(value) else _searched(value)
            if searched is _TOO_LONG:
                yield {"where": where, "k": name[:MAX_EXTENSION_TEXT]}
            else:
                yield {"where": where, "k": name[:MAX_EXTENSION_TEXT], "v": searched}


_TOO_LONG = object()


def _searched(value: Any) -> Any:
    """Return a scalar as it is, any other value as canonical JSON text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        return bson_number(value)
    text = value if isinstance(value, str) else dump_text(value, sort_keys=True).decode("utf-8")
    return text if len(text) <= MAX_EXTENSION_TEXT else _TOO_LONG


def _is_long(value: Any) -> bool:
    """Tell, without writing it, whether the text of a value is surely too long to search."""
    stack, size = [value], 0
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            size += sum(map(len, item)) + len(item)
            stack += item.values()
        elif isinstance(item, list):
            size += len(item)
            stack += item
        elif isinstance(item, str):
            size += len(item)
        if size > MAX_EXTENSION_TEXT:
            return True
    return False


def bson_number(number: Any) -> Any:
    """Return what BSON holds: integers and doubles as they are, other numbers as Decimal128 of 34 digits."""
    if type(number) is float or (isinstance(number, int) and number in _INT64):
        return number
    return Decimal128(_DECIMAL128.create_decimal(number))


@lru_cache(maxsize=64)
def _millisecond(milliseconds_since: int) -> dt.datetime:
    return from_microseconds(milliseconds_since * 1000)


@lru_cache(maxsize=64)
def _second_text(second: int) -> str:
    return from_microseconds(second * 1_000_000).isoformat()[:19]


def timestamp_text(stored: int) -> str:
    """Return microseconds since 1970 as an xAPI timestamp with six fraction digits."""
    second, fraction = divmod(stored, 1_000_000)
    return f"{_second_text(second)}.{fraction:06d}Z"


def _raw(parsed: Parsed, setting: Setting, statement_id: StoredId, stored: str) -> bytes:
    """Return the text that format=exact answers: the received one with the members that the LRS sets."""
    statement = parsed.value
    changes: dict[Path, bytes | _Wrap] = {}
    added = b""
    if "id" not in statement:
        added = b',"id":"%b"' % str(statement_id).encode()
    if "timestamp" not in statement:
        added += b',"timestamp":"%b"' % stored.encode()
    for name, value in (("stored", b'"%b"' % stored.encode()), ("authority", setting.authority_text)):
        if name in statement:
            changes[(name,)] = value
        else:
            added += b',"%b":%b' % (name.encode(), value)
    if "version" not in statement:
        added += b',"version":"%b"' % _DEFAULT_VERSION[setting.version].encode()
    _add_changes(changes, statement, setting.version, ())
    if statement["object"].get("objectType") == "SubStatement":
        _add_changes(changes, statement["object"], setting.version, ("object",))
    text = replace_members(parsed, changes) if changes else parsed.text
    return append_members(text, added) if added else text


def _add_changes(changes: dict[Path, bytes | _Wrap], statement: Json, version: Version, at: Path) -> None:
    """Note the timestamp that is returned in another form and context activities that become arrays."""
    timestamp = statement.get("timestamp")
    if timestamp is not None:
        returned = parse_timestamp(timestamp, version).text
        if returned != timestamp:
            changes[(*at, "timestamp")] = b'"%b"' % returned.encode()
    context = statement.get("context")
    groups = context.get("contextActivities") if context else None
    if groups:
        for kind, value in groups.items():
            if not isinstance(value, list):
                changes[(*at, "context", "contextActivities", kind)] = WRAP
