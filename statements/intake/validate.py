"""Is it a statement? The compiled schema first, then the rules that a schema cannot say.

`check_statement` raises InvalidStatement at the deepest place that is wrong. jsonschema-rs both decides
and tells the place; the sentences are ours.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import jsonschema_rs

from schemas import definition_validator, load, validator
from statements.errors import InvalidStatement
from statements.parsing.parse import json_path
from statements.parsing.times import Version, duration_seconds, parse_timestamp

Json = Mapping[str, Any]
Rule = Callable[[Json, "Reject", Version], None]

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
COMPONENT_LISTS = ("choices", "scale", "source", "target", "steps")
CONTEXT_ACTIVITY_KINDS = ("parent", "grouping", "category", "other")

_VALIDATORS = {version: validator(f"statement-{version}") for version in ("1.0.3", "2.0.0")}


class Reject:
    """Raises InvalidStatement below one place of the request."""

    __slots__ = ("root",)

    def __init__(self, root: str) -> None:
        self.root = root

    def __call__(self, reason: str, *steps: str | int) -> InvalidStatement:
        """Return the error to raise for the value `steps` below the statement."""
        return InvalidStatement(json_path(*steps, root=self.root), reason)


def check_statement(statement: Any, version: Version, path: str = "$") -> None:
    """Raise InvalidStatement unless the value is a statement of that version (xapi#2)."""
    compiled = _VALIDATORS[version]
    if not compiled.is_valid(statement):
        raise schema_error(compiled, f"statement-{version}", statement, path)
    reject = Reject(path)
    for rule in RULES:
        rule(statement, reject, version)
    target = statement["object"]
    if target.get("objectType") == "SubStatement":
        inner = Reject(f"{path}.object")
        for rule in SHARED_RULES:
            rule(target, inner, version)


def check_timestamps(statement: Json, reject: Reject, version: Version) -> None:
    """`timestamp` and `stored` are ISO 8601 (1.0.3 Data 4.5), under 2.0 RFC 3339 (IEEE 4.2.7)."""
    for name in ("timestamp", "stored"):
        if name in statement:
            try:
                parse_timestamp(statement[name], version)
            except ValueError as error:
                raise reject(str(error), name) from None


def check_score(statement: Json, reject: Reject, _: Version) -> None:
    """`min` is less than `max`, and `raw` lies between the bounds that are there (Data 2.4.5.1)."""
    result = statement.get("result")
    score = result.get("score") if result else None
    if not score:
        return
    low, high, raw = score.get("min"), score.get("max"), score.get("raw")
    if Decimal in {type(low), type(high), type(raw)}:
        low, high, raw = _comparable(low, high, raw)
    if low is not None and high is not None and not low < high:
        raise reject("must be less than max", "result", "score", "min")
    if raw is not None and ((low is not None and raw < low) or (high is not None and raw > high)):
        raise reject("must lie between min and max", "result", "score", "raw")


def _comparable(*numbers: float | Decimal | None) -> Sequence[float | Decimal | None]:
    """Return numbers that compare as written beside a Decimal: a float stands for its shortest text."""
    return [Decimal(repr(one)) if isinstance(one, float) else one for one in numbers]


def check_duration(statement: Json, reject: Reject, _: Version) -> None:
    """`duration` is an ISO 8601 duration (Data 4.6); digits beyond 0.01 s are fine."""
    result = statement.get("result")
    if result and "duration" in result:
        try:
            duration_seconds(result["duration"])
        except ValueError as error:
            raise reject(str(error), "result", "duration") from None


def check_activity_context(statement: Json, reject: Reject, _: Version) -> None:
    """`revision` and `platform` are only for statements about an Activity (Data 2.4.6)."""
    context = statement.get("context")
    if context and statement["object"].get("objectType", "Activity") != "Activity":
        for name in ("revision", "platform"):
            if name in context:
                raise reject("is only allowed when the object is an Activity", "context", name)


def check_components(statement: Json, reject: Reject, _: Version) -> None:
    """Component ids are unique within one list (Data 2.4.4.1)."""
    for steps, activity in defined_activities(statement):
        definition = activity["definition"]
        if "interactionType" not in definition:
            continue
        for name in COMPONENT_LISTS:
            seen: set[str] = set()
            for index, component in enumerate(definition.get(name, ())):
                if component["id"] in seen:
                    raise reject("stands twice in this list", *steps, "definition", name, index, "id")
                seen.add(component["id"])


def check_voiding(statement: Json, reject: Reject, _: Version) -> None:
    """A voiding statement has a StatementRef as its object (Data 2.3.2)."""
    if statement["verb"]["id"] == VOIDED and statement["object"].get("objectType") != "StatementRef":
        raise reject("must be a StatementRef when the verb is voided", "object")


def check_authority(statement: Json, reject: Reject, _: Version) -> None:
    """A group as authority is an OAuth consumer, known by its account, and a user (Data 2.4.9)."""
    authority = statement.get("authority")
    if (
        authority
        and authority.get("objectType") == "Group"
        and not any("account" in member for member in authority["member"])
    ):
        raise reject("needs one member with an account, the OAuth consumer", "authority", "member")


SHARED_RULES: tuple[Rule, ...] = (
    check_timestamps,
    check_score,
    check_duration,
    check_activity_context,
    check_components,
)
RULES: tuple[Rule, ...] = (*SHARED_RULES, check_voiding, check_authority)


def defined_activities(statement: Json) -> list[tuple[tuple[str | int, ...], Json]]:
    """Return the activities with a definition, not those of the SubStatement, with the steps to each."""
    target = statement["object"]
    found: list[tuple[tuple[str | int, ...], Json]] = []
    if "definition" in target and target.get("objectType", "Activity") == "Activity":
        found.append((("object",), target))
    context = statement.get("context")
    groups = context.get("contextActivities") if context else None
    if groups:
        for kind, value in groups.items():
            if not isinstance(value, list):
                if "definition" in value:
                    found.append((("context", "contextActivities", kind), value))
                continue
            for index, activity in enumerate(value):
                if "definition" in activity:
                    found.append((("context", "contextActivities", kind, index), activity))
    return found


def schema_error(
    compiled: jsonschema_rs.Draft202012Validator, name: str, value: Any, path: str
) -> InvalidStatement:
    """Return the error at the deepest place that the schema refuses, in a plain sentence."""
    try:
        errors = list(islice(compiled.iter_errors(value), 200))
    except ValueError:  # it cannot write numbers of more than 4,300 digits
        return InvalidStatement(path, "does not have the form of a statement, and holds endless numbers")
    best = max(errors, key=lambda error: (len(_steps(error)), -_RANK.get(error.kind.name, 1)))
    steps = _steps(best)
    return InvalidStatement(json_path(*steps, root=path), _reason(best, load(name)))


def definition_error(name: str, definition: str, value: Any, path: str) -> InvalidStatement:
    """Return the error of a value that one definition of a schema refuses."""
    return schema_error(definition_validator(name, definition), name, value, path)


_RANK = {"type": 0, "oneOf": 2}
_TYPES = {
    "object": "an object",
    "array": "an array",
    "string": "a string",
    "boolean": "true or false",
    "number": "a number",
    "integer": "a whole number",
}


def _steps(error: jsonschema_rs.ValidationError) -> list[str | int]:
    """Return the steps to the value at fault; a key at fault counts as a step."""
    steps = list(error.instance_path)
    kind: Any = error.kind
    if kind.name == "additionalProperties":
        steps.append(kind.unexpected[0])
    elif kind.name == "propertyNames":
        steps.append(str(kind.error.instance))
    return steps


def _reason(error: jsonschema_rs.ValidationError, schema: Json) -> str:
    """Say in a plain sentence what the place should be."""
    kind: Any = error.kind
    match kind.name:
        case "additionalProperties":
            return "is no property of this object (names are case-sensitive)"
        case "propertyNames":
            return f"is a key that must be {_title(kind.error, schema)}"
        case "required":
            return f"needs the property {kind.property}"
        case "type":
            return f"must be {' or '.join(_TYPES.get(name, name) for name in kind.types)}"
        case "const":
            return f"must be {kind.expected_value}"
        case "enum":
            return f"must be one of {', '.join(map(str, kind.options))}"
        case "oneOf":
            return "needs exactly one of mbox, mbox_sha1sum, openid, account"
        case "minimum" | "maximum":
            return f"must not be {'less' if kind.name == 'minimum' else 'greater'} than {kind.limit}"
        case "minItems" | "maxItems":
            return f"must have at {'least' if kind.name == 'minItems' else 'most'} {kind.limit} elements"
        case _:
            return f"must be {_title(error, schema)}"


def _title(error: jsonschema_rs.ValidationError, schema: Json) -> str:
    """Return the title of the innermost part of the schema that refused the value."""
    node: Any = schema
    title = "of another form"
    for step in error.schema_path:
        node = node[step]
        if isinstance(node, dict) and "title" in node:
            title = node["title"]
    return title
