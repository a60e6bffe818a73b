"""The source of `rules-1.json`, the JSON Schema of rule files (cert#3-5).

The published file says everything out in full: which keys do not go together, which form a mapping has, what
an editor shows. Here each key stands once. To change the language, edit the one place, then run
`python -m schemas.rules`, which writes the file again (a test compares them):

- a key of a kind of document, such as a certification or a gate: `kinds`
- a requirement form, or a key of one: the table `FORMS` in `requirements`
- a condition of a tier or a gate: the tables in `demands`
- what selects statements: `evidence`
- a key of the inline tests: `examples`
- a kind of word (an id, a date, a duration): `scalars`

`keywords` has the words all of these are written in. Programs read the file, not this package.
"""

from __future__ import annotations

import json

from schemas.rules import demands, evidence, examples, kinds, requirements, scalars
from schemas.rules.keywords import Schema, equals, ref

_PARTS = (demands, evidence, examples, kinds, requirements, scalars)


def document() -> Schema:
    """Return the JSON Schema of rule files, draft-07."""
    definitions: dict[str, Schema] = {}
    for part in _PARTS:
        definitions |= part.DEFINITIONS
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://laurel.example/schemas/rules-1.json",
        "title": "Laurel rule file",
        "description": ", ".join([*kinds.KINDS][:-1]) + f" or {[*kinds.KINDS][-1]}",
        "type": "object",
        "properties": {
            "kind": {"enum": list(kinds.KINDS), "description": "what the document defines"},
            "id": {"description": "name of the document"},
            "version": {"description": "quoted string"},
        },
        "required": ["kind"],
        "allOf": [{"if": equals("kind", kind), "then": ref(kind.lower())} for kind in kinds.KINDS],
        "definitions": dict(sorted(definitions.items())),
    }


def text() -> str:
    """Return the document as it is published: ASCII, one blank more for each level."""
    return json.dumps(document(), indent=1) + "\n"
