"""The values of an explanation, and their JSON form (cert#6-3)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from rules.evaluation.timeline import State
from rules.explaining.near_misses import Ignored
from rules.programmes.targets import Asked


@dataclass(frozen=True, slots=True)
class Cited:
    """A statement that was counted, with its effective time."""

    id: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Node:
    """One requirement of the tree, in words for people; `lacking` more of its parts would meet it.

    `activities` are those that a requirement without parts names exactly.
    """

    key: str
    label: str
    ok: bool
    observed: str
    required: str
    evidence: tuple[Cited, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    parts: tuple[Node, ...] = ()
    counts_until: dt.date | None = None
    lacking: int = 0
    activities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Next:
    """What can happen next: a sentence, and the date it hangs on."""

    at: dt.date | None
    what: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "why" or "why not yet" for one person, certification and instant.

    `name` is what the person is called, where whoever asks knows it; `asked` is since when and by when the
    certification is asked of them, None where it is not (cert#5-8).
    """

    certification: str
    version: str
    person: str
    at: dt.datetime
    state: State
    met: int
    of: int
    tree: tuple[Node, ...]
    next: tuple[Next, ...]
    expires: dt.date | None = None
    awarded: dt.date | None = None
    reason: str | None = None
    evaluated: bool = False
    name: str | None = None
    asked: Asked | None = None


def as_dict(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation in the JSON form of 6-3."""
    return {
        "certification": explanation.certification,
        "version": explanation.version,
        "person": explanation.person,
        **({"name": explanation.name} if explanation.name is not None else {}),
        "at": _instant(explanation.at),
        "state": explanation.state,
        "awarded": explanation.awarded.isoformat() if explanation.awarded else None,
        "expires": explanation.expires.isoformat() if explanation.expires else None,
        "evaluated": explanation.evaluated,
        **({"asked": _asked_dict(explanation.asked)} if explanation.asked is not None else {}),
        "met": explanation.met,
        "of": explanation.of,
        "tree": [_node_dict(node) for node in explanation.tree],
        "next": [
            {"at": step.at.isoformat() if step.at else None, "what": step.what} for step in explanation.next
        ],
    }


def _asked_dict(asked: Asked) -> dict[str, Any]:
    return {"since": asked.since.isoformat(), "due": asked.due.isoformat() if asked.due else None}


def _node_dict(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {
        "key": node.key,
        "label": node.label,
        "ok": node.ok,
        "observed": node.observed,
        "required": node.required,
        "evidence": [{"id": cited.id, "at": _instant(cited.at)} for cited in node.evidence],
        "ignored": [{"id": one.id, "why": one.why} for one in node.ignored],
    }
    if node.parts:
        found["parts"] = [_node_dict(part) for part in node.parts]
    return found


def _instant(at: dt.datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
