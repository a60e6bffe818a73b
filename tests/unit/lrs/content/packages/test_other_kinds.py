"""cmi5, Tin Can, H5P and plain HTML; and which of them an upload is."""

from __future__ import annotations

import json

import orjson
import pytest
from factories_packages import (
    PAGE,
    cmi5_au,
    cmi5_structure,
    cmi5_text,
    codes,
    outcome,
    read,
    read_upload,
    scorm_files,
    tincan_document,
    zipped,
)
from hypothesis import given
from hypothesis import strategies as st

from lrs.content.packages.as_json import package_from_json, package_to_json
from lrs.content.packages.model import ItemType, Kind, Package
from lrs.content.packages.read import Wish

OBJECTIVES = (
    f'<objectives><objective id="https://example.org/o/1">{cmi5_text("title", "O")}'
    f"{cmi5_text('description', 'o')}</objective></objectives>"
)


def cmi5(inner: str | None = None, **given: str) -> dict[str, bytes]:
    return {"cmi5.xml": cmi5_structure(inner, **given), "index.html": PAGE}


def block(inner: str, identifier: str = "https://example.org/b/1") -> str:
    texts = cmi5_text("title", "Block") + cmi5_text("description", "b")
    return f'<block id="{identifier}">{texts}{inner}</block>'


def test_blocks_and_aus_become_a_tree() -> None:
    au = cmi5_au(
        url="index.html?a=1", moveOn="Passed", masteryScore="0.8", launchMethod="OwnWindow", activityType="urn:t",
        inner="<launchParameters> {\"a\": 1} </launchParameters><entitlementKey>k</entitlementKey>",
    )  # fmt: skip
    package = read(cmi5(OBJECTIVES + block(au) + cmi5_au(2)))
    assert [item.id.rpartition(".org/")[2] for item in package.root.walk()] == [
        "course",
        "b/1",
        "au/1",
        "au/2",
    ]
    first, second = package.launchable()
    assert first.cmi5
    assert second.cmi5
    assert (first.launch, first.query) == ("index.html", "?a=1")
    assert (first.cmi5.move_on, first.cmi5.mastery_score, first.cmi5.launch_method) == (
        "Passed",
        0.8,
        "OwnWindow",
    )
    assert (first.cmi5.launch_parameters, first.cmi5.entitlement_key) == ('{"a": 1}', "k")
    assert (second.cmi5.move_on, second.cmi5.mastery_score, second.cmi5.launch_parameters) == (
        "NotApplicable", None, None,
    )  # fmt: skip
    assert [objective.id for objective in package.objectives] == ["https://example.org/o/1"]
    assert package.languages == ("en",)
    assert package.issues == ()


@pytest.mark.parametrize(
    ("structure", "wanted"),
    [
        (cmi5_structure(course="example.org/course"), "id-not-absolute"),
        (cmi5_structure(cmi5_au() + cmi5_au()), "duplicate-id"),
        (cmi5_structure(block(cmi5_au()) + block(cmi5_au(2))), "duplicate-id"),
        (cmi5_structure(cmi5_au(masteryScore="1.1")), "mastery-score"),
        (cmi5_structure(cmi5_au(masteryScore="much")), "mastery-score"),
        (cmi5_structure(cmi5_au(moveOn="Sometimes")), "attribute-value"),
        (cmi5_structure(cmi5_au(url="index.html?actor=x")), "reserved-parameter"),
        (cmi5_structure(cmi5_au(url="other.html")), "launch-file-missing"),
        (cmi5_structure(cmi5_au(url="http://example.com index.html")), "au-url"),
        (cmi5_structure(cmi5_au(url="ftp://example.com/")), "au-url"),
        (cmi5_structure(""), "no-au"),
        (cmi5_structure(block("")), "block-empty"),
        (cmi5_structure(cmi5_au() + OBJECTIVES), "element-order"),
        (cmi5_structure().replace(b"<url>index.html</url>", b""), "element-missing"),
        (cmi5_structure().replace(b"<url>", b"<url>a</url><url>"), "element-twice"),
        (b"<courseStructure/>", "course-missing"),
        (b"<course/>", "not-a-course-structure"),
        (b"<!DOCTYPE x><courseStructure/>", "xml-doctype"),
    ],
)
def test_a_course_structure_is_held_to_the_specification(structure: bytes, wanted: str) -> None:
    assert wanted in codes({"cmi5.xml": structure, "index.html": PAGE})


