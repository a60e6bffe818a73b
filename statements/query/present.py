"""Statements going out: exact bytes are passed through, ids and canonical are rewritten.

Communication 2.1.3.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from statements.intake.attachments import attachments_of
from statements.parsing.actor import IFI_NAMES
from statements.parsing.json_text import dump_text
from statements.parsing.parse import parse_json
from statements.query.parameters import Format

Json = Mapping[str, Any]
Definitions = Callable[[set[str]], Mapping[str, dict[str, Any]]]
Range = tuple[str, float]

PARSED_AT_ONCE = 2 * 1024 * 1024  # bytes of statements; parsed, JSON can take twenty times its length
_QUALITY = re.compile(r"[qQ]\s*=\s*([0-9]*\.?[0-9]+)")


def present(
    raws: Sequence[bytes], format_: Format, accept_language: str | None, definitions: Definitions
) -> list[bytes]:
    """Return each statement in the format asked for; `definitions` gives canonical activity definitions."""
    if format_ == "exact":
        return list(raws)
    if format_ == "ids":
        return [dump_text(_ids(parse_json(raw))) for raw in raws]
    ranges = language_ranges(accept_language or "")
    return [shown for some in _portions(raws) for shown in _in_canonical(some, ranges, definitions)]


def _portions(raws: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield the statements in portions that are parsed at once: a usual page is one."""
    first, size = 0, 0
    for index, raw in enumerate(raws):
        size += len(raw)
        if size > PARSED_AT_ONCE:
            yield raws[first : index + 1]
            first, size = index + 1, 0
    yield raws[first:]


def _in_canonical(
    raws: Sequence[bytes], ranges: Sequence[Range], definitions: Definitions
) -> Iterator[bytes]:
    statements = [parse_json(raw) for raw in raws]
    wanted = {activity["id"] for statement in statements for activity in _activities(statement)}
    known = definitions(wanted) if wanted else {}
    for statement in statements:
        yield dump_text(_canonical(statement, known, ranges))


def statement_result(statements: Sequence[bytes], more: str) -> bytes:
    """Return the StatementResult object (Data 2.5) around statements that are presented already."""
    return b'{"statements":[' + b",".join(statements) + b'],"more":' + orjson.dumps(more) + b"}"


def attachment_hashes(raws: Sequence[bytes]) -> set[str]:
    """Return the lower-case sha2 of every attachment named by these statements and their SubStatements."""
    return set(attachment_types(raws))


def attachment_types(raws: Sequence[bytes]) -> dict[str, str]:
    """Return the `contentType` of every attachment named by these statements, by its lower-case sha2."""
    return {
        attachment["sha2"].lower(): attachment.get("contentType", "application/octet-stream")
        for raw in reversed(raws)
        if b'"attachments"' in raw or b"\\u" in raw
        for _, attachment in attachments_of(parse_json(raw))
    }


def _rewritten(
    statement: Json,
    actor: Callable[[Json], Any],
    verb: Callable[[Json], Any],
    activity: Callable[[Json], Any],
) -> dict[str, Any]:
    """Return a copy with its agents, verb and activities rewritten, in the SubStatement too."""
    result = dict(statement)
    for name in ("actor", "authority"):
        if name in result:
            result[name] = actor(result[name])
    result["verb"] = verb(result["verb"])
    target = result["object"]
    match target.get("objectType", "Activity"):
        case "Activity":
            result["object"] = activity(target)
        case "Agent" | "Group":
            result["object"] = actor(target)
        case "SubStatement":
            result["object"] = _rewritten(target, actor, verb, activity)
    if "context" in result:
        result["context"] = _rewritten_context(result["context"], actor, activity)
    return result


def _rewritten_context(
    context: Json, actor: Callable[[Json], Any], activity: Callable[[Json], Any]
) -> dict[str, Any]:
    result = dict(context)
    for name in ("instructor", "team"):
        if name in result:
            result[name] = actor(result[name])
    if "contextActivities" in result:
        result["contextActivities"] = {
            kind: [activity(item) for item in items] for kind, items in result["contextActivities"].items()
        }
    for name, member in (("contextAgents", "agent"), ("contextGroups", "group")):
        if name in result:
            result[name] = [{**item, member: actor(item[member])} for item in result[name]]
    return result


def _ids(statement: Json) -> dict[str, Any]:
    """Reduce agents, groups, verbs and activities to what identifies them (format=ids)."""
    return _rewritten(statement, _bare_agent, _bare, _bare)


