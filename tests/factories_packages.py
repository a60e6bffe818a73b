"""Content packages for tests, made here: manifests as text, files as bytes, zips as bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping

from lrs.content.packages.files import FileTable
from lrs.content.packages.findings import Findings, PackageRefused
from lrs.content.packages.model import Issue, Package
from lrs.content.packages.read import Wish, read_files, read_package

PAGE = b"<!doctype html><title>page</title>"
NAMESPACES = {
    "1.2": (
        'xmlns="http://www.imsproject.org/xsd/imscp_rootv1p1p2" '
        'xmlns:adlcp="http://www.adlnet.org/xsd/adlcp_rootv1p2"'
    ),
    "2004 4th Edition": (
        'xmlns="http://www.imsglobal.org/xsd/imscp_v1p1" xmlns:adlcp="http://www.adlnet.org/xsd/adlcp_v1p3" '
        'xmlns:adlseq="http://www.adlnet.org/xsd/adlseq_v1p3" '
        'xmlns:adlnav="http://www.adlnet.org/xsd/adlnav_v1p3" xmlns:imsss="http://www.imsglobal.org/xsd/imsss"'
    ),
}
ITEM = '<item identifier="i1" identifierref="r1"><title>Lesson</title></item>'
RESOURCE = '<resource identifier="r1" type="webcontent" adlcp:scormtype="sco" href="index.html"/>'
CMI5 = "https://w3id.org/xapi/profiles/cmi5/v1/CourseStructure.xsd"


def scorm_manifest(
    items: str = ITEM,
    resources: str = RESOURCE,
    *,
    version: str = "1.2",
    extra: str = "",
    default: str = "o1",
) -> bytes:
    """Return an imsmanifest.xml with these items and resources; `extra` stands in the organization."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<manifest identifier="m1" version="1" {NAMESPACES.get(version, NAMESPACES["1.2"])}>
  <metadata><schema>ADL SCORM</schema><schemaversion>{version}</schemaversion></metadata>
  <organizations default="{default}">
    <organization identifier="o1"><title>Course</title>{items}{extra}</organization>
  </organizations>
  <resources>{resources}</resources>
</manifest>""".encode()


def scorm_files(manifest: bytes | None = None, **pages: bytes) -> dict[str, bytes]:
    """Return the files of a SCORM package with one page."""
    return {"imsmanifest.xml": manifest or scorm_manifest(), "index.html": PAGE, **pages}


def cmi5_au(number: int = 1, url: str = "index.html", inner: str = "", **attributes: str) -> str:
    """Return an AU of a course structure."""
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return (
        f'<au id="https://example.org/au/{number}"{given}>{cmi5_text("title", f"AU {number}")}'
        f"{cmi5_text('description', 'text')}<url>{url}</url>{inner}</au>"
    )


def cmi5_text(name: str, text: str) -> str:
    """Return a text of a course structure in English."""
    return f'<{name}><langstring lang="en">{text}</langstring></{name}>'


def cmi5_structure(inner: str | None = None, *, course: str = "https://example.org/course") -> bytes:
    """Return a cmi5.xml."""
    about = cmi5_text("title", "Course") + cmi5_text("description", "About")
    return (
        f'<?xml version="1.0" encoding="utf-8"?><courseStructure xmlns="{CMI5}"><course id="{course}">{about}'
        f"</course>{cmi5_au() if inner is None else inner}</courseStructure>"
    ).encode()


def tincan_document(
    inner: str = "<launch>index.html</launch>", activity: str = "https://a.example/c"
) -> bytes:
    """Return a tincan.xml with one activity."""
    return (
        '<tincan xmlns="http://projecttincan.com/tincan.xsd"><activities>'
        f'<activity id="{activity}" type="http://adlnet.gov/expapi/activities/course">'
        f'<name lang="en-US">Course</name><description lang="en-US">About</description>{inner}</activity>'
        "</activities></tincan>"
    ).encode()


def zipped(files: Mapping[str, bytes] | Iterable[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    """Return a zip of files in their order."""
    pairs = files.items() if isinstance(files, Mapping) else files
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in pairs:
            archive.writestr(name, content)
    return made.getvalue()


def read(files: Mapping[str, bytes], wish: Wish | None = None) -> Package:
    """Return the package of files in memory; raises PackageRefused."""
    return read_files(FileTable(files), wish or Wish(), Findings())


def read_upload(data: bytes, wish: Wish | None = None) -> Package:
    """Return the package of an uploaded file; raises PackageRefused."""
    return read_package(io.BytesIO(data), wish or Wish()).package


def outcome(files: Mapping[str, bytes] | bytes, wish: Wish | None = None) -> Package | list[Issue]:
    """Return the package that files or an upload are, or the issues for which they are refused."""
    try:
        return read_upload(files, wish) if isinstance(files, bytes) else read(files, wish)
    except PackageRefused as refused:
        return list(refused.issues)


def refusal(files: Mapping[str, bytes] | bytes, wish: Wish | None = None) -> list[Issue]:
    """Return the errors for which files or an upload are refused; fails where they are taken."""
    issues = outcome(files, wish)
    assert isinstance(issues, list), "the package was not refused"
    return [issue for issue in issues if issue.severity == "error"]


def codes(files: Mapping[str, bytes] | bytes, wish: Wish | None = None) -> set[str]:
    """Return the codes of the errors for which something is refused."""
    return {issue.code for issue in refusal(files, wish)}
