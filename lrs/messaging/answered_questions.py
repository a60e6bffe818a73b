"""Scheduled answers of saved questions by mail, and alerts of their figures: to users who may read them.

A mail names the question, how many rows its answer has, and the first of them where they tell of no person:
a mail is out of reach of an erasure. Everything else is behind its link.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from bson import json_util
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.access.users import ROLES
from lrs.analysis.questions import alerts
from lrs.messaging.mail_queue import is_unsubscribed, queue

Document = dict[str, Any]
KIND: Final = "question"
ALERT: Final = "alert"
ROWS: Final = 15
OF_NOBODY: Final = frozenset({
    "org", "verb", "object.id", "activity_type", "success", "completion", "platform", "language", "stored",
    "timestamp", "person.organization", "person.role", "client_label", "version",
})  # fmt: skip
"""Fields whose values tell of no person."""
VALUES: Final = frozenset({"first", "last", "min", "max"})
"""Measures that are a value of some statement; the others are numbers over many."""


def tell(db: Database[Document], saved: Document, result: Mapping[str, Any], now: dt.datetime) -> int:
    """Queue the answer for each reader, once for each time the schedule names; return how many."""
    mails = []
    for reader in saved.get("readers", ()):
        user = reader_of(db, saved, reader["user"], KIND)
        if user is not None:
            told = f"{KIND}|{saved['_id']}|{saved['next_at'].isoformat()}|{user['_id']}"
            mails.append(mail_to(user, (KIND, reader["language"]), told, values_of(saved, result), now))
    queue(db, mails)
    return len(mails)


def tell_alerts(db: Database[Document], saved: Document, result: Mapping[str, Any], now: dt.datetime) -> int:
    """Queue a mail for each alert that an answer concerns, once for each answer; return how many.

    What is beyond its bound is noted after the mail is queued: where a worker dies between, it comes again.
    """
    told = 0
    for passed in alerts.judge(saved, result):
        template = f"{ALERT}.{passed.kind}"
        user = reader_of(db, saved, passed.alert["user"], template) if passed.kind else None
        if user is not None:
            named = f"{passed.alert['id']}|{passed.kind}|{saved['next_at'].isoformat()}"
            values = _values_of_alert(saved, result, passed)
            queue(db, [mail_to(user, (template, passed.alert["language"]), named, values, now)])
            told += 1
        alerts.note(db, saved, passed)
    return told


def _values_of_alert(saved: Document, result: Mapping[str, Any], passed: alerts.Passed) -> dict[str, str]:
    shown = [*map(line, passed.rows[:ROWS])] if tells_of_nobody(json_util.loads(saved["expression"])) else []
    if len(passed.rows) > len(shown) > 0:
        shown.append("…")
    bound = passed.alert["bound"]
    return {
        "question": saved["name"], "figure": passed.alert["measure"].replace("_", " "),
        "bound": cell(int(bound) if bound == int(bound) else bound), "count": str(len(passed.rows)),
        "at": f"{result['at']:%Y-%m-%d %H:%M} UTC", "rows": "\n".join(shown),
        "link": f"/console/questions/{saved['_id']}",
    }  # fmt: skip


def reader_of(db: Database[Document], saved: Document, user_id: str, kind: str) -> Document | None:
    """Return a user who may read the answers of a question and did not refuse mails of a kind."""
    user = db.users.find_one({"_id": user_id, "disabled_at": None})
    if user is None or not may_read(user, saved) or is_unsubscribed(db, user["email"], kind):
        return None
    return user


def mail_to(
    user: Mapping[str, Any], words: tuple[str, str], told: str, values: dict[str, str], now: dt.datetime
) -> Document:
    """Return a mail to a user in words (template, language); what `told` names is told once."""
    template, language = words
    key = hashlib.sha256(told.encode()).hexdigest()[:32]
    return {
        "_id": key, "org": VENDOR, "notice": key, "to": user["email"], "name": user.get("name"),
        "language": language, "template": template, "person": None, "state": "waiting",
        "due_at": now, "tries": 0, "leased_until": now, "values": values,
    }  # fmt: skip


def may_read(user: Mapping[str, Any], saved: Mapping[str, Any]) -> bool:
    """Tell whether a user may still read the answers of a saved question."""
    role = ROLES[user["role"]]
    fitting = role.vendor_wide or not saved["vendor_wide"]
    return bool(user["org"] == saved["org"] and "analytics" in role.scopes and fitting)


def values_of(saved: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, str]:
    """Return what a mail says of an answer; an error stands where the rows would."""
    rows = result["rows"]
    shown = [*map(line, rows[:ROWS])] if tells_of_nobody(json_util.loads(saved["expression"])) else []
    if len(rows) > len(shown) > 0:
        shown.append("…")
    return {
        "question": saved["name"], "count": str(len(rows)), "at": f"{result['at']:%Y-%m-%d %H:%M} UTC",
        "rows": str(result.get("error") or "\n".join(shown)), "link": f"/console/questions/{saved['_id']}",
    }  # fmt: skip


def tells_of_nobody(expression: Any) -> bool:
    """Tell whether the rows of an answer are counts over things, not over people."""
    groups, measures = expression.get("group") or [], expression.get("measures") or {}
    measured = [one for one in measures.values() if isinstance(one, dict)]
    shown = [*groups, *(one[name] for one in measured for name in VALUES.intersection(one))]
    fields = [one.get("field") if isinstance(one, dict) else one for one in shown]
    return bool(measures or groups) and OF_NOBODY.issuperset(fields)


def line(row: Mapping[str, Any]) -> str:
    """Return a row as one line of text."""
    return " · ".join(cell(value) for value in row.values())


def cell(value: Any) -> str:
    """Return a value in few characters: dates without a time where they have none."""
    if value is None:
        return "-"
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d}" if value.time() == dt.time() else f"{value:%Y-%m-%d %H:%M}"
    return f"{value:.2f}" if isinstance(value, float) and not value.is_integer() else f"{value}"
