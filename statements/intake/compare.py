"""Are two statements with one id the same statement? The comparison table of xapi#5.

Sources: xAPI 1.0.3 Data 2.3.1, IEEE 9274.1.1 4.2.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from statements.errors import StatementConflict
from statements.parsing.actor import ifi
from statements.parsing.json_text import dump_text
from statements.parsing.parse import json_path, parse_json
from statements.parsing.times import Version, microseconds, parse_timestamp

Json = Mapping[str, Any]
Document = dict[str, Any]

_LRS_ASSIGNED = frozenset({"id", "authority", "stored", "version", "attachments", "timestamp"})
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]")
_LONG_FRACTION = re.compile(r"([.,][0-9]{2})[0-9]+")


def refuse_conflicts(
    documents: Sequence[Document], stored: Callable[[UUID], Document | None], version: Version
) -> list[Document]:
    """Return the documents that are new; one stored with equal content is passed over (xapi#5).

    `stored` finds what is stored under an id. Raises StatementConflict where the content differs.
    """
    fresh = []
    for document in documents:
        known = stored(document["id"])
        if known is None:
            fresh.append(document)
            continue
        stored_value, received = parse_json(known["raw"]), parse_json(document["raw"])
        if first_difference(stored_value, received, version) is not None:
            raise StatementConflict(str(document["id"]), place_of_difference(stored_value, received, version))
    return fresh


def place_of_difference(stored: Json, received: Json, version: Version) -> str:
    """Return the path of the first difference, up to a member that one of two different statements has.

    What is compared has another form: identifiers are one text, members of a group are sorted.
    """
    place = first_difference(stored, received, version) or "$"
    steps: list[str | int] = []
    for plain, index, quoted in _STEP.findall(place):
        step: str | int = int(index) if index else plain or re.sub(r"\\(.)", r"\1", quoted)
        if steps[-1:] == ["member"] or not (_has(stored, steps, step) or _has(received, steps, step)):
            break
        steps.append(step)
    return json_path(*steps)


def _has(value: Any, steps: Sequence[str | int], last: str | int) -> bool:
    try:
        for step in (*steps, last):
            value = value[step]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def first_difference(stored: Json, received: Json, version: Version) -> str | None:
    """Return the path of the first difference that counts, None when the statements are equal."""
    left, right = _statement(stored), _statement(received)
    if version == "1.0.3":
        for side, statement in ((left, stored), (right, received)):
            if _names_instant(stored) and _names_instant(received):
                side["timestamp"] = _instant(statement["timestamp"])
    return _difference(left, right, ())


def _names_instant(statement: Json) -> bool:
    """Tell whether a client gave the timestamp; one equal to `stored` was set by the store (Data 2.4.7)."""
    return "timestamp" in statement and statement["timestamp"] != statement.get("stored")


def _instant(text: str) -> int:
    """Return milliseconds; the text was accepted when it came, under whichever version."""
    try:
        moment = parse_timestamp(text, "1.0.3")
    except ValueError:
        moment = parse_timestamp(text, "2.0.0")
    return microseconds(moment.at) // 1000


def _statement(statement: Json) -> dict[str, Any]:
    """Return what counts of a statement, in one form."""
    result: dict[str, Any] = {}
    for name, value in statement.items():
        if name in _LRS_ASSIGNED:
            continue
        form = _FORMS.get(name)
        result[name] = form(value) if form else value
    return result


def _sub_statement(statement: Json) -> dict[str, Any]:
    result = _statement(statement)
    if "timestamp" in statement:
        result["timestamp"] = _instant(statement["timestamp"])
    return result


def _actor(agent: Json) -> dict[str, Any]:
    """Group members are a set; identifiers are compared in their canonical form."""
    result: dict[str, Any] = {"objectType": agent.get("objectType", "Agent"), "ifi": ifi(agent)}
    if "name" in agent:
        result["name"] = agent["name"]
    if "member" in agent:
        members = [_actor(member) for member in agent["member"]]
        result["member"] = sorted(members, key=lambda member: dump_text(member, sort_keys=True))
    return result


def _verb(verb: Json) -> dict[str, Any]:
    return {"id": verb["id"]}


def _activity(activity: Json) -> dict[str, Any]:
    return {"objectType": "Activity", "id": activity["id"]}


def _object(target: Json) -> Any:
    match target.get("objectType", "Activity"):
        case "Activity":
            return _activity(target)
        case "Agent" | "Group":
            return _actor(target)
        case "SubStatement":
            return _sub_statement(target)
    return {"objectType": "StatementRef", "id": target["id"].lower()}


def _result(result: Json) -> dict[str, Any]:
    """Digits of a duration beyond 0.01 s do not count."""
    form = dict(result)
    if "duration" in form:
        form["duration"] = _LONG_FRACTION.sub(r"\1", form["duration"])
    return form


def _context(context: Json) -> dict[str, Any]:
    form: dict[str, Any] = dict(context)
    for name in ("registration", "language"):
        if name in form:
            form[name] = form[name].lower()
    for name in ("instructor", "team"):
        if name in form:
            form[name] = _actor(form[name])
    if "statement" in form:
        form["statement"] = _object(form["statement"])
    if "contextActivities" in form:
        form["contextActivities"] = {
            kind: [_activity(item) for item in (value if isinstance(value, list) else [value])]
            for kind, value in form["contextActivities"].items()
        }
    for name, member in (("contextAgents", "agent"), ("contextGroups", "group")):
        if name in form:
            form[name] = [{**item, member: _actor(item[member])} for item in form[name]]
    return form


_FORMS = {"actor": _actor, "verb": _verb, "object": _object, "result": _result, "context": _context}


def _difference(left: Any, right: Any, steps: tuple[str | int, ...]) -> str | None:
    """Compare two values: numbers by value, booleans only with booleans, arrays in order."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in {**left, **right}:
            if name not in left or name not in right:
                return json_path(*steps, name)
            if found := _difference(left[name], right[name], (*steps, name)):
                return found
        return None
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return json_path(*steps)
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            if found := _difference(one, other, (*steps, index)):
                return found
        return None
    if isinstance(left, bool) != isinstance(right, bool) or left != right:
        return json_path(*steps)
    return None
