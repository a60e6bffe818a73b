"""The example's own content packages: small, written for this project, one of each kind."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.content.library.intake import Intake, Upload, receive, work
from lrs.content.library.items import get_item, publish
from lrs.content.packages.read import Wish
from lrs.foundation.audit import Editor
from lrs.foundation.settings import Settings

Document = dict[str, Any]

BASE: Final = "https://acme.example/content"
PACKAGES: Final = ("scorm12-quiz", "scorm2004-course", "cmi5-course", "tincan-tour")


def load_courses(
    db: Database[Document], settings: Settings, editor: Editor, now: dt.datetime
) -> dict[str, str]:
    """Take in and publish the packages; return their items by name."""
    library = Intake(settings, db, lambda: now)
    uploads = [Upload(VENDOR, f"{name}.zip", Wish()) for name in PACKAGES]
    drafts = [
        receive(library, editor, upload, [zipped(name)])["_id"]
        for upload, name in zip(uploads, PACKAGES, strict=True)
    ]
    work(library)
    items = [publish(editor, draft)["item"] for draft in drafts]
    return dict(zip(PACKAGES, items, strict=True))


def named_in(text: bytes, db: Database[Document], items: Mapping[str, str]) -> bytes:
    """Return a rule file that names the activities of items where it has those of the packages."""
    for name, item in items.items():
        text = text.replace(f"{BASE}/{name}".encode(), str(get_item(db, item)["activity"]).encode())
    return text


def zipped(name: str) -> bytes:
    """Return a package as an author would upload it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, files("lrs.demo").joinpath("packages", name), "")
    return made.getvalue()


def _add(archive: zipfile.ZipFile, folder: Traversable, path: str) -> None:
    for one in sorted(folder.iterdir(), key=lambda each: each.name):
        if one.is_dir():
            _add(archive, one, f"{path}{one.name}/")
        else:
            archive.writestr(f"{path}{one.name}", one.read_bytes())