def test_unknown_elements_are_ignored() -> None:
    au = cmi5_au(inner='<x:requires xmlns:x="urn:x" idref="y"><x:au/></x:requires><requires/>')
    assert read(cmi5(au)).issues == ()


def test_a_course_structure_alone_needs_absolute_addresses() -> None:
    package = read_upload(cmi5_structure(cmi5_au(url="https://content.example/au?x=1#y")))
    [item] = package.launchable()
    assert (package.kind, item.launch, item.query) == (Kind.CMI5, "https://content.example/au", "?x=1#y")
    assert codes(cmi5_structure()) == {"relative-url-without-zip"}


def test_cmi5_must_lie_at_the_top_of_the_zip() -> None:
    assert codes({"course/cmi5.xml": cmi5_structure(), "course/index.html": PAGE}) == {"manifest-not-on-top"}


def test_tin_can_has_one_activity_that_is_launched() -> None:
    parts = '</activity><activity id="https://a.example/c/1"><name lang="en">Slide</name>'
    document = tincan_document("<launch lang='en'>start/index.html?x=1</launch>" + parts)
    package = read({"tincan.xml": document, "start/index.html": PAGE})
    [item] = package.launchable()
    assert (package.kind, item.id, item.launch, item.query) == (
        Kind.TINCAN, "https://a.example/c", "start/index.html", "?x=1",
    )  # fmt: skip
    assert [(part.id, part.type) for part in item.children] == [("https://a.example/c/1", ItemType.ACTIVITY)]


@pytest.mark.parametrize("activity", ["urn:articulate:storyline:5fi3S1vqzLg", "ispring://presentations/9A",
                                      "http://-F83_rise"])  # fmt: skip
def test_ids_that_authoring_tools_make_up_are_taken(activity: str) -> None:
    package = read({"tincan.xml": tincan_document(activity=activity), "index.html": PAGE})
    assert package.identifier == activity


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        (tincan_document(""), "no-launch"),
        (tincan_document("<launch>other.html</launch>"), "launch-file-missing"),
        (tincan_document("<launch>javascript:x</launch>"), "launch-address"),
        (tincan_document(activity="no iri"), "id-not-absolute"),
        (b"<html/>", "no-launch"),
    ],
)
def test_a_tin_can_package_that_cannot_be_launched_is_refused(document: bytes, wanted: str) -> None:
    assert wanted in codes({"tincan.xml": document, "index.html": PAGE})


def test_an_id_that_nobody_chose_and_a_launch_elsewhere_are_told() -> None:
    document = tincan_document("<launch>https://else.example/</launch>", "http://example.com/course")
    package = read({"tincan.xml": document})
    assert {issue.code for issue in package.issues} == {"id-not-chosen", "launch-elsewhere"}


H5P = {"title": "Quiz", "language": "en", "mainLibrary": "H5P.TrueFalse",
       "preloadedDependencies": [{"machineName": "H5P.TrueFalse", "majorVersion": 1, "minorVersion": 6}]}  # fmt: skip


def h5p(described: object = H5P, library: str = "H5P.TrueFalse-1.6") -> dict[str, bytes]:
    return {
        "h5p.json": json.dumps(described).encode(),
        "content/content.json": b"{}",
        f"{library}/library.json": b"{}",
    }


def test_h5p_is_launched_by_its_description() -> None:
    package = read(h5p())
    [item] = package.launchable()
    assert (package.kind, package.identifier, item.launch, package.languages) == (
        Kind.H5P, "H5P.TrueFalse", "h5p.json", ("en",),
    )  # fmt: skip
    assert package.tool == "H5P"


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (h5p(library="H5P.Other-1.0"), "library-missing"),
        (h5p({}), "no-main-library"),
        (h5p([]), "json-not-well-formed"),
        ({"h5p.json": b"{"}, "json-not-well-formed"),
        ({"h5p.json": b"[" * 100_000}, "json-not-well-formed"),
        (
            {name: data for name, data in h5p().items() if name != "content/content.json"},
            "launch-file-missing",
        ),
    ],
)
def test_h5p_without_its_parts_is_refused(files: dict[str, bytes], wanted: str) -> None:
    assert wanted in codes(files)


