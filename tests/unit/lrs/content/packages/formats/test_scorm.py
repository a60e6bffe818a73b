"""SCORM manifests become a tree of items; what would leave a learner without a page is refused."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from factories_packages import ITEM, PAGE, RESOURCE, codes, outcome, read, scorm_files, scorm_manifest
from hypothesis import given
from hypothesis import strategies as st

from lrs.content.packages.as_json import package_from_json, package_to_json
from lrs.content.packages.formats.scorm import with_parameters
from lrs.content.packages.model import ItemType, Kind, Package, item_iri

V4 = "2004 4th Edition"


def test_a_course_of_one_page() -> None:
    package = read(scorm_files())
    assert (package.kind, package.edition, package.identifier) == (Kind.SCORM12, "1.2", "m1")
    assert package.title == {"und": "Course"}
    [item] = package.launchable()
    assert (item.id, item.type, item.launch, item.query) == ("i1", ItemType.SCO, "index.html", "")
    assert package.issues == ()


@pytest.mark.parametrize(
    ("version", "edition"),
    [
        ("1.2", "1.2"),
        ("CAM 1.3", "2nd"),
        ("2004 2nd Edition", "2nd"),
        ("2004 3rd Edition", "3rd"),
        (V4, "4th"),
    ],
)
def test_the_edition_is_the_one_that_is_written(version: str, edition: str) -> None:
    assert read(scorm_files(scorm_manifest(version=version))).edition == edition


def test_without_a_version_the_namespace_tells_and_it_is_said() -> None:
    manifest = scorm_manifest(version=V4).replace(V4.encode(), b"")
    package = read(scorm_files(manifest))
    assert package.kind is Kind.SCORM2004
    assert [issue.code for issue in package.issues] == ["version-unclear"]


def test_the_default_organization_counts_not_the_first() -> None:
    other = (
        '</organization><organization identifier="o2"><title>Second</title>'
        '<item identifier="i2" identifierref="r2"><title>x</title></item>'
    )
    more = RESOURCE + RESOURCE.replace("r1", "r2").replace("index.html", "two.html")
    manifest = scorm_manifest(extra=other, resources=more, default="o2")
    package = read({**scorm_files(manifest), "two.html": PAGE})
    assert [item.launch for item in package.launchable()] == ["two.html"]


def test_launch_pages_join_every_base_and_the_folder_of_the_manifest() -> None:
    manifest = (
        scorm_manifest(
            resources=RESOURCE.replace('href="index.html"', 'xml:base="c/" href="d/p%20q.html?x=1#y"')
        )
        .replace(b"<resources>", b'<resources xml:base="b/">')
        .replace(b'version="1" ', b'version="1" xml:base="a/" ')
    )
    package = read({"course/imsmanifest.xml": manifest, "course/a/b/c/d/p q.html": PAGE})
    [item] = package.launchable()
    assert (item.launch, item.query) == ("course/a/b/c/d/p q.html", "?x=1#y")
    assert package.prefix == "course/"


@pytest.mark.parametrize(
    ("query", "parameters", "result"),
    [
        ("", "a=1", "?a=1"), ("", "?a=1", "?a=1"), ("", "&a=1", "?a=1"), ("?x=1", "?a=1", "?x=1&a=1"),
        ("?x=1#y", "a=1", "?x=1&a=1#y"), ("", "#z", "#z"), ("#y", "#z", "#y"), ("?x=1", "", "?x=1"),
        ("", "???&&a", "?a"), ("", "a\nb", ""),
    ],
)  # fmt: skip
def test_parameters_are_added_as_the_content_model_prescribes(
    query: str, parameters: str, result: str
) -> None:
    assert with_parameters(query, parameters) == result


def test_items_keep_order_depth_and_what_scorm_says_of_them() -> None:
    items = """<item identifier="m" isvisible="false"><title>Module</title>
      <item identifier="a" identifierref="r1" parameters="?p=1"><title>A</title>
        <adlcp:prerequisites type="aicc_script">b&amp;c</adlcp:prerequisites>
        <adlcp:maxtimeallowed>00:30:00</adlcp:maxtimeallowed>
        <adlcp:timelimitaction>exit, message</adlcp:timelimitaction>
        <adlcp:datafromlms>seed</adlcp:datafromlms><adlcp:masteryscore>80</adlcp:masteryscore></item>
      <item identifier="b" identifierref="r2"><title>B</title></item></item>"""
    resources = RESOURCE + RESOURCE.replace("r1", "r2").replace('"sco"', '"asset"')
    package = read(scorm_files(scorm_manifest(items, resources)))
    assert [item.id for item in package.root.walk()] == ["o1", "m", "a", "b"]
    module = package.item("m")
    first = package.item("a")
    second = package.item("b")
    assert module is not None
    assert not module.visible
    assert first is not None
    assert first.scorm is not None
    assert second is not None
    assert (first.scorm.prerequisites, first.scorm.launch_data, first.scorm.mastery_score) == (
        "b&c",
        "seed",
        80,
    )
    assert (first.scorm.max_time_allowed, first.scorm.time_limit_action) == ("00:30:00", "exit,message")
    assert (first.query, second.type) == ("?p=1", ItemType.ASSET)


@pytest.mark.parametrize(
    ("manifest", "wanted"),
    [
        (scorm_manifest(default="o9"), "default-organization-missing"),
        (scorm_manifest(ITEM.replace("r1", "r9")), "resource-missing"),
        (scorm_manifest(resources=RESOURCE.replace("index", "other")), "launch-file-missing"),
        (scorm_manifest(resources=RESOURCE.replace('href="index.html"', "")), "resource-without-href"),
        (scorm_manifest(resources=RESOURCE.replace("index.html", "javascript:alert(1)")), "launch-address"),
        (
            scorm_manifest(resources=RESOURCE.replace("index.html", "../../outside.html")),
            "launch-file-missing",
        ),
        (scorm_manifest(ITEM + ITEM), "duplicate-identifier"),
        (scorm_manifest(""), "nothing-to-open"),
        (b"<manifest><organizations/></manifest>", "no-organization"),
        (b"<html/>", "not-a-manifest"),
        (b"<manifest>", "xml-not-well-formed"),
    ],
)
def test_what_leaves_a_learner_without_a_page_is_refused(manifest: bytes, wanted: str) -> None:
    assert wanted in codes(scorm_files(manifest))


def test_a_page_on_another_site_is_told() -> None:
    manifest = scorm_manifest(resources=RESOURCE.replace("index.html", "https://elsewhere.example/a?b=1"))
    package = read(scorm_files(manifest))
    [item] = package.launchable()
    assert (item.launch, item.query) == ("https://elsewhere.example/a", "?b=1")
    assert [issue.code for issue in package.issues] == ["launch-elsewhere"]


def test_a_page_written_in_other_letter_case_is_found_and_told() -> None:
    package = read({"imsmanifest.xml": scorm_manifest(), "Index.HTML": PAGE})
    assert next(package.launchable()).launch == "Index.HTML"
    assert [issue.code for issue in package.issues] == ["file-name-case"]


def test_the_shallowest_manifest_counts() -> None:
    inner = scorm_manifest(resources=RESOURCE.replace("index", "inner"))
    files = {**scorm_files(), "deep/imsmanifest.xml": inner, "deep/inner.html": PAGE}
    assert next(read(files).launchable()).launch == "index.html"


def test_titles_are_text_and_bounded() -> None:
    title = "&lt;script&gt;alert(1)&lt;/script&gt;" + "x" * 1000
    package = read(scorm_files(scorm_manifest(ITEM.replace("Lesson", title))))
    [text] = next(package.launchable()).title.values()
    assert text.startswith("<script>")
    assert len(text) == 500


def test_languages_and_description_come_from_the_metadata() -> None:
    lom = (
        '<lom xmlns="http://ltsc.ieee.org/xsd/LOM"><general><language>de_at</language><description>'
        '<string language="en-us">About</string><string language="x-none">?</string></description></general></lom>'
    )
    manifest = scorm_manifest(version=V4).replace(b"</metadata>", lom.encode() + b"</metadata>")
    package = read(scorm_files(manifest))
    assert package.languages == ("de-AT", "en-US")
    assert package.description == {"en-US": "About", "und": "?"}


def test_parameters_by_which_content_looks_for_another_system_are_told() -> None:
    manifest = scorm_manifest(ITEM.replace("identifierref", 'parameters="?endpoint=x" identifierref'))
    assert [issue.code for issue in read(scorm_files(manifest)).issues] == ["reserved-parameter"]


SEQUENCED = """<imsss:sequencing IDRef="shared">
  <imsss:controlMode choice="false" flow="true"/>
  <imsss:sequencingRules><imsss:preConditionRule>
    <imsss:ruleConditions conditionCombination="any">
      <imsss:ruleCondition referencedObjective="previous" operator="not" condition="satisfied"/>
      <imsss:ruleCondition condition="objectiveMeasureGreaterThan" measureThreshold="0.5"/>
    </imsss:ruleConditions><imsss:ruleAction action="disabled"/></imsss:preConditionRule></imsss:sequencingRules>
  <imsss:limitConditions attemptLimit="2"/>
  <imsss:rollupRules objectiveMeasureWeight="0.25"><imsss:rollupRule childActivitySet="any">
    <imsss:rollupConditions><imsss:rollupCondition operator="not" condition="satisfied"/></imsss:rollupConditions>
    <imsss:rollupAction action="notSatisfied"/></imsss:rollupRule></imsss:rollupRules>
  <imsss:objectives><imsss:primaryObjective satisfiedByMeasure="true">
      <imsss:minNormalizedMeasure>0.6</imsss:minNormalizedMeasure>
      <imsss:mapInfo targetObjectiveID="g1" writeSatisfiedStatus="true"/></imsss:primaryObjective>
    <imsss:objective objectiveID="previous"/></imsss:objectives>
  <imsss:randomizationControls reorderChildren="true" randomizationTiming="onEachNewAttempt"/>
  <adlseq:objectives><adlseq:objective objectiveID="previous">
    <adlseq:mapInfo targetObjectiveID="g2" writeCompletionStatus="true"/></adlseq:objective></adlseq:objectives>
