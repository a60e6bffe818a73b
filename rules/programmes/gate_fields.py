"""What a gate has to be told about its subject: the fields that its document names (cert#2.9). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from rules.errors import RuleError
from rules.language.demands import AllDemands, AnyDemand, Demand, SubmitterHolds, TierAtLeast
from rules.language.model import Gate

FIELD: Final = re.compile(r"\{([A-Za-z0-9_-]+)\.([A-Za-z0-9_.-]+)\}")
"""`{subject.field}` as it stands in a document."""


@dataclass(frozen=True, slots=True)
class Need:
    """A field of the subject, with the places of the document that name it."""

    field: str
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flaw:
    """A field that a question lacks, or gives as something that cannot be compared; `path` is its place."""

    path: str
    detail: str


class FieldsMissing(RuleError):
    """Questions to a gate lack fields of the subject that its document needs; `path` is the first of them."""

    def __init__(self, gate: Gate, flaws: Sequence[Flaw]) -> None:
        self.gate, self.places = gate.id, tuple((one.path, one.detail) for one in flaws)
        self.path = flaws[0].path
        needed = ", ".join(f"{gate.subject}.{one.field}" for one in needs(gate))
        told = "; ".join(f"{one.path} {one.detail}" for one in flaws[:5])
        more = f" and {len(flaws) - 5} more" if len(flaws) > 5 else ""
        super().__init__(f"{told}{more}: gate {gate.id} needs {needed}")


def needs(gate: Gate) -> tuple[Need, ...]:
    """Return the fields that conditions and refusal name, in the order of the document."""
    found: dict[str, list[str]] = {}
    for place, text in (*_texts(gate.allow_when, "allow_when"), ("refusal", gate.refusal)):
        for subject, name in FIELD.findall(text):
            if subject == gate.subject and place not in found.setdefault(name, []):
                found[name].append(place)
    return tuple(Need(name, tuple(places)) for name, places in found.items())


def _texts(demand: Demand, path: str) -> Iterator[tuple[str, str]]:
    match demand:
        case AllDemands(parts=parts) | AnyDemand(parts=parts):
            form = "all" if isinstance(demand, AllDemands) else "any"
            for i, part in enumerate(parts):
                yield from _texts(part, f"{path}.{form}[{i}]")
        case TierAtLeast(tier=tier):
            yield f"{path}.tier_at_least", tier
        case SubmitterHolds(holding=holding):
            for one in fields(holding):
                if (value := getattr(holding, one.name)) is not None:
                    yield f"{path}.submitter_holds.{one.name}", value
        case _:
            msg = f"{type(demand).__name__} is no condition of a gate"
            raise TypeError(msg)


def flaws(gate: Gate, subject: Mapping[str, Any], place: str = "") -> Iterator[Flaw]:
    """Yield what is wrong with the subject of a question; `place` is where the question stands."""
    prefix = f"{place}." if place else ""
    for need in needs(gate):
        value = subject.get(need.field)
        path = f"{prefix}{gate.subject}.{need.field}"
        if value is None or (isinstance(value, str) and not value.strip()):
            yield Flaw(path, "is missing")
        elif not isinstance(value, str | int | float):
            yield Flaw(path, "is not a text, a number, true or false")


def question_schema(gate: Gate) -> dict[str, Any]:
    """Return the JSON Schema (draft-07) of a question to this gate, as `POST /gates/{id}/check` takes it."""
    needed = needs(gate)
    about: dict[str, Any] = {
        "type": "object",
        "properties": {
            one.field: {
                "type": ["string", "number", "boolean"],
                "minLength": 1,
                "description": f"Named by {', '.join(one.places)}.",
            }
            for one in needed
        },
        "required": [one.field for one in needed],
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"A question to the gate {gate.id} v{gate.version}",
        "type": "object",
        "properties": {
            "organization": {"type": "string", "description": "The partner on whose behalf is asked."},
            "submitter": {"type": "string", "description": "A person: id, mail address or identifier."},
            gate.subject: about,
        },
        "required": ["organization", "submitter", *([gate.subject] if needed else [])],
        "additionalProperties": False,
    }
