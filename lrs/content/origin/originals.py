"""GET /o/<token>: the original zip of a version, to be saved, never shown."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Flask, Response, abort

from lrs.content.library.downloads import find_download
from lrs.content.library.files import content_files
from lrs.content.library.stored import MissingFile
from lrs.foundation.context import current_services

ORIGINALS = "/o"

blp = Blueprint("content_originals", __name__)


@blp.get(f"{ORIGINALS}/<token>")
def get_original(token: str) -> Response:
    """Answer the zip as it was uploaded."""
    services = current_services()
    found = find_download(services.db, token, services.now())
    if found is None:
        abort(404)
    files = content_files(services.settings, services.db, found["org"])
    try:
        size, body = files.size(found["version"]), files.read(found["version"])
    except MissingFile:
        abort(404)
    response = Response(body, content_type="application/octet-stream", direct_passthrough=True)
    response.headers["Content-Length"] = str(size)
    name = quote(found["name"], safe="", errors="replace")  # in any alphabet (RFC 6266 4.3)
    response.headers["Content-Disposition"] = f"attachment; filename=\"package.zip\"; filename*=UTF-8''{name}"
    response.headers["Cache-Control"] = "no-store"
    return response


def register(app: Flask) -> None:
    """Serve originals on an application."""
    app.register_blueprint(blp)
