"""Alerts of saved questions: who is told when a figure of a scheduled answer passes a bound.

saved_queries {alerts? [{id, user, language, measure, side above|below, bound, passing [digests]}]}
`passing` are the rows that were beyond the bound at the last answer, by the digest of their groups: somebody
is told of rows that pass it anew, and once all are back.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from bson import json_util
from pymongo.database import Database

from lrs.foundation.errors import InvalidField, UnknownThing

Document = dict[str, Any]
SIDES: Final = ("above", "below")
MOST: Final = 20  # alerts of one question
FOLLOWED: Final = 1000  # rows of one question that are known to be beyond a bound
OVER: Final = "over"


@dataclass(frozen=True, slots=True)
class Passed:
    """What an answer means for an alert: `kind` (above, below, over), rows to tell of, those beyond now."""

    alert: Mapping[str, Any]
    kind: str
    rows: Sequence[Mapping[str, Any]]
    passing: Sequence[str]


def measures_of(saved: Mapping[str, Any]) -> list[str]:
    """Return the names of the figures of a saved question; a list of statements has none."""
    body = json_util.loads(saved["expression"])
    return list(body.get("measures") or (["count"] if body.get("group") else []))


def add(
    db: Database[Document],
    saved: Mapping[str, Any],
    user: str,
    language: str,
    *,
    measure: str,
    side: str,
    bound: str,
    latest: Mapping[str, Any] | None,
) -> Document:
    """Let a user be told when a figure is beyond a bound at an answer on schedule; raises InvalidField.

    What is beyond it at the `latest` answer is known, and not told.
    """
    if measure not in measures_of(saved):
        raise InvalidField("measure", f"is none of the figures of {saved['name']!r}")
    if side not in SIDES:
        raise InvalidField("side", f"is one of {', '.join(SIDES)}")
    if not saved.get("schedule"):
        raise InvalidField("schedule", "is missing: a bound is looked at when the question is answered anew")
    made: Document = {
        "id": uuid4().hex, "user": user, "language": language, "measure": measure, "side": side,
        "bound": _number(bound), "passing": [],
    }  # fmt: skip
    made["passing"] = list(_beyond(made, saved, (latest or {}).get("rows", [])))[:FOLLOWED]
    room = {"_id": saved["_id"], "org": saved["org"], f"alerts.{MOST - 1}": {"$exists": False}}
    if not db.saved_queries.update_one(room, {"$push": {"alerts": made}}).matched_count:
        raise InvalidField("alerts", f"has {MOST} already")
    return made


def remove(db: Database[Document], saved: Mapping[str, Any], user: str, alert: str) -> None:
    """End an alert of a user; raises UnknownThing."""
    here = {"_id": saved["_id"], "org": saved["org"], "alerts": {"$elemMatch": {"id": alert, "user": user}}}
    if not db.saved_queries.update_one(here, {"$pull": {"alerts": {"id": alert}}}).matched_count:
        raise UnknownThing("alert", alert)


def judge(saved: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[Passed]:
    """Yield the alerts for which an answer changes something; an answer that failed says nothing."""
    if result.get("error"):
        return
    for alert in saved.get("alerts", ()):
        beyond = _beyond(alert, saved, result["rows"])
        known, passing = set(alert["passing"]), list(beyond)[:FOLLOWED]
        new = [beyond[one] for one in passing if one not in known]
        if new:
            yield Passed(alert, alert["side"], new, passing)
        elif known and not passing:
            yield Passed(alert, OVER, [], [])
        elif known != set(passing):
            yield Passed(alert, "", [], passing)


def note(db: Database[Document], saved: Mapping[str, Any], passed: Passed) -> None:
    """Remember which rows are beyond the bound now."""
    here = {"_id": saved["_id"], "org": saved["org"], "alerts.id": passed.alert["id"]}
    db.saved_queries.update_one(here, {"$set": {"alerts.$.passing": list(passed.passing)}})


def _beyond(
    alert: Mapping[str, Any], saved: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """Return the rows beyond a bound, by the digest of their groups."""
    measures = {*measures_of(saved)}
    found = {}
    for row in rows:
        value = row.get(alert["measure"])
        if isinstance(value, int | float) and not isinstance(value, bool) and _is_beyond(alert, value):
            groups = [_text(value) for name, value in row.items() if name not in measures]
            found[hashlib.sha256("\0".join(groups).encode()).hexdigest()[:16]] = row
    return found


def _is_beyond(alert: Mapping[str, Any], value: float) -> bool:
    return bool(value > alert["bound"] if alert["side"] == "above" else value < alert["bound"])


def _text(value: Any) -> str:
    return value.astimezone(dt.UTC).isoformat() if isinstance(value, dt.datetime) else str(value)


def _number(text: str) -> float:
    try:
        found = float(text.replace(",", ".", 1))
    except ValueError as error:
        raise InvalidField("bound", "is a number") from error
    if not math.isfinite(found):
        raise InvalidField("bound", "is a number")
    return found