def test_plain_html_needs_an_activity_id() -> None:
    files = {"a/index.html": PAGE, "story.html": PAGE}
    assert codes(files) == {"activity-id-needed"}
    assert codes(files, Wish(activity="no iri")) == {"id-not-absolute"}
    package = read(files, Wish(activity="https://a.example/page", title="Page"))
    [item] = package.launchable()
    assert (package.kind, item.id, item.launch, package.title) == (
        Kind.HTML, "https://a.example/page", "story.html", {"und": "Page"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"readme.txt": b"x"}, "no-manifest"),
        ({"course.crs": b"x", "a.au": b"x", "index.html": PAGE}, "aicc"),
        ({"course.zip": zipped(scorm_files())}, "zip-in-zip"),
    ],
)
def test_what_is_no_package_says_what_it_is(files: dict[str, bytes], wanted: str) -> None:
    assert codes(files) == {wanted}


BOTH = {"tincan.xml": tincan_document(), **scorm_files()}


def test_of_several_manifests_the_richest_is_taken_and_the_choice_is_told() -> None:
    package = read(BOTH)
    assert (package.kind, package.also) == (Kind.TINCAN, (Kind.SCORM12,))
    assert [issue.code for issue in package.issues] == ["several-manifests"]
    assert read({**BOTH, **cmi5()}).kind is Kind.CMI5
    assert read(BOTH, Wish(kind=Kind.SCORM2004)).kind is Kind.SCORM12
    assert codes(BOTH, Wish(kind=Kind.CMI5)) == {"kind-missing"}


@pytest.mark.parametrize(
    ("path", "tool"),
    [
        ("html5/lib/scripts/bootstrapper.min.js", "Articulate Storyline"),
        ("scormcontent/lib/main.bundle.js", "Articulate Rise"),
        ("assets/js/CPM.js", "Adobe Captivate"),
        ("trivantis-titlemgr.js", "Lectora"),
        ("res/lms.js", "iSpring"),
        ("adapt/js/adapt.min.js", "Adapt"),
        ("scormdriver/indexAPI.html", "Rustici driver"),
        ("other.js", ""),
    ],
)
def test_the_authoring_tool_is_told_by_its_files(path: str, tool: str) -> None:
    assert read({**scorm_files(), path: b""}).tool == tool


def endpoints(config: str) -> Package:
    return read({**scorm_files(), "course/config.json": config.encode()})


def test_addresses_and_keys_left_in_the_content_are_told() -> None:
    package = endpoints(
        '{"_xapi": {"_endpoint": "https://lrs.else.example/data/", "_user": "u", "_password": "pw-1"}}'
    )
    [found] = package.endpoints
    assert (found.url, found.place, found.has_key) == (
        "https://lrs.else.example/data/",
        "course/config.json",
        True,
    )
    assert [issue.code for issue in package.issues] == ["own-endpoint"]
    assert "pw-1" not in str(package)


@pytest.mark.parametrize(
    "url", ["http://localhost:8000/xapi/", "https://lrs.example.com/", "http://127.0.0.1/"]
)
def test_addresses_that_are_nobodys_are_left_out(url: str) -> None:
    assert endpoints(f'{{"endpoint": "{url}"}}').endpoints == ()


@given(
    st.lists(
        st.sampled_from([cmi5_au(), cmi5_au(2), block(cmi5_au(3)), block(""), OBJECTIVES, "<x/>", "text",
                         cmi5_au(4, url=""), cmi5_au(5, url="http://["), "<au/>", "<block/>", "<objectives/>"]),
        max_size=5,
    ),
    st.sampled_from(["https://example.org/course", "", "a b", "urn:x"]),
)  # fmt: skip
def test_any_course_structure_is_a_package_or_refused(parts: list[str], course: str) -> None:
    found = outcome(cmi5("".join(parts), course=course))
    assert found
    if isinstance(found, Package):
        assert package_from_json(orjson.loads(orjson.dumps(package_to_json(found)))) == found
        assert len({item.id for item in found.root.walk()}) == len(list(found.root.walk()))
