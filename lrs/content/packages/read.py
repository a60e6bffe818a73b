"""An uploaded file as a package: what it is, by its content, and everything it says of itself.

    open (zip, or a cmi5.xml alone) -> detect -> parse the manifest -> tool, endpoints -> Package with issues

Pure but for reading the file given; raises PackageRefused with every issue found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import IO, Final

from lrs.content.packages.archive import Archive, DamagedFile, open_archive
from lrs.content.packages.endpoints import find_endpoints
from lrs.content.packages.files import Files, FileTable, shallowest
from lrs.content.packages.findings import Findings
from lrs.content.packages.formats.cmi5 import read_cmi5
from lrs.content.packages.formats.h5p import read_h5p
from lrs.content.packages.formats.html import read_html
from lrs.content.packages.formats.scorm import read_scorm
from lrs.content.packages.formats.tincan import read_tincan
from lrs.content.packages.limits import LIMITS, Limits
from lrs.content.packages.model import Kind, Package
from lrs.content.packages.tools import guess_tool
from lrs.content.packages.xml_tree import Node, XmlRefused, parse_xml

CMI5: Final = "cmi5.xml"
AICC: Final = (".crs", ".au", ".des", ".cst")
ARCHIVES: Final = (".zip", ".h5p", ".rar", ".7z")
BYTE_ORDER_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the uploader says of a package, where it does not say so itself."""

    kind: Kind | None = None  # which of several manifests counts
    activity: str | None = None  # activity id of plain HTML
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A package that was read, and its files; `archive` is None for a cmi5.xml that came alone."""

    package: Package
    archive: Archive | None


def read_package(file: IO[bytes], wish: Wish, limits: Limits = LIMITS) -> Opened:
    """Read an uploaded file; it must be seekable and stay open while the archive is used."""
    findings = Findings()
    try:
        if _is_xml(file):
            return Opened(_bare_cmi5(file, findings, limits), None)
        archive = open_archive(file, findings, limits)
        return Opened(read_files(archive, wish, findings), archive)
    except DamagedFile as error:
        findings.refuse("damaged-file", error.path, f"The file is damaged in the zip: {error.reason}.")


def read_files(files: Files, wish: Wish, findings: Findings) -> Package:
    """Return the package that the files are; raises PackageRefused."""
    manifests = dict(_manifests(files))
    kind = _choose(manifests, wish, findings)
    if kind is Kind.HTML:
        _check_no_package(files, manifests, findings)
        package = read_html(wish.activity, wish.title, files, findings)
    else:
        package = READERS[kind](manifests[kind], files, findings)
        package = replace(package, also=tuple(each for each in manifests if each is not package.kind))
    endpoints = find_endpoints(files, findings)
    return replace(
        package,
        tool=guess_tool(files),
        endpoints=endpoints,
        also=tuple(each for each in package.also if each not in {kind, package.kind}),
        issues=findings.check(),
    )


def _is_xml(file: IO[bytes]) -> bool:
    """Tell whether the file begins as XML does."""
    file.seek(0)
    start = file.read(200)
    file.seek(0)
    for mark in BYTE_ORDER_MARKS:
        start = start.removeprefix(mark)
    return start.replace(b"\0", b"").lstrip().startswith(b"<")


def _bare_cmi5(file: IO[bytes], findings: Findings, limits: Limits) -> Package:
    data = file.read(limits.manifest_bytes + 1)
    package = read_cmi5(_parse(data, CMI5, findings), CMI5, None, findings)
    return replace(package, endpoints=find_endpoints(FileTable({}), findings), issues=findings.check())


def _parse(data: bytes, path: str, findings: Findings) -> Node:
    try:
        return parse_xml(data)
    except XmlRefused as error:
        place = f"{path}:{error.line}" if error.line else path
        findings.refuse(error.code, place, f"The file {error.reason}.")


def _manifests(files: Files) -> Iterator[tuple[Kind, str]]:
    """Yield the manifests of a package, the kind to be preferred first (richest report first)."""
    if CMI5 in files.paths:  # only at the top (cmi5 14.1)
        yield Kind.CMI5, CMI5
    names = {Kind.TINCAN: "tincan.xml", Kind.SCORM12: "imsmanifest.xml", Kind.H5P: "h5p.json"}
    for kind, name in names.items():
        found = next(shallowest(files, name.__eq__), None)
        if found is not None:
            yield kind, found


def _choose(manifests: Mapping[Kind, str], wish: Wish, findings: Findings) -> Kind:
    wanted = Kind.SCORM12 if wish.kind is Kind.SCORM2004 else wish.kind  # one manifest for both
    if wanted is Kind.HTML:
        return Kind.HTML
    if wanted is not None and wanted not in manifests:
        findings.refuse("kind-missing", "", f"The package has no manifest of the kind {wish.kind}.")
    chosen: Kind = wanted or next(iter([*manifests, Kind.HTML]))
    others = [path for kind, path in manifests.items() if kind is not chosen]
    if others and chosen in manifests:
        text = f"The package also has {', '.join(others)}; {manifests[chosen]} is used."
        findings.note("several-manifests", "", text)
    return chosen


def _check_no_package(files: Files, manifests: Mapping[Kind, str], findings: Findings) -> None:
    """Refuse what looks like no manifest only because it is something else."""
    if any(path.lower().endswith(AICC) for path in files.paths):
        text = "This is an AICC package, which Laurel does not run; publish it as SCORM or cmi5."
        findings.refuse("aicc", "", text)
    if not manifests and all(path.lower().endswith(ARCHIVES) for path in files.paths):
        findings.refuse("zip-in-zip", files.paths[0], "The zip holds only archives; upload the one inside.")
    nested = next(shallowest(files, CMI5.__eq__), None)
    if nested is not None and not manifests:
        findings.refuse("manifest-not-on-top", nested, "cmi5.xml must lie at the top of the zip (cmi5 14.1).")


def _scorm(path: str, files: Files, findings: Findings) -> Package:
    return read_scorm(
        _parse(files.read(path, LIMITS.manifest_bytes + 1), path, findings), path, files, findings
    )


def _tincan(path: str, files: Files, findings: Findings) -> Package:
    return read_tincan(
        _parse(files.read(path, LIMITS.manifest_bytes + 1), path, findings), path, files, findings
    )


def _cmi5(path: str, files: Files, findings: Findings) -> Package:
    return read_cmi5(
        _parse(files.read(path, LIMITS.manifest_bytes + 1), path, findings), path, files, findings
    )


READERS: Final[Mapping[Kind, Callable[[str, Files, Findings], Package]]] = {
    Kind.CMI5: _cmi5,
    Kind.TINCAN: _tincan,
    Kind.SCORM12: _scorm,
    Kind.H5P: read_h5p,
}
