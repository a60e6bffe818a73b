"""Read every content package in a folder and print a table of what each is, or why it is refused.

    scripts/packages.py FOLDER [--activity IRI]

For local runs over packages written by others; nothing is stored. ADL's conformance manifests come without
the pages they share: with --assume-pages, pages that a SCORM manifest names count as being there.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from lrs.content.packages.files import FileTable, take_apart
from lrs.content.packages.findings import Findings, PackageRefused
from lrs.content.packages.formats.scorm import resources_of
from lrs.content.packages.model import Package, Severity
from lrs.content.packages.read import Wish, read_files, read_package
from lrs.content.packages.xml_tree import parse_xml


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--activity", help="activity id for plain HTML")
    parser.add_argument("--assume-pages", action="store_true")
    options = parser.parse_args()
    outcomes: Counter[str] = Counter()
    print("| package | what it is | tool | items | issues, or why it is refused |\n|---|---|---|---|---|")
    for path in sorted(each for each in options.folder.iterdir() if each.is_file()):
        try:
            package = read(path, Wish(activity=options.activity), assume_pages=options.assume_pages)
        except PackageRefused as refused:
            outcomes["refused"] += 1
            errors = dict.fromkeys(f"{i.code}" for i in refused.issues if i.severity is Severity.ERROR)
            print(f"| {path.name} | refused | | | {', '.join(errors)}: {refused} |")
        else:
            outcomes["read"] += 1
            issues = ", ".join(dict.fromkeys(issue.code for issue in package.issues))
            count = len(list(package.launchable()))
            print(f"| {path.name} | {package.kind} {package.edition} | {package.tool} | {count} | {issues} |")
    print(", ".join(f"{number} {what}" for what, number in outcomes.items()))


def read(path: Path, wish: Wish, *, assume_pages: bool) -> Package:
    """Return the package of a file; raises PackageRefused."""
    if not assume_pages:
        with path.open("rb") as file:
            return read_package(file, wish).package
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    manifest = parse_xml(contents["imsmanifest.xml"])
    for resource in resources_of(manifest, "", "imsmanifest.xml", Findings()).values():
        reference = take_apart(resource.base, resource.href)
        if reference is not None:
            contents.setdefault(reference.target, b"")
    return read_files(FileTable(contents), wish, Findings())


if __name__ == "__main__":
    main()
