"""From what somebody lacks for a certification to the courses that are kept here for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.content.player.shelf import text_of
from rules.explaining.explanation import Explanation, Node

Document = dict[str, Any]


def _anybody(_: Document) -> bool:
    return True


def courses_for(
    db: Database[Document],
    explanation: Explanation,
    public_url: str,
    may_open: Callable[[Document], bool] = _anybody,
) -> list[Document]:
    """Return [{requirement (its key), item, title, start (the learner's link)}] for what is not met yet.

    `may_open` leaves out items that are not for the learner. An item fulfils a requirement that names its
    activity or one of its parts. Only the vendor's are named: whose rules they are.
    """
    return courses_for_each(db, [explanation], public_url, may_open)[0]


def courses_for_each(
    db: Database[Document],
    explanations: Sequence[Explanation],
    public_url: str,
    may_open: Callable[[Document], bool] = _anybody,
) -> list[list[Document]]:
    """Return what `courses_for` says of each of these explanations, asking once for all."""
    asked = [_activities(one, public_url) for one in explanations]
    every = sorted({activity for keys in asked for activity in keys})
    published = {"org": VENDOR, "activity": {"$in": every}, "published": {"$ne": None}}
    found = [item for item in db.content_items.find(published) if may_open(item)] if every else []
    found.sort(key=lambda item: str(item["_id"]))
    return [
        [
            {
                "requirement": keys[item["activity"]],
                "item": item["_id"],
                "title": text_of(item["title"]),
                "start": f"{public_url}/start/{item['_id']}",
            }
            for item in found
            if item["activity"] in keys
        ]
        for keys in asked
    ]


def _activities(explanation: Explanation, public_url: str) -> dict[str, str]:
    """Return the activities that unmet requirements name, and the items they are parts of, with keys."""
    wanted = {activity: node.key for node in _unmet(explanation.tree) for activity in node.activities}
    owners = {_item_of(activity, f"{public_url}/content/"): key for activity, key in wanted.items()}
    return {**owners, **wanted}


def _unmet(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        if not node.ok:
            yield node
            yield from _unmet(node.parts)


def _item_of(activity: str, base: str) -> str:
    """Return the activity of the item that a part of it belongs to."""
    name = activity.removeprefix(base).partition("/")[0]
    return base + name if activity.startswith(base) else activity