</imsss:sequencing>
<adlnav:presentation><adlnav:navigationInterface><adlnav:hideLMSUI>continue</adlnav:hideLMSUI>
</adlnav:navigationInterface></adlnav:presentation>
<adlcp:completionThreshold completedByMeasure="true" minProgressMeasure="0.7" progressWeight="0.5"/>
<adlcp:data><adlcp:map targetID="notes" writeSharedData="true"/></adlcp:data>"""
SHARED = """<imsss:sequencingCollection><imsss:sequencing ID="shared">
  <imsss:controlMode choice="true"/><imsss:deliveryControls tracked="false"/>
</imsss:sequencing></imsss:sequencingCollection></manifest>"""


def test_sequencing_becomes_the_activity_tree_of_the_engine() -> None:
    item = ITEM.replace("</item>", SEQUENCED + "</item>")
    manifest = scorm_manifest(item, version=V4).replace(b"</manifest>", SHARED.encode())
    package = read(scorm_files(manifest))
    assert package.sequencing is not None
    tree = package.sequencing["activityTree"]
    assert (tree["id"], tree["title"], len(tree["children"])) == ("o1", "Course", 1)
    unmapped = {f"read{what}": False for what in
                ("SatisfiedStatus", "NormalizedMeasure", "CompletionStatus", "ProgressMeasure", "RawScore",
                 "MinScore", "MaxScore")}  # fmt: skip
    assert tree["children"][0] == {
        "id": "i1",
        "title": "Lesson",
        "isVisible": True,
        "attemptLimit": 2,
        "sequencingControls": {
            "choice": False, "flow": True, "objectiveMeasureWeight": 0.25, "randomizeChildren": True,
            "randomizationTiming": "onEachNewAttempt",
        },
        "deliveryControls": {"tracked": False},  # the collection's; its controlMode is replaced by the item's own
        "sequencingRules": {"preConditionRules": [{
            "action": "disabled",
            "conditionCombination": "any",
            "conditions": [
                {"condition": "satisfied", "operator": "not", "referencedObjective": "previous"},
                {"condition": "objectiveMeasureGreaterThan", "parameters": {"threshold": 0.5}},
            ],
        }]},
        "rollupRules": {"rules": [{
            "action": "notSatisfied",
            "consideration": "any",
            "conditionCombination": "any",
            "conditions": [{"condition": "satisfied", "operator": "not"}],
        }]},
        "primaryObjective": {
            "objectiveID": "i1.primary",
            "satisfiedByMeasure": True,
            "minNormalizedMeasure": 0.6,
            "mapInfo": [unmapped | {"targetObjectiveID": "g1", "readSatisfiedStatus": True,
                                    "readNormalizedMeasure": True, "writeSatisfiedStatus": True}],
        },
        "objectives": [{
            "objectiveID": "previous",
            "mapInfo": [unmapped | {"targetObjectiveID": "g2", "readCompletionStatus": True,
                                    "readProgressMeasure": True, "readRawScore": True, "readMinScore": True,
                                    "readMaxScore": True, "writeCompletionStatus": True}],
        }],
        "completionThreshold": {"completedByMeasure": True, "minProgressMeasure": 0.7, "progressWeight": 0.5},
        "hideLmsUi": ["continue"],
        "sharedDataMaps": [{"targetID": "notes", "writeSharedData": True}],
    }  # fmt: skip
    scorm = next(package.launchable()).scorm
    assert scorm is not None
    assert (scorm.scaled_passing_score, scorm.completion_threshold, scorm.hide_lms_ui) == (
        0.6,
        0.7,
        ("continue",),
    )


def test_a_collection_that_is_not_there_is_told() -> None:
    item = ITEM.replace("</item>", '<imsss:sequencing IDRef="none"/></item>')
    package = read(scorm_files(scorm_manifest(item, version=V4)))
    assert [issue.code for issue in package.issues] == ["sequencing-missing"]


def test_activity_iris_lie_below_the_course_and_do_not_depend_on_the_version() -> None:
    package = read(scorm_files(scorm_manifest(ITEM.replace("i1", "a/b c"))))
    [item] = package.launchable()
    assert item_iri(package, "https://lrs.example/c/1", item) == "https://lrs.example/c/1/a%2Fb%20c"
    assert item_iri(package, "https://lrs.example/c/1", package.root) == "https://lrs.example/c/1"
    html = replace(package, kind=Kind.HTML)
    assert item_iri(html, "https://lrs.example/c/1", item) == "a/b c"


def test_a_package_is_the_same_after_json() -> None:
    item = ITEM.replace("</item>", SEQUENCED + "</item>")
    package = read(scorm_files(scorm_manifest(item, version=V4)))
    assert package_from_json(orjson.loads(orjson.dumps(package_to_json(package)))) == package


NAMES = st.sampled_from(
    ["item", "title", "organization", "resource", "sequencing", "objectives", "mapInfo", "metadata", "presentation",
     "completionThreshold", "manifest", "ruleConditions", "masteryscore", "resources", "organizations"]
)  # fmt: skip
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["identifier", "identifierref", "href", "xml:base", "parameters", "default", "scormType",
                     "IDRef", "ID", "attemptLimit", "objectiveID", "targetObjectiveID", "isvisible"]),
    st.sampled_from(["", "a", "r1", "i1", "o1", "index.html", "../x", "http://[", "?a=1", "#", "-1", "1e9", "é"]),
    max_size=4,
)  # fmt: skip


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> str:
    attributes = "".join(f' {name}="{value}"' for name, value in draw(ATTRIBUTES).items())
    inner = "".join(draw(st.lists(elements(depth + 1), max_size=3))) if depth < 4 else ""
    name = draw(NAMES)
    return f"<{name}{attributes}>{inner}{draw(st.sampled_from(['', 'text', '0.5', '80']))}</{name}>"


@given(st.lists(elements(), max_size=4), st.sampled_from(["1.2", V4, "2004 3rd Edition", "?"]))
def test_any_manifest_is_a_package_or_refused(parts: list[str], version: str) -> None:
    manifest = scorm_manifest("".join(parts[:2]) + ITEM, RESOURCE + "".join(parts[2:]), version=version)
    found = outcome(scorm_files(manifest))
    assert found
    if isinstance(found, Package):
        assert package_from_json(orjson.loads(orjson.dumps(package_to_json(found)))) == found
        assert all(item.launch for item in found.launchable())
