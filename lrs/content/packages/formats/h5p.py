"""H5P packages: h5p.json names the main library; the libraries must lie in the same zip.

Laurel runs H5P by a player of its own, which reads h5p.json; so what is launched is that file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from lrs.content.packages.files import Files, folder_of
from lrs.content.packages.findings import Findings
from lrs.content.packages.limits import LIMITS
from lrs.content.packages.model import Item, ItemType, Kind, Package
from lrs.content.packages.words import UNDETERMINED, clean, language_tag, plain_text

ROOT_ID: Final = "h5p"


def read_h5p(path: str, files: Files, findings: Findings) -> Package:
    """Return the package of an h5p.json at `path`; raises PackageRefused."""
    described = _read_json(path, files, findings)
    folder, main = folder_of(path), clean(str(described.get("mainLibrary", "")))
    if not main:
        findings.refuse("no-main-library", path, "h5p.json names no main library.")
    if f"{folder}content/content.json" not in files.paths:
        findings.error("launch-file-missing", path, "The package has no content/content.json.")
    present = {each.removeprefix(folder).partition("/")[0] for each in files.paths if each.startswith(folder)}
    for name in _libraries(described, main):
        if not _is_present(name, present):
            text = f"The library {name} is not in the package; export the content with its libraries."
            findings.error("library-missing", path, text)
    language = language_tag(str(described.get("language", "")))
    title = plain_text(str(described.get("title", ""))) or {UNDETERMINED: main}
    if language != UNDETERMINED:
        title = {language: next(iter(title.values()))}
    root = Item(id=ROOT_ID, type=ItemType.ACTIVITY, title=title, description={}, launch=path)
    return Package(
        kind=Kind.H5P,
        edition="",
        identifier=main,
        title=title,
        description={},
        languages=() if language == UNDETERMINED else (language,),
        root=root,
        prefix=folder,
    )


def _read_json(path: str, files: Files, findings: Findings) -> dict[str, Any]:
    try:
        value = json.loads(files.read(path, LIMITS.manifest_bytes))
    except (ValueError, RecursionError):
        findings.refuse("json-not-well-formed", path, "The file is not well-formed JSON.")
    if not isinstance(value, dict):
        findings.refuse("json-not-well-formed", path, "The file holds no JSON object.")
    return value


def _libraries(described: dict[str, Any], main: str) -> Iterator[str]:
    """Yield the libraries that content needs, "Name-1.2" or, for the main one, its bare name.

    Some sites export content without them.
    """
    yield main
    listed = described.get("preloadedDependencies")
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict):
            version = f"{each.get('majorVersion')}.{each.get('minorVersion')}"
            yield clean(f"{each.get('machineName')}-{version}")


def _is_present(name: str, folders: set[str]) -> bool:
    bare = name.partition("-")[0]
    if name in folders or bare in folders:
        return True
    return name == bare and any(each.startswith(f"{name}-") for each in folders)
