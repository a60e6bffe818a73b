"""The words that the source is written in: fields, records, lists, choices, forms, and what goes with what.

Each returns plain JSON Schema. Keywords that begin with `x-` are ours; `rules` words its problems by them:

- `x-type` names a kind of word, so that a refused one is explained and corrected
- `x-form`, `x-excludes`: keys of other forms, which do not go with the form that was recognized
- `x-forms`, `x-words`: the forms there are, and every key of any of them
- `x-only`, `x-conflict`: keys that need, or exclude, another one
- `x-code`, `x-message`: code and text of the problem, where they are not the ordinary ones
- `patternErrorMessage` is what editors show instead of a pattern; `examples` of verbs are what they complete
- `x-also`, `x-list-of`: what else could have been written instead of a refused word
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, takewhile
from typing import Any

Schema = dict[str, Any]
_BEFORE_DESCRIPTION = ("type", "x-type", "const", "minimum", "maximum", "exclusiveMinimum")

BOOLEAN: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 1}


def ref(name: str) -> Schema:
    """Return a reference to a definition."""
    return {"$ref": f"#/definitions/{name}"}


def described(schema: Schema, text: str) -> Schema:
    """Return the schema with the sentence that editors show; beside `$ref`, draft-07 would ignore it."""
    if not text:
        return schema
    if "$ref" in schema:
        return {"description": text, "allOf": [schema]}
    first = {key: schema[key] for key in takewhile(_BEFORE_DESCRIPTION.__contains__, schema)}
    return first | {"description": text} | schema


def scalar(
    kind: str, pattern: str, description: str = "", *, longest: int | None = None, refusal: str = ""
) -> Schema:
    """Return a string of a kind that `rules` can explain; the pattern is that of the whole string.

    Editors show `refusal`, or the description, instead of the pattern that was not met.
    """
    bound = {} if longest is None else {"maxLength": longest}
    message = refusal or (f"expected: {description}" if description else "")
    shown = {"patternErrorMessage": message} if message else {}
    found = {"type": "string", "pattern": f"^{pattern}$", **bound, "x-type": kind, **shown}
    return described(found, description)


def choice(*words: str) -> Schema:
    """Return a string that is one of the words."""
    return {"type": "string", "enum": list(words)}


def number(low: int | None = None, high: int | None = None, *, above: int | None = None) -> Schema:
    """Return a number within its bounds."""
    bounds = {"minimum": low, "maximum": high, "exclusiveMinimum": above}
    return {"type": "number"} | {key: value for key, value in bounds.items() if value is not None}


def list_of(item: Schema, *, empty: bool = False, unique: bool = False) -> Schema:
    """Return a list; it has at least one entry unless it may be empty."""
    bounds = ({} if empty else {"minItems": 1}) | ({"uniqueItems": True} if unique else {})
    return {"type": "array", "items": item, **bounds}


def mapping(key: Schema, value: Schema | None = None, *, empty: bool = False) -> Schema:
    """Return a mapping whose keys the author chooses."""
    values = {} if value is None else {"additionalProperties": value}
    return {"type": "object", "propertyNames": key, **values} | ({} if empty else {"minProperties": 1})


def by_type(kind: str, then: Schema | bool, otherwise: Schema) -> Schema:
    """Return a value that has two shapes, told apart by its JSON type, so that a mistake has one reason."""
    return {"if": {"type": kind}, "then": then, "else": otherwise}


def one_or_list(item: Schema) -> Schema:
    """Return one value, or a list of several."""
    return by_type("array", list_of(item), item)


@dataclass(frozen=True)
class Field:
    """A key of a record: its name, its value, whether it has to be there."""

    name: str
    schema: Schema
    required: bool


def must(name: str, value: Schema, description: str = "") -> Field:
    """Return a key that has to be there."""
    return Field(name, described(value, description), required=True)


def may(name: str, value: Schema, description: str = "") -> Field:
    """Return a key that can be left out."""
    return Field(name, described(value, description), required=False)


def properties(fields: Sequence[Field]) -> Schema:
    """Return the schemas of keys by name."""
    return {field.name: field.schema for field in fields}


def record(
    *fields: Field, rest: Schema | bool = False, empty: bool = True, where: Sequence[Schema] = ()
) -> Schema:
    """Return a mapping with these keys and, unless `rest` says what else there may be, no others."""
    required = [field.name for field in fields if field.required]
    return (
        {"type": "object", "properties": properties(fields)}
        | ({"required": required} if required else {})
        | {"additionalProperties": rest}
        | ({} if empty else {"minProperties": 1})
        | (where[0] if len(where) == 1 else {"allOf": list(where)} if where else {})
    )


def equals(name: str, value: str) -> Schema:
    """Return the condition that a key is there and has this value."""
    return {"properties": {name: {"const": value}}, "required": [name]}


def when(name: str, value: str, *, needs: str = "", what: str = "", only: Sequence[str] = ()) -> Schema:
    """Return what a value of one key asks of others: one that it needs, and those that go only with it."""
    reason = {"x-message": f"{name}: {value} needs {needs}, {what}"} if what else {}
    refused = [{"not": {"required": [key]}, "x-only": [key, f"{name}: {value}"]} for key in only]
    otherwise = refused[0] if len(refused) == 1 else {"allOf": refused}
    return {
        "if": equals(name, value),
        "then": {"required": [needs], "x-code": "E308", **reason} if needs else True,
    } | ({"else": otherwise} if refused else {})


def needs(name: str, other: str, what: str) -> Schema:
    """Return the condition that one key stands only beside another."""
    reason = {"x-code": "E308", "x-message": f"{name} needs {other}, {what}"}
    return {"if": {"required": [name]}, "then": {"required": [other], **reason}}


def either(*keys: str) -> Schema:
    """Return the condition that exactly one of some keys is there."""
    last, message = keys[-1], f"{', '.join(keys[:-1])} or {keys[-1]} is missing"
    found: Schema = {"required": [last], "x-message": message}
    for i in range(len(keys) - 2, -1, -1):
        apart = [{"not": {"required": [key]}, "x-conflict": [keys[i], key]} for key in keys[i + 1 :]]
        then = apart[0] if len(apart) == 1 else {"allOf": apart}
        found = {"if": {"required": [keys[i]]}, "then": then, "else": found}
    return found


@dataclass(frozen=True)
class Forms:
    """A mapping that has one of several forms; the first key of a form names it.

    A key belongs to the forms that list it, `common` keys go with each form. `preview` is what editors show
    for a key before the form is known, where that differs from what its first form says.
    """

    forms: tuple[tuple[Field, ...], ...]
    common: tuple[Field, ...]
    preview: Schema = field(default_factory=dict)

    def words(self) -> dict[str, Field]:
        """Return every key of any form, but for the common ones, as its first form has it."""
        words: dict[str, Field] = {}
        for key in chain.from_iterable(self.forms):
            words.setdefault(key.name, key)
        return words

    def by_name(self) -> dict[str, Schema]:
        """Return each form under its name, in the order in which they are tried."""
        return {form[0].name: self._form(form) for form in self.forms}

    def schema(self, forms: dict[str, Schema]) -> Schema:
        """Return the mapping; `forms` are those of `by_name`, or references to them."""
        keys = {
            name: {"description": key.schema.get("description", name)} for name, key in self.words().items()
        }
        known = [*keys, *properties(self.common)]
        found: Schema = {"not": {}, "x-forms": list(forms), "x-words": known}
        for name, form in reversed(forms.items()):
            found = {"if": {"required": [name]}, "then": form, "else": found}
        return {
            "type": "object",
            "properties": keys | self.preview | properties(self.common),
            "if": {"type": "object"},
            "then": found,
        }

    def _form(self, fields: Sequence[Field]) -> Schema:
        """Return one form; the keys of all others do not go with it."""
        others = [name for name in self.words() if name not in properties(fields)]
        return record(*fields, *self.common) | {"x-form": fields[0].name, "x-excludes": others}
