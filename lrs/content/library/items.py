"""Content items and their versions.

content_items    {_id, org, activity (IRI of the course), kind, title, published (number or null), latest
                  (number), visible, created_at, updated_at, version}
content_versions {_id, org, item, number, state, name, size, original (sha-256), by, wish, created_at,
                  lease_until (until it was read), tries, progress {done, total}, issues, kind, edition, tool,
                  title, package (JSON text), files, bytes, read_at, published_at, withdrawn_at, forget_at}
content_paths    {_id "<version>/<path>", org, version, path, folded, sha256, size}

States of a version: waiting -> reading -> draft -> published -> withdrawn, or reading -> refused. A version
is made when a file arrives; item and number come when it was read. Several versions stay published: learners
go on with theirs, and the item names the one that new learners get.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.content.library import mongo_files
from lrs.content.library.visibility import Learner, Visibility, may_see
from lrs.content.packages.as_json import package_from_json
from lrs.content.packages.model import Package
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, Outdated, UnknownThing

Document = dict[str, Any]

READABLE: Final = ("draft", "published", "withdrawn")
UNREAD: Final = ("waiting", "reading")

INDEXES: dict[str, list[IndexModel]] = {
    "content_items": [
        IndexModel([("org", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("activity", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("published", ASCENDING)]),
    ],
    "content_versions": [
        IndexModel([("org", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("item", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("item", ASCENDING), ("state", ASCENDING), ("number", ASCENDING)]),
        IndexModel([("lease_until", ASCENDING)], partialFilterExpression={"lease_until": {"$exists": True}}),
        IndexModel([("forget_at", ASCENDING)], expireAfterSeconds=0),
    ],
    "content_paths": [
        IndexModel([("version", ASCENDING), ("folded", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("sha256", ASCENDING)]),
    ],
    "content_downloads": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)],
    **mongo_files.INDEXES,
}


def get_item(db: Database[Document], item: str, session: ClientSession | None = None) -> Document:
    """Return an item; raises UnknownThing."""
    found = db.content_items.find_one({"_id": item}, session=session)
    if found is None:
        raise UnknownThing("content item", item)
    return found


def get_version(db: Database[Document], version: str, session: ClientSession | None = None) -> Document:
    """Return a version, in whatever state; raises UnknownThing."""
    found = db.content_versions.find_one({"_id": version}, session=session)
    if found is None:
        raise UnknownThing("content version", version)
    return found


def versions_of(db: Database[Document], item: str) -> list[Document]:
    """Return the versions of an item, the newest first."""
    return list(db.content_versions.find({"item": item}, {"package": 0}).sort("_id", -1))


def package_of(version: Mapping[str, Any]) -> Package:
    """Return what a version's package says of itself; raises Collision where it was not read."""
    if version["state"] not in READABLE:
        raise Collision(f"this version is {version['state']}")
    return package_from_json(orjson.loads(version["package"]))


def current_version(db: Database[Document], item: Mapping[str, Any]) -> Document:
    """Return the version that a new learner gets; raises Collision where none is published."""
    if item["published"] is None:
        raise Collision("no version of this content is published")
    found = db.content_versions.find_one({"item": item["_id"], "number": item["published"]})
    if found is None:
        raise UnknownThing("content version", f"{item['_id']} {item['published']}")
    return found


def publish(editor: Editor, version: str) -> Document:
    """Let new learners get a version, after a look at it; raises UnknownThing or Collision."""

    def act(session: ClientSession) -> Document:
        found = get_version(editor.db, version, session)
        if found["state"] not in READABLE:
            raise Collision(f"this version is {found['state']}; only what was read can be published")
        change = {"state": "published", "published_at": editor.now, "withdrawn_at": None}
        _set_state(editor, found, change, session)
        _set_item(editor, found["item"], {"published": found["number"]}, session)
        editor.note(
            "content.publish",
            "content",
            found["item"],
            org=found["org"],
            after={"published": found["number"]},
        )
        return {**found, **change}

    return editor.change(act)


def withdraw(editor: Editor, version: str) -> Document:
    """Let nobody begin a version any more; the item falls back on its newest other published one, or none.

    Learners under way go on. Raises UnknownThing or Collision.
    """

    def act(session: ClientSession) -> Document:
        found = get_version(editor.db, version, session)
        if found["state"] != "published":
            raise Collision(f"this version is {found['state']}, not published")
        change = {"state": "withdrawn", "withdrawn_at": editor.now}
        _set_state(editor, found, change, session)
        others = {"item": found["item"], "state": "published"}
        other = editor.db.content_versions.find_one(others, sort=[("number", -1)], session=session)
        number = other["number"] if other else None
        _set_item(editor, found["item"], {"published": number}, session)
        editor.note(
            "content.withdraw", "content", found["item"], org=found["org"],
            before={"published": found["number"]}, after={"published": number},
        )  # fmt: skip
        return {**found, **change}

    return editor.change(act)


def edit_item(editor: Editor, item: str, changes: Mapping[str, Any], version: int) -> Document:
    """Change {title?, visible?, policy?} of an item; raises UnknownThing or Outdated."""

    def act(session: ClientSession) -> Document:
        before = get_item(editor.db, item, session)
        kept = {name: changes[name] for name in ("title", "visible", "policy") if name in changes}
        after = editor.db.content_items.find_one_and_update(
            {"_id": item, "version": version},
            {"$set": {**kept, "updated_at": editor.now}, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if after is None:
            raise Outdated("content item")
        editor.note("content.edit", "content", item, org=before["org"], before=before, after=after)
        return after

    return editor.change(act)


def visible_items(db: Database[Document], learner: Learner, now: dt.datetime) -> Iterator[Document]:
    """Yield the items with a published version that a learner may see."""
    owners = {org for one in learner.belongings for org in (one.org, *one.ancestors)}
    for item in db.content_items.find({"org": {"$in": sorted(owners)}, "published": {"$ne": None}}):
        if may_see(item["org"], Visibility.of(item["visible"]), learner, now):
            yield item


def _set_state(
    editor: Editor, found: Mapping[str, Any], change: Mapping[str, Any], session: ClientSession
) -> None:
    editor.db.content_versions.update_one({"_id": found["_id"]}, {"$set": change}, session=session)


def _set_item(editor: Editor, item: str, change: Mapping[str, Any], session: ClientSession) -> None:
    editor.db.content_items.update_one(
        {"_id": item}, {"$set": {**change, "updated_at": editor.now}, "$inc": {"version": 1}}, session=session
    )
