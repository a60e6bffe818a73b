"""GET /v/<version>/<path>: one file of one version, the same for ever, in whole or in part."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from flask import Blueprint, Flask, Response, abort, current_app, request
from pymongo.errors import PyMongoError
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import is_resource_modified, parse_range_header

from lrs.content.library.files import content_files
from lrs.content.library.items import READABLE
from lrs.content.library.stored import MissingFile
from lrs.content.library.types import content_type, shrinks
from lrs.content.origin.addresses import FILES, is_own_host
from lrs.content.origin.problems import Place, note_missing
from lrs.content.packages.model import PLAYED
from lrs.foundation.context import current_services

Document = dict[str, Any]

LONGEST_PART: Final = 8 * 1024 * 1024  # of an asked range: a reader who pauses holds no thread
GZIP: Final = "gzip"
PACKING: Final = 5  # level: a megabyte of script in some 20 ms
WORTH_PACKING: Final = range(1024, 4 << 20)  # bytes; each browser asks once and keeps it for ever
FOR_EVER: Final = "public, max-age=31536000, immutable"
REMEMBERED: Final = 20_000  # paths of which a process knows the file: they never change

blp = Blueprint("content_files", __name__)


@blp.get(f"{FILES}/<version>/<path:path>")
def get_file(version: str, path: str) -> Response:
    """Answer a file of a version under the exact path, or one that differs in letter case alone."""
    services = current_services()
    if not is_own_host(services.settings, request.host, version):
        abort(404)
    if request.headers.get("Service-Worker") == "script":
        abort(403, "content may not install a service worker")
    found = _find(version, path)
    if found is None:
        _note_missing(version, path)
        abort(404)
    return _answer(found)


def _note_missing(version: str, path: str) -> None:
    """Count what content asks for in vain; of kinds that run in our player, the player tells it."""
    services = current_services()
    wanted = {"_id": version, "state": {"$in": list(READABLE)}, "kind": {"$nin": list(PLAYED)}}
    row = services.db.content_versions.find_one(wanted, {"org": 1, "item": 1})
    if row is not None and row.get("item"):
        place, agent = Place(row["org"], row["item"], version), request.headers.get("User-Agent", "")
        with suppress(PyMongoError):  # what cannot be counted is missing all the same
            note_missing(services.db, place, path, agent, services.now())


def _find(version: str, path: str) -> Document | None:
    """Return the row of a path; from memory where it was asked for before."""
    known: dict[str, Document] = _known()
    key = f"{version}/{path}"
    if key not in known:
        db = current_services().db
        row = db.content_paths.find_one({"_id": key}) or db.content_paths.find_one(
            {"version": version, "folded": path.casefold()}, sort=[("_id", 1)]
        )
        readable = {"_id": version, "state": {"$in": list(READABLE)}}
        if row is None or db.content_versions.find_one(readable, {"_id": 1}) is None:
            return None
        if len(known) >= REMEMBERED:
            known.clear()
        known[key] = row
    return known[key]


def _known() -> dict[str, Document]:
    memory: dict[str, Document] = current_app.extensions["content_paths"]
    return memory


def _answer(found: Document) -> Response:
    """Answer the whole file, the part that is asked for (RFC 9110 14), or that it is known (304)."""
    kind, size = content_type(found["path"]), found["size"]
    is_packed = _is_packed(kind, size)
    name = found["sha256"] + (f"-{GZIP}" if is_packed else "")
    tag = f'"{name}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": FOR_EVER}
    if shrinks(kind):
        headers["Vary"] = "Accept-Encoding"
    if not is_resource_modified(request.environ, etag=name):
        return Response(status=304, headers=headers)
    start, end = _range(tag, size)
    headers["Content-Type"] = kind
    headers["Content-Length"] = str(end - start)
    is_part = (start, end) != (0, size)
    if is_part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    body: Iterator[bytes] = iter(())
    if request.method == "GET" and size:
        services = current_services()
        files = content_files(services.settings, services.db, found["org"])
        try:
            body = files.read(found["sha256"], start, end)
        except MissingFile:  # the version was discarded after its place was remembered
            abort(404)
    if is_packed:
        packed = gzip.compress(b"".join(body), PACKING, mtime=0)
        headers |= {"Content-Encoding": GZIP, "Content-Length": str(len(packed))}
        body = iter((packed,))
    return Response(body, status=206 if is_part else 200, headers=headers, direct_passthrough=True)


def _is_packed(kind: str, size: int) -> bool:
    """Tell whether the whole of a text is asked for by who takes it packed."""
    takes = request.accept_encodings.quality(GZIP) > 0 and "Range" not in request.headers
    return request.method == "GET" and takes and shrinks(kind) and size in WORTH_PACKING


def _range(tag: str, size: int) -> tuple[int, int]:
    """Return the bytes that are asked for; of several ranges, and of a stale If-Range, the whole file."""
    if request.headers.get("If-Range", tag) != tag:
        return 0, size
    wanted = parse_range_header(request.headers.get("Range"))
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return 0, size
    found = wanted.range_for_length(size)
    if found is None:
        raise RequestedRangeNotSatisfiable(size)
    start, end = found
    return start, min(end, start + LONGEST_PART)  # the browser asks for the next part (RFC 9110 15.3.7)


def register(app: Flask) -> None:
    """Serve files on an application."""
    app.extensions["content_paths"] = {}
    app.register_blueprint(blp)
