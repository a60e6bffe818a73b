"""The live tail as lines: what came in, the newest first, each with its verdict and what follows from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain
from typing import Any, Final

from lrs.console.models.asked_statements import short, short_actor
from lrs.words.reader import mark

Document = dict[str, Any]
VERDICTS: Final = {
    "stored": (mark("stored"), "good"),
    "voided": (mark("voided"), "late"),
    "repeated": (mark("sent again"), "open"),
    "refused": (mark("refused"), "bad"),
}
"""What became of what was sent: word and tone."""


def stored_line(
    row: Mapping[str, Any],
    looked_at: Collection[str],
    counted: Collection[str],
    person: Mapping[str, Any] | None,
) -> Document:
    """Return the line of a stored statement.

    `looked_at` are the certifications that may look at it, `counted` those of which an award of `person`
    rests on it.
    """
    counts = [
        {
            "certification": one,
            "counted": one in counted,
            "path": None if person is None else f"/console/people/{person['_id']}/certifications/{one}",
        }
        for one in sorted(looked_at, key=lambda one: (one not in counted, one))
    ]
    return {
        "key": str(row["id"]),
        "at": row["stored"],
        "verdict": "stored" if "voided" not in row else "voided",
        "org": row["org"],
        "client": row.get("client_label") or row.get("client") or "",
        "who": (person or {}).get("name") or short_actor(row["actor"]),
        "did": short(row["verb"]),
        "what": short((row.get("object") or {}).get("id")),
        "path": f"/console/statements/{row['id']}",
        "place": None,
        "waits": bool(row.get("pending")),
        "counts": counts,
    }


def refused_line(row: Mapping[str, Any]) -> Document:
    """Return the line of a refusal, with the place and the reason."""
    return {
        "key": str(row["_id"]),
        "at": row["at"],
        "verdict": "refused",
        "org": row["org"],
        "client": row.get("label") or row["client"],
        "who": "",
        "did": f"{row['status']} {row['error']}",
        "what": row["message"],
        "path": f"/console/inbound/{row['_id']}",
        "place": row.get("path"),
        "waits": False,
        "counts": [],
    }


def repeated_line(row: Mapping[str, Any], say: Callable[[int], str]) -> Document:
    """Return the line of what a client sent again within a minute; `say` puts how many into words."""
    return {
        "key": f"{row['_id']} {row['count']}",
        "at": row["at"],
        "verdict": "repeated",
        "org": row["org"],
        "client": row.get("label") or row["client"],
        "who": "",
        "did": say(row["count"]),
        "what": row["ids"][-1][:8],
        "path": f"/console/statements/{row['ids'][-1]}",
        "place": None,
        "waits": False,
        "counts": [],
    }


def newest(lines: Iterable[Iterable[Document]], limit: int) -> list[Document]:
    """Return lines of several kinds in one order, the newest first."""
    return sorted(chain(*lines), key=lambda one: (_at(one), one["key"]), reverse=True)[:limit]


def _at(line: Mapping[str, Any]) -> dt.datetime:
    at: dt.datetime = line["at"]
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
