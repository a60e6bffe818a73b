"""From an uploaded file to a draft: received, read by a worker under a lease, kept, or refused.

    receive (web, command) -> waiting -> work (worker): open, read, keep files, list paths -> draft
                                                                                  otherwise -> refused

A worker that dies leaves its lease; another begins again, and what was kept is not kept twice. Files are
shared by the versions of an organization: whoever keeps or removes some holds the organization's lease.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Final

import orjson
from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.content.library import org_lease
from lrs.content.library.files import ContentFiles, content_files
from lrs.content.library.items import UNREAD, get_item
from lrs.content.library.org_lease import LEASE, OrgLease, OrgLeaseLost
from lrs.content.library.stored import StoredFile
from lrs.content.packages.archive import Archive, DamagedFile
from lrs.content.packages.as_json import package_to_json
from lrs.content.packages.findings import PackageRefused
from lrs.content.packages.limits import MIB, Limits
from lrs.content.packages.model import OWN_IDS, Issue, Package, Severity
from lrs.content.packages.read import Wish, read_package
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.settings import Settings
from statements.errors import TooLarge
from statements.storage.transaction import in_transaction

Document = dict[str, Any]

log = logging.getLogger("laurel.content")

TRIES: Final = 4  # a package at which so many workers died is refused
KEPT_REFUSALS: Final = dt.timedelta(days=30)  # how long it can be looked up why a file was refused
PATHS_AT_ONCE: Final = 500
MOST_TEXT: Final = 8 * MIB  # of a package as JSON; MongoDB keeps documents of up to 16


@dataclass(frozen=True, slots=True)
class Upload:
    """What is said of a file that is to be taken in."""

    org: str
    name: str  # of the file
    wish: Wish
    item: str | None = None  # of which this is a new version


@dataclass(frozen=True, slots=True)
class Intake:
    """What taking in needs."""

    settings: Settings
    db: Database[Document]
    now: Callable[[], dt.datetime]


def receive(here: Intake, editor: Editor, upload: Upload, blocks: Iterable[bytes]) -> Document:
    """Store an uploaded file, to be read by a worker, and return its version; durable when this returns.

    Raises UnknownThing for the item, TooLarge; then nothing is left behind.
    """
    if upload.item is not None:
        get_item(here.db, upload.item)
    version, files = new_id(editor.now), content_files(here.settings, here.db, upload.org)
    original = files.put(version, _bounded(blocks, here.settings.content_max_mb * MIB))
    document: Document = {
        "_id": version,
        "org": upload.org,
        "item": upload.item,
        "number": None,
        "state": "waiting",
        "name": upload.name,
        "size": original.size,
        "original": original.sha256,
        "wish": asdict(upload.wish),
        "by": editor.who,
        "created_at": editor.now,
        "lease_until": editor.now,
        "tries": 0,
        "progress": {"done": 0, "total": 0},
        "issues": [],
    }

    def act(session: ClientSession) -> None:
        here.db.content_versions.insert_one(document, session=session)
        said = {"name": upload.name, "size": original.size, "sha256": original.sha256}
        editor.note("content.upload", "content", version, org=upload.org, after=said)

    try:
        editor.change(act)
    except BaseException:
        files.delete([version])
        raise
    return document


def _bounded(blocks: Iterable[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for block in blocks:
        size += len(block)
        if size > most:
            raise TooLarge("the package", most)
        yield block


def work(here: Intake, stopped: Callable[[], bool] = lambda: False) -> int:
    """Read the uploads that wait, one after another; returns how many were done with."""
    done, waiting = 0, {"state": {"$in": list(UNREAD)}, "lease_until": {"$lte": here.now()}}
    for org in here.db.content_versions.distinct("org", waiting):
        lease = org_lease.take(here.db, org, here.now())
        if lease is None:
            continue
        try:
            while not stopped() and (found := _claim(here, lease)) is not None:
                done += _take_in(here, found, lease)
        except OrgLeaseLost:
            log.warning("content of %s: the lease ran out; another worker goes on", org)
        finally:
            lease.release()
    return done


def _claim(here: Intake, lease: OrgLease) -> Document | None:
    """Return the oldest unread version of the organization, whose lease is held; raises OrgLeaseLost."""
    now = here.now()
    lease.renew(now)
    return here.db.content_versions.find_one_and_update(
        {"org": lease.org, "state": {"$in": list(UNREAD)}, "lease_until": {"$lte": now}},
        {"$set": {"state": "reading", "lease_until": now + LEASE}, "$inc": {"tries": 1}},
        sort=[("lease_until", 1)],
        return_document=ReturnDocument.AFTER,
    )


def _take_in(here: Intake, found: Document, lease: OrgLease) -> bool:
    """Read one upload: it ends as a draft or refused, or is tried again later; raises OrgLeaseLost."""
    one = _Reading(here, found, lease, content_files(here.settings, here.db, found["org"]))
    try:
        one.read()
    except PackageRefused as refused:
        one.refuse(refused.issues)
    except OrgLeaseLost:
        raise
    except Exception:
        log.exception("content %s could not be read; it is tried again", found["_id"])
        return False
    return True


def _error(code: str, text: str, place: str = "") -> PackageRefused:
    return PackageRefused([Issue(code, Severity.ERROR, place, text)])


class _Reading:
    """One upload on its way to a draft."""

    def __init__(self, here: Intake, found: Document, lease: OrgLease, files: ContentFiles) -> None:
        self._here = here
        self._found = found
        self._id: str = found["_id"]
        self._org: str = found["org"]
        self._lease = lease
        self._files = files

    def read(self) -> None:
        """Read, keep and list; raises PackageRefused or OrgLeaseLost."""
        if self._found["tries"] > TRIES:
            raise _error("reading-failed", "Reading failed several times; the log of the server says more.")
        limits = Limits(archive_bytes=self._here.settings.content_max_mb * MIB)
        self._here.db.content_paths.delete_many({"version": self._id})  # of a worker that died
        with self._files.open(self._id) as file:
            opened = read_package(file, _wish(self._found["wish"]), limits)
            kept = 0, 0
            if opened.archive is not None:
                try:
                    kept = self._keep(opened.archive)
                except DamagedFile as error:
                    text = f"The file is damaged in the zip: {error.reason}."
                    raise _error("damaged-file", text, error.path) from error
        self._finish(opened.package, *kept)

    def _keep(self, archive: Archive) -> tuple[int, int]:
        """Keep every file of a zip and list its path; returns their number and bytes."""
        total, size = len(archive.paths), 0
        stored = self._files.keep(archive.blocks(path) for path in archive.paths)
        pairs = iter(zip(archive.paths, stored, strict=True))
        done = 0
        while some := list(islice(pairs, PATHS_AT_ONCE)):
            self._here.db.content_paths.insert_many([self._path(path, file) for path, file in some])
            done += len(some)
            size += sum(file.size for _, file in some)
            self._go_on({"progress": {"done": done, "total": total}})
        return total, size

    def _path(self, path: str, file: StoredFile) -> Document:
        return {
            "_id": f"{self._id}/{path}",
            "org": self._org,
            "version": self._id,
            "path": path,
            "folded": path.casefold(),
            "sha256": file.sha256,
            "size": file.size,
        }

    def _go_on(self, change: Document) -> None:
        """Keep the leases and show how far it is; raises OrgLeaseLost."""
        now = self._here.now()
        self._lease.renew(now)
        self._here.db.content_versions.update_one(
            {"_id": self._id}, {"$set": {**change, "lease_until": now + LEASE}}
        )

    def _finish(self, package: Package, files: int, size: int) -> None:
        """Make the version a draft of its item, in one transaction; raises OrgLeaseLost."""
        now = self._here.now()
        text = orjson.dumps(package_to_json(package)).decode()
        if len(text) > MOST_TEXT:
            raise _error("too-many-items", "The manifest says more than can be kept of one package.")
        about = {
            "state": "draft",
            "kind": package.kind.value,
            "edition": package.edition,
            "tool": package.tool,
            "title": dict(package.title),
            "package": text,
            "files": files,
            "bytes": size,
            "read_at": now,
            "published_at": None,
            "withdrawn_at": None,
        }

        def act(session: ClientSession) -> None:
            self._lease.fence(session)
            item, number = self._item(package, now, session)
            issues = [asdict(issue) for issue in self._issues(package, item)]
            change = {**about, "item": item, "number": number, "issues": issues}
            mine = {"_id": self._id, "state": "reading"}
            self._here.db.content_versions.update_one(
                mine, {"$set": change, "$unset": {"lease_until": ""}}, session=session
            )

        in_transaction(self._here.db.client, act)

    def _item(self, package: Package, now: dt.datetime, session: ClientSession) -> tuple[str, int]:
        """Return item and number of the version; a first version makes the item."""
        items = self._here.db.content_items
        if self._found["item"] is not None:
            found = items.find_one_and_update(
                {"_id": self._found["item"]},
                {"$inc": {"latest": 1, "version": 1}, "$set": {"updated_at": now}},
                return_document=ReturnDocument.AFTER,
                session=session,
            )
            if found is not None:
                return found["_id"], found["latest"]
        item = self._found["item"] or new_id(now)
        own = package.identifier if package.kind in OWN_IDS else None
        items.insert_one(
            {
                "_id": item,
                "org": self._org,
                "activity": own or f"{self._here.settings.public_url}/content/{item}",
                "kind": package.kind.value,
                "title": dict(package.title),
                "published": None,
                "latest": 1,
                "visible": {},
                "created_at": now,
                "updated_at": now,
                "version": 1,
            },
            session=session,
        )
        return item, 1

    def _issues(self, package: Package, item: str) -> Iterator[Issue]:
        """Yield the package's issues, and those that only the library knows."""
        yield from package.issues
        same = {"org": self._org, "activity": package.identifier, "_id": {"$ne": item}}
        if package.kind in OWN_IDS and (other := self._here.db.content_items.find_one(same)):
            text = f"The item {other['_id']} has the same activity id: their results cannot be told apart."
            yield Issue("activity-id-taken", Severity.WARNING, "", text)

    def refuse(self, issues: Iterable[Issue]) -> None:
        """Say why, and leave nothing behind but that."""
        now = self._here.now()
        self._lease.renew(now)
        self._files.delete([self._id])
        remove_paths(self._here.db, self._files, self._org, self._id)
        self._here.db.content_versions.update_one(
            {"_id": self._id, "state": "reading"},
            {
                "$set": {
                    "state": "refused",
                    "issues": [asdict(issue) for issue in issues],
                    "read_at": now,
                    "forget_at": now + KEPT_REFUSALS,
                },
                "$unset": {"lease_until": ""},
            },
        )


def _wish(stored: Document) -> Wish:
    return replace(Wish(**stored), kind=stored["kind"])


def remove_paths(db: Database[Document], files: ContentFiles, org: str, version: str) -> None:
    """Forget the files of a version, and remove those that no other has; under the organization's lease."""
    while some := list(db.content_paths.find({"version": version}, {"sha256": 1}).limit(PATHS_AT_ONCE)):
        db.content_paths.delete_many({"_id": {"$in": [row["_id"] for row in some]}})
        remove_unnamed(db, files, org, {row["sha256"] for row in some})


def remove_unnamed(db: Database[Document], files: ContentFiles, org: str, hashes: set[str]) -> None:
    """Remove those of these files that no version names any more; under the organization's lease."""
    named = db.content_paths.distinct("sha256", {"org": org, "sha256": {"$in": sorted(hashes)}})
    files.delete(hashes.difference(named))