def _bare(item: Json) -> dict[str, Any]:
    return {"id": item["id"]}


def _bare_agent(agent: Json) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if "objectType" in agent:
        result["objectType"] = agent["objectType"]
    identifier = {name: agent[name] for name in IFI_NAMES if name in agent}
    result.update(identifier)
    if not identifier and "member" in agent:
        result["member"] = [_bare_agent(member) for member in agent["member"]]
    return result


def _activities(statement: Json) -> Iterator[Json]:
    found: list[Json] = []

    def note(activity: Json) -> Json:
        found.append(activity)
        return activity

    _rewritten(statement, dict, dict, note)
    yield from found


@lru_cache(maxsize=1024)
def language_ranges(header: str) -> tuple[Range, ...]:
    """Return the ranges of Accept-Language with their quality (RFC 2616 14.4).

    Malformed ones are left out.
    """
    ranges = []
    for item in header[:4096].split(","):
        name, *parameters = item.split(";")
        quality = 1.0
        for parameter in parameters:
            match = _QUALITY.fullmatch(parameter.strip())
            quality = min(1.0, float(match[1])) if match else -1.0
        name = name.strip().lower()
        if name and quality >= 0:
            ranges.append((name, quality))
    return tuple(ranges)


def choose_language(tags: Sequence[str], ranges: Sequence[Range]) -> str:
    """Return the tag that fits best; without any fit `und`, then English, then the first.

    The quality of a tag is that of the longest range it matches; 0 excludes it as long as another is left.
    """
    best = max(enumerate(tags), key=lambda item: (_quality(item[1].lower(), ranges), -item[0]))[1]
    if _quality(best.lower(), ranges) > 0:
        return best
    allowed = [tag for tag in tags if not _is_excluded(tag.lower(), ranges)] or list(tags)
    for wanted in ("und", "en"):
        for tag in allowed:
            if tag.lower() == wanted or tag.lower().startswith(f"{wanted}-"):
                return tag
    return allowed[0]


def _matching(tag: str, ranges: Sequence[Range]) -> Range | None:
    """Return the longest range that the tag matches; `*` matches any tag that no other range matches."""
    named = [item for item in ranges if tag == item[0] or tag.startswith(f"{item[0]}-")]
    if named:
        return max(named, key=lambda item: len(item[0]))
    return next((item for item in ranges if item[0] == "*"), None)


def _quality(tag: str, ranges: Sequence[Range]) -> float:
    found = _matching(tag, ranges)
    return found[1] if found else 0.0


def _is_excluded(tag: str, ranges: Sequence[Range]) -> bool:
    found = _matching(tag, ranges)
    return found is not None and found[1] == 0


def _canonical(statement: Json, known: Mapping[str, Json], ranges: Sequence[Range]) -> dict[str, Any]:
    """Put the store's definitions in, and keep one language in every map."""

    def one(languages: Json) -> dict[str, Any]:
        if len(languages) < 2:  # no choice
            return dict(languages)
        tag = choose_language(list(languages), ranges)
        return {tag: languages[tag]}

    def verb(item: Json) -> dict[str, Any]:
        return {**item, "display": one(item["display"])} if "display" in item else dict(item)

    def activity(item: Json) -> dict[str, Any]:
        definition = known.get(item["id"], item.get("definition"))
        return dict(item) if definition is None else {**item, "definition": _one_language(definition, one)}

    result = _rewritten(statement, dict, verb, activity)
    return _attachments_in(result, one)


def _one_language(definition: Json, one: Callable[[Json], dict[str, Any]]) -> dict[str, Any]:
    result = dict(definition)
    for name in ("name", "description"):
        if name in result:
            result[name] = one(result[name])
    for name in ("choices", "scale", "source", "target", "steps"):
        if name in result:
            result[name] = [
                {**component, "description": one(component["description"])}
                if "description" in component
                else component
                for component in result[name]
            ]
    return result


def _attachments_in(statement: dict[str, Any], one: Callable[[Json], dict[str, Any]]) -> dict[str, Any]:
    """Keep one language of the texts of attachments."""
    if "attachments" in statement:
        statement["attachments"] = [
            {
                name: one(value) if name in {"display", "description"} else value
                for name, value in item.items()
            }
            for item in statement["attachments"]
        ]
    if statement["object"].get("objectType") == "SubStatement":
        statement["object"] = _attachments_in(statement["object"], one)
    return statement
