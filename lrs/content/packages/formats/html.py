"""Plain HTML in a zip: a start page, and an activity id that its author gives at upload."""

from __future__ import annotations

from typing import Final

from lrs.content.packages.files import Files, folder_of, shallowest
from lrs.content.packages.findings import Findings
from lrs.content.packages.formats.cmi5 import IRI
from lrs.content.packages.model import Item, ItemType, Kind, Package
from lrs.content.packages.words import clean, plain_text

START_PAGES: Final = ("index.html", "index.htm", "story.html", "launch.html", "start.html")


def read_html(activity: str | None, title: str | None, files: Files, findings: Findings) -> Package:
    """Return the package of a zip without a manifest; raises PackageRefused."""
    starts = sorted(
        shallowest(files, lambda name: name in START_PAGES),
        key=lambda path: (path.count("/"), START_PAGES.index(path.rpartition("/")[2].lower())),
    )
    if not starts:
        findings.refuse(
            "no-manifest",
            "",
            "The zip has no imsmanifest.xml, cmi5.xml, tincan.xml or h5p.json, and no index.html either.",
        )
    if not activity:
        findings.refuse(
            "activity-id-needed",
            starts[0],
            "The zip has no manifest. To take it as plain HTML, give the activity id of its statements.",
        )
    if not IRI.fullmatch(activity):
        findings.refuse("id-not-absolute", "", f"The activity id {clean(activity)!r} is no absolute IRI.")
    shown = plain_text(title or "") or {"und": starts[0]}
    root = Item(id=activity, type=ItemType.ACTIVITY, title=shown, description={}, launch=starts[0])
    return Package(
        kind=Kind.HTML,
        edition="",
        identifier=activity,
        title=shown,
        description={},
        languages=(),
        root=root,
        prefix=folder_of(starts[0]),
    )
