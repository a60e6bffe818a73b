"""Shape: schemas/rules-1.json does the checking, this module words what it finds (cert#3-3 to cert#3-5).

Because every problem here comes from an error of the schema, or from one of its `x-type` marks, checker and
schema cannot disagree: what the schema refuses is refused here.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from rules.checking import scalars
from rules.errors import Problem
from rules.language.positions import Path, Positions, render
from rules.language.suggestions import described, listing, nearest, shown

Errors = Iterator[ValidationError]
Found = tuple[int, Problem]
_FIRST, _THEN, _LAST = range(3)


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of rule files, draft-07."""
    text = importlib.resources.files("schemas").joinpath("rules-1.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def _required(_validator: Any, names: list[str], instance: Any, _schema: Any) -> Errors:
    if isinstance(instance, dict):
        yield from (ValidationError(name) for name in names if name not in instance)


def _additional(validator: Any, extra: Any, instance: Any, schema_: dict[str, Any]) -> Errors:
    if not isinstance(instance, dict):
        return
    for name in instance:
        if name in schema_.get("properties", {}):
            continue
        if extra is False:
            yield ValidationError(name)
        else:
            yield from validator.descend(instance[name], extra, path=name)


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Errors:
    if isinstance(instance, str) and re.fullmatch(pattern, instance) is None:
        yield ValidationError("pattern")


def _x_type(_validator: Any, kind: str, instance: Any, schema_: dict[str, Any]) -> Errors:
    if not isinstance(instance, str) or re.fullmatch(schema_.get("pattern", ""), instance) is None:
        return
    if scalars.flaw(kind, instance) is not None:
        yield ValidationError("flaw")


@cache
def _validator() -> Any:
    keywords = {
        "required": _required,
        "additionalProperties": _additional,
        "pattern": _pattern,
        "x-type": _x_type,
    }
    return extend(Draft7Validator, keywords)(schema())


def check_shape(data: Any, positions: Positions) -> list[Problem]:
    """Return all problems of shape and of scalar types in a document (E201 to E205, E306, E308)."""
    found: dict[tuple[int, int, str], Found] = {}
    for error in _validator().iter_errors(data):
        for rank, problem in _worded(error, positions):
            place = (problem.line, problem.column, problem.path)
            if place not in found or rank < found[place][0]:
                found[place] = (rank, problem)
    return [problem for _, problem in found.values()]


def _worded(error: ValidationError, positions: Positions) -> Iterator[Found]:
    path: Path = tuple(error.absolute_path)
    if "propertyNames" in error.absolute_schema_path and error.validator in {"pattern", "maxLength"}:
        yield _FIRST, _string(error, (*path, error.instance), positions, at_key=True)
    elif error.validator == "not":
        yield from _not(error, path, positions)
    else:
        yield _WORDS.get(str(error.validator), _loud)(error, path, positions)


def _part(error: ValidationError) -> dict[str, Any]:
    """Return the part of the schema that an error comes from."""
    return dict(error.schema)


def _loud(error: ValidationError, path: Path, positions: Positions) -> Found:
    return _LAST, positions.problem(path, "E204", f"{described(error.instance)} is not allowed")


def _type(error: ValidationError, path: Path, positions: Positions) -> Found:
    text = positions.value(path).text
    wanted = _wanted(error)
    hint = _hint(error, text)
    problem = positions.problem(
        path, "E203", f"{described(error.instance, text)} stands where {wanted} is expected", hint
    )
    return _FIRST, problem


_TYPES = {
    "string": "a string",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}
_CALLED = {
    "duration": "a duration such as 90 days",
    "length": "a duration such as 12 months",
    "lasts": "a duration such as 12 months, or forever,",
    "settle": "a duration such as 1 hour",
    "version": "a quoted string",
    "release": "a quoted string",
    "requirement": "a selector's name or a mapping such as {done: name}",
}


def _wanted(error: ValidationError) -> str:
    schema_ = _part(error)
    if schema_.get("x-type") in _CALLED:
        return _CALLED[schema_["x-type"]]
    kinds = schema_["type"] if isinstance(schema_["type"], list) else [schema_["type"]]
    return listing(_TYPES[kind] for kind in kinds)


def _hint(error: ValidationError, text: str) -> str | None:
    value, schema_ = error.instance, _part(error)
    kind = schema_["type"]
    if kind == "string":
        return scalars.example(schema_.get("x-type", ""), value, text)
    if isinstance(value, str) and kind in {"number", "integer"}:
        return _number_in(value)
    if isinstance(value, str) and kind == "boolean":
        return {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(value.lower()) or nearest(
            value, ("true", "false")
        )
    if kind == "array" and isinstance(value, str):
        return f"[{shown(value)}]"
    return None


def _number_in(value: str) -> str | None:
    found = re.fullmatch(r"\s*([0-9]{1,9}(?:[.,][0-9]{1,9})?)\s*(%?)\s*", value)
    if found is None:
        return None
    number = found[1].replace(",", ".")
    return _share(Decimal(number)) if found[2] else number


def _share(percent: Decimal) -> str:
    value = percent / 100
    return f"{value:.2f}" if value == value.quantize(Decimal("0.01")) else str(value.normalize())


def _meant_share(value: Decimal) -> str | None:
    """Return what a number above 1 meant where 1 is all: percents from 10 on, 1 for a bit more than 1."""
    if 10 <= value <= 100:
        return _share(value)
    return "1" if 1 < value < 2 else None


def _unknown(error: ValidationError, path: Path, positions: Positions) -> Found:
    schema_, name = _part(error), error.message
    here = (*path, name)
    excluded = schema_.get("x-excludes", ())
    if name in excluded:
        form = schema_["x-form"]
        later = positions.later([here, (*path, form)])
        message = f"{name} does not go with {form}"
        meant = [render((*place, name)) for place in _PLACES.of("Certification").get(name, ())]
        hint = meant[0] if len(meant) == 1 and path[:1] == ("award",) else None
        return _THEN, positions.problem(later, "E308", message, hint, at_key=True)
    known = [*schema_["properties"], *excluded]
    message = f"unknown key {shown(name)}"
    if name == "<<":
        message = "merge keys are not read; write the keys out"
    elsewhere = _elsewhere(path, name, positions)
    if elsewhere and name.lower() not in known:
        message = f"{message} here; it stands {elsewhere}"
    hint = None if elsewhere else nearest(name, known)
    return _THEN, positions.problem(here, "E201", message, hint, at_key=True)


def _elsewhere(path: Path, name: str, positions: Positions) -> str:
    """Return where a key that is unknown here belongs in its document, empty where nowhere."""
    if path[:1] == ("tests",):
        return ""
    places = _PLACES.of(positions.value(("kind",)).text).get(name, ())
    return listing(f"under {render(place)}" if place else "at the top" for place in places)


class _Places:
    """Where each key of a kind of document stands: name -> paths of the mappings that have it."""

    @cache  # noqa: B019 -- there is one, for as long as the process lives
    def of(self, kind: str) -> dict[str, list[Path]]:
        """Return the places of the keys of a kind; none for an unknown kind."""
        found: dict[str, list[Path]] = {}
        self._add(schema()["definitions"].get(kind.lower(), {}), (), found)
        return found

    def _add(self, part: dict[str, Any], path: Path, found: dict[str, list[Path]]) -> None:
        for name, inner in part.get("properties", {}).items():
            if isinstance(inner, dict):
                found.setdefault(name, []).append(path)
                self._add(inner, (*path, name), found)


_PLACES = _Places()


def _missing(error: ValidationError, path: Path, positions: Positions) -> Found:
    schema_, name = _part(error), error.message
    code = schema_.get("x-code", "E202")
    message = schema_.get("x-message", f"{name} is missing")
    return _THEN, positions.problem((*path, name), code, message)


def _range(error: ValidationError, path: Path, positions: Positions) -> Found:
    schema_, value = _part(error), error.instance
    low, high = schema_.get("minimum"), schema_.get("maximum")
    text = positions.value(path).text or str(value)
    hint = None
    if low is not None and high is not None:
        message = f"{text} is not between {low} and {high}"
        if high == 1:
            hint = _meant_share(Decimal(value))
    elif low is not None:
        message, hint = f"{text} is less than {low}", str(low)
    else:
        message = f"{text} is not above {schema_['exclusiveMinimum']}"
    return _THEN, positions.problem(path, "E204", message, hint)


def _listed(error: ValidationError, path: Path, positions: Positions) -> Found:
    schema_, value = _part(error), error.instance
    words = schema_.get("enum", [schema_.get("const")])
    kind = path == ("kind",)
    hint = nearest(value, words) if isinstance(value, str) else None
    if hint is None and "x-list-of" in schema_ and isinstance(value, str):
        hint = f"[{shown(value)}]"
    also = [schema_["x-also"]] if "x-also" in schema_ else []
    text = (
        shown(value, positions.value(path).text) if not isinstance(value, list | dict) else described(value)
    )
    message = f"unknown kind {text}" if kind else f"{text} is not {listing([*words, *also])}"
    return _THEN, positions.problem(path, "E201" if kind else "E204", message, hint)


def _string(error: ValidationError, path: Path, positions: Positions, *, at_key: bool = False) -> Problem:
    schema_, value = _part(error), str(error.instance)
    if error.validator == "maxLength" or len(value) > schema_.get("maxLength", len(value)):
        return positions.problem(
            path, "E204", f"more than {schema_['maxLength']:,} characters", at_key=at_key
        )
    kind = schema_["x-type"]
    if error.validator == "x-type":
        reason = scalars.flaw(kind, value)
        assert reason is not None  # noqa: S101 - the keyword fails only where there is a flaw
    else:
        reason = scalars.refused(kind, value, tuple(schema_.get("examples", ())))
    return positions.problem(path, *reason, at_key=at_key)


def _text(error: ValidationError, path: Path, positions: Positions) -> Found:
    return _THEN, _string(error, path, positions)


def _empty(error: ValidationError, path: Path, positions: Positions) -> Found:
    if error.instance:
        message = f"has {len(error.instance)}; at least {error.validator_value} are needed"
        return _THEN, positions.problem(path, "E204", message)
    return _THEN, positions.problem(path, "E204", "is empty; at least one entry is needed")


def _many(error: ValidationError, path: Path, positions: Positions) -> Found:
    message = f"has {len(error.instance)}; at most {error.validator_value} are allowed"
    return _THEN, positions.problem(path, "E204", message)


def _repeated(_error: ValidationError, path: Path, positions: Positions) -> Found:
    return _THEN, positions.problem(path, "E204", "an entry is listed twice")


def _not(error: ValidationError, path: Path, positions: Positions) -> Iterator[Found]:
    schema_, value = _part(error), error.instance
    if not isinstance(value, dict):
        return
    if "x-only" in schema_:
        name, needed = schema_["x-only"]
        yield _THEN, positions.problem((*path, name), "E308", f"{name} goes only with {needed}", at_key=True)
    elif "x-conflict" in schema_:
        one, other = schema_["x-conflict"]
        later = positions.later([(*path, one), (*path, other)])
        yield _THEN, positions.problem(later, "E308", f"{one} does not go with {other}", at_key=True)
    else:
        yield from _no_form(schema_, value, path, positions)


def _no_form(
    schema_: dict[str, Any], value: dict[str, Any], path: Path, positions: Positions
) -> Iterator[Found]:
    unknown = [name for name in value if name not in schema_["x-words"]]
    for name in unknown:
        hint = nearest(name, schema_["x-words"])
        yield (
            _THEN,
            positions.problem((*path, name), "E201", f"unknown key {shown(name)}", hint, at_key=True),
        )
    if not unknown:
        yield _THEN, positions.problem(path, "E202", f"one of {listing(schema_['x-forms'])} is missing")


_WORDS = {
    "type": _type,
    "additionalProperties": _unknown,
    "required": _missing,
    "minimum": _range,
    "maximum": _range,
    "exclusiveMinimum": _range,
    "enum": _listed,
    "const": _listed,
    "pattern": _text,
    "maxLength": _text,
    "x-type": _text,
    "minItems": _empty,
    "maxItems": _many,
    "minProperties": _empty,
    "uniqueItems": _repeated,
}
