"""JSON Schema documents and their loader."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

from schemas.formats import is_language_tag

FORMATS = {"language-tag": is_language_tag}


@cache
def load(name: str) -> dict[str, Any]:
    """Return the schema `<name>.json` of this package; FileNotFoundError when there is none."""
    schema: dict[str, Any] = json.loads((files("schemas") / f"{name}.json").read_text("utf-8"))
    return schema


@cache
def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    """Return the compiled validator of a schema; patterns run on a linear-time regex engine."""
    return jsonschema_rs.Draft202012Validator(
        load(name), formats=FORMATS, validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
    )


@cache
def definition_validator(name: str, definition: str) -> jsonschema_rs.Draft202012Validator:
    """Return the compiled validator of one entry of `$defs`, for a value that stands alone."""
    schema = {"$ref": f"#/$defs/{definition}", "$defs": load(name)["$defs"]}
    return jsonschema_rs.Draft202012Validator(
        schema, formats=FORMATS, validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
    )
