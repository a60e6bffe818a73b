"""What organizations' directories (SCIM) said of somebody, as far as it has to go."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

Document = dict[str, Any]


def forget_in_directories(
    db: Database[Document], whose: Mapping[str, Any], now: dt.datetime, session: ClientSession
) -> None:
    """Forget what organizations' directories said of somebody, and what the audit keeps of that."""
    rows = list(db.scim_resources.find(whose, {"org": 1}, session=session))
    kept = [row["_id"] for row in rows]
    for org in {row["org"] for row in rows}:
        leave_groups(db, org, [row["_id"] for row in rows if row["org"] == org], now, session)
    db.scim_resources.delete_many({"_id": {"$in": kept}}, session=session)
    emptied = {"before": None, "after": None, "redacted_at": now}
    db.audit.update_many(
        {"thing": {"$in": kept}, "kind": "scim resource"}, {"$set": emptied}, session=session
    )


def leave_groups(
    db: Database[Document], org: str, users: Collection[str], now: dt.datetime, session: ClientSession
) -> None:
    """Take users of an organization's directory, by id, out of its groups."""
    within = {"org": org, "type": "Group", "body": {"$regex": "|".join(users)}}  # ids of ours: hexadecimal
    for row in db.scim_resources.find(within, session=session):
        body = json.loads(row["body"])
        body["members"] = [one for one in body.get("members") or () if one.get("value") not in users]
        change = {"$set": {"body": json.dumps(body), "updated_at": now}, "$inc": {"version": 1}}
        db.scim_resources.update_one({"_id": row["_id"], "org": org}, change, session=session)
