"""The content origin as one process serves it to a browser, over packages that were taken in."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from places import ROOT
from pymongo.database import Database
from werkzeug.serving import WSGIRequestHandler, make_server

from lrs.content.library.intake import Intake, Upload, receive, work
from lrs.content.library.items import publish
from lrs.content.packages.read import Wish
from lrs.content.player.launches import Wanted, launch, player_url
from lrs.content.player.shelf import Shelf
from lrs.content_app import create_content_app
from lrs.foundation.audit import Editor
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings

Db = Database[dict[str, Any]]
PACKAGES = ROOT / "lrs" / "demo" / "packages"
ANA = {"objectType": "Agent", "account": {"homePage": "https://lrs.example", "name": "ana"}}


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


def zipped(folder: Path) -> bytes:
    """Return a folder as the package that an author would upload."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, str(path.relative_to(folder)))
    return made.getvalue()


def someone(db: Db) -> Editor:
    """Return an editor of the vendor."""
    return Editor(db, {"kind": "client", "id": "test", "name": "test"}, utc_now())


def take_in(
    settings: Settings,
    db: Db,
    data: bytes,
    *,
    org: str = "vendor",
    item: str | None = None,
    wish: Wish | None = None,
) -> dict[str, Any]:
    """Upload a package, read it, publish it; return its version."""
    intake = Intake(settings, db, utc_now)
    upload = Upload(org, "course.zip", wish or Wish(), item)
    version = receive(intake, someone(db), upload, [data])["_id"]
    work(intake)
    found = db.content_versions.find_one({"_id": version})
    assert found is not None
    assert found["state"] == "draft", found["issues"]
    return publish(someone(db), version)


@dataclass
class Site:
    """A running content origin, and what was taken in by name."""

    app: Flask
    settings: Settings
    db: Db
    items: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, folder: Path, wish: Wish | None = None) -> dict[str, Any]:
        """Take in a folder as the next version of a named item."""
        version = take_in(self.settings, self.db, zipped(folder), item=self.items.get(name), wish=wish)
        self.items[name] = version["item"]
        return version

    def launch(self, name: str, **members: Any) -> str:
        """Open a course for Ana; return the address of its player."""
        wanted = Wanted(**{"org": "vendor", "item": self.items[name], "actor": ANA, "name": "Ana", **members})
        token, found = launch(self.db, Shelf(self.db), wanted, utc_now())
        return player_url(self.settings, token, found)

    def course(self, name: str) -> str:
        """Return the IRI of a course."""
        found = self.db.content_items.find_one({"_id": self.items[name]})
        assert found is not None
        return str(found["activity"])


@contextlib.contextmanager
def running_site(settings: Settings, db: Db) -> Iterator[Site]:
    """Serve the content origin until the block ends."""
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True, request_handler=_Quiet)
    own = dataclasses.replace(settings, content_url=f"http://*.localhost:{server.server_port}")
    server.app = app = create_content_app(own, db)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Site(app, own, db)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
