"""What instructors signed off, as a credential carries it: points, levels of a rubric, evidence files. Pure.

Only where the holder lets others see the evidence: who gives a credential away gives this away with it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from rules.stored import ASSESSMENTS, Document

RUBRIC: Final = (
    "/extensions/rubric"  # ends the extension that names the version; a criterion's has its id below
)


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file that lies beside a statement; `sha2` is its SHA-256 in hexadecimal."""

    name: str
    kind: str
    sha2: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """One sign-off by a version of a rubric: `levels` maps criteria to the levels that were reached."""

    statement: str
    rubric: Mapping[str, Any]
    levels: Mapping[str, str]
    points: int
    most: int
    passed: bool | None
    files: tuple[EvidenceFile, ...]

    @property
    def said(self) -> list[Any]:
        """Return all that a credential says of it, as JSON, for a digest."""
        files = [[one.name, one.kind, one.sha2] for one in self.files]
        return [self.rubric["_id"], dict(self.levels), self.points, self.passed, files]


def rubric_named(row: Mapping[str, Any]) -> str | None:
    """Return the version of a rubric that a statement of ours names, None for any other statement."""
    if row.get("client") != ASSESSMENTS or "raw" not in row:
        return None
    extensions = orjson.loads(row["raw"]).get("context", {}).get("extensions", {})
    return next((str(value) for iri, value in extensions.items() if iri.endswith(RUBRIC)), None)


def assessment_of(row: Mapping[str, Any], rubrics: Mapping[str, Document]) -> Assessment | None:
    """Return the sign-off that a stored statement tells of; None where it is none, or its rubric unknown."""
    rubric = rubrics.get(rubric_named(row) or "")
    if rubric is None:
        return None
    value = orjson.loads(row["raw"])
    result = value["result"]
    said = {iri.partition(f"{RUBRIC}/")[2]: level for iri, level in result["extensions"].items()}
    files = tuple(
        EvidenceFile(next(iter(one["display"].values())), one["contentType"], one["sha2"])
        for one in value.get("attachments", ())
    )
    return Assessment(
        value["id"],
        rubric,
        {one["id"]: said[one["id"]] for one in rubric["criteria"] if one["id"] in said},
        int(result["score"]["raw"]),
        int(result["score"]["max"]),
        result.get("success"),
        files,
    )


def descriptions(found: Iterable[Assessment], achievement: str) -> list[dict[str, Any]]:
    """Return the ResultDescriptions of an achievement, each once: points, and the levels of criteria."""
    made: dict[str, dict[str, Any]] = {}
    for one in found:
        mark = one.rubric["pass_mark"]
        points = {
            "id": f"{achievement}#{one.rubric['_id']}", "type": ["ResultDescription"],
            "name": one.rubric["title"], "resultType": "RawScore", "valueMin": "0", "valueMax": str(one.most),
            "requiredValue": None if mark is None else str(mark),
        }  # fmt: skip
        made[points["id"]] = points
        for criterion in one.rubric["criteria"]:
            name = f"{points['id']}.{criterion['id']}"
            made[name] = {
                "id": name, "type": ["ResultDescription"], "name": criterion["name"],
                "resultType": "RubricCriterionLevel",
                "rubricCriterionLevel": [
                    {
                        "id": f"{name}.{level['id']}", "type": ["RubricCriterionLevel"],
                        "name": level["name"], "points": str(level["points"]),
                    }
                    for level in criterion["levels"]
                ],
            }  # fmt: skip
    return list(made.values())


def results(found: Iterable[Assessment], achievement: str) -> Iterator[dict[str, Any]]:
    """Yield the Results of a holder: the points, and the level that was reached of each criterion."""
    for one in found:
        place = f"{achievement}#{one.rubric['_id']}"
        status = {True: "Completed", False: "Failed", None: None}[one.passed]
        yield {"type": ["Result"], "resultDescription": place, "value": str(one.points), "status": status}
        for criterion, level in one.levels.items():
            yield {
                "type": ["Result"], "resultDescription": f"{place}.{criterion}",
                "achievedLevel": f"{place}.{criterion}.{level}",
            }  # fmt: skip


def evidence(found: Iterable[Assessment], url: str) -> list[dict[str, Any]]:
    """Return an Evidence for each file, with its media type and its SHA-256 as of Subresource Integrity."""
    files = {one.sha2: one for each in found for one in each.files}
    return [
        {
            "id": f"{url}/evidence/{one.sha2}", "type": ["Evidence"], "name": one.name, "mediaType": one.kind,
            "digestSRI": f"sha256-{base64.b64encode(bytes.fromhex(one.sha2)).decode()}",
        }
        for one in files.values()
    ]  # fmt: skip
