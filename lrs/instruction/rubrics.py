"""Rubrics: criteria with levels and points, and a pass mark; a change is a version, older ones stay.

rubrics {_id "<rubric>-<number>", org, rubric, number, title, activity (IRI), pass_mark (points or None),
         criteria [{id, name, levels [{id, name, points}]}], superseded_at, created_at, by}

An organization uses its own rubrics and those of the organizations above it, and changes its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.access.organizations import get_org
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import InvalidField, Outdated, UnknownThing
from statements.errors import InvalidQuery
from statements.query.parameters import read_iri

Document = dict[str, Any]
MOST_CRITERIA: Final = 20
MOST_LEVELS: Final = 8
LONGEST: Final = 200  # characters of a name
MOST_POINTS: Final = 1000

INDEXES: dict[str, list[IndexModel]] = {
    "rubrics": [
        IndexModel([("org", ASCENDING), ("rubric", ASCENDING), ("number", ASCENDING)], unique=True),
        IndexModel([("org", ASCENDING), ("superseded_at", ASCENDING), ("title", ASCENDING)]),
    ]
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the chosen levels come to: points of how many, and whether that passes (None without a mark)."""

    points: int
    most: int
    passed: bool | None


def read_criteria(text: str) -> list[Document]:
    """Read criteria, one a line: `Safety: Not seen 0, With help 1, Alone 2`; raises InvalidField."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= MOST_CRITERIA:
        raise InvalidField("criteria", f"1 to {MOST_CRITERIA} lines")
    found: list[Document] = []
    for number, line in enumerate(lines, start=1):
        name, colon, rest = line.partition(":")
        if not colon or not 1 <= len(name.strip()) <= LONGEST:
            raise InvalidField(
                "criteria", f"line {number}: a name, a colon, then levels: 'Safety: No 0, Yes 1'"
            )
        levels = [_level(one, number) for one in rest.split(",")]
        if not 2 <= len(levels) <= MOST_LEVELS:
            raise InvalidField("criteria", f"line {number}: 2 to {MOST_LEVELS} levels")
        found.append({"name": name.strip(), "levels": levels})
    return with_ids(found)


def with_ids(criteria: Sequence[Mapping[str, Any]]) -> list[Document]:
    """Return criteria {name, levels [{name, points}]} with ids for all; raises InvalidField."""
    found = [{"name": one["name"], "levels": _named(one["levels"])} for one in criteria]
    if sum(_most(one) for one in found) == 0:
        raise InvalidField("criteria", "some level has points")
    return _named(found)


def written(criteria: Sequence[Mapping[str, Any]]) -> str:
    """Return criteria as `read_criteria` takes them."""
    return "\n".join(
        f"{one['name']}: " + ", ".join(f"{level['name']} {level['points']}" for level in one["levels"])
        for one in criteria
    )


def _level(text: str, number: int) -> Document:
    name, _, points = text.strip().rpartition(" ")
    if not re.fullmatch(r"[0-9]{1,4}", points) or int(points) > MOST_POINTS or not 1 <= len(name) <= LONGEST:
        raise InvalidField(
            "criteria",
            f"line {number}: {text.strip()[:40]!r} is no level: a name, then points up to {MOST_POINTS}",
        )
    return {"name": name.strip(), "points": int(points)}


def _named(rows: Sequence[Mapping[str, Any]]) -> list[Document]:
    """Give each an id made of its name; raises InvalidField where two would have the same."""
    found: dict[str, Document] = {}
    for row in rows:
        name = re.sub(r"[^a-z0-9]+", "-", row["name"].lower()).strip("-")[:64] or f"n{len(found) + 1}"
        if name in found:
            raise InvalidField("criteria", f"two are called {row['name']!r}")
        found[name] = {"id": name, **row}
    return list(found.values())


def _most(criterion: Mapping[str, Any]) -> int:
    return int(max(level["points"] for level in criterion["levels"]))


def of_use(db: Database[Document], org: str) -> Document:
    """Return the filter of the newest version of each rubric that an organization may use."""
    return {"org": {"$in": [org, *get_org(db, org)["ancestors"]]}, "superseded_at": None}


def usable(db: Database[Document], org: str) -> list[Document]:
    """Return the newest version of each rubric that an organization may use."""
    return list(db.rubrics.find(of_use(db, org)).sort("title", ASCENDING))


def get_rubric(db: Database[Document], org: str, rubric: str, number: int | None = None) -> Document:
    """Return a version of a rubric that an organization may use, else the newest; raises UnknownThing."""
    orgs = [org, *get_org(db, org)["ancestors"]]
    which: Document = {"superseded_at": None} if number is None else {"number": number}
    found: Document | None = db.rubrics.find_one({"org": {"$in": orgs}, "rubric": rubric, **which})
    if found is None:
        raise UnknownThing("rubric", rubric)
    return found


def put_rubric(
    editor: Editor, org: str, wish: Mapping[str, Any], before: Mapping[str, Any] | None, base: str
) -> Document:
    """Make a rubric, or the next version of `before`, of {title, activity?, pass_mark?, criteria}.

    Without an activity it keeps its own, at first one below `base`. Raises InvalidField, or Outdated where
    somebody was faster.
    """
    rubric = before["rubric"] if before else "r" + new_id(editor.now)
    number = before["number"] + 1 if before else 1
    kept = before["activity"] if before else f"{base}/rubrics/{rubric}"
    document = {
        "_id": f"{rubric}-{number}", "org": org, "rubric": rubric, "number": number,
        "title": _title(wish.get("title", "")),
        "activity": check_activity("activity", wish.get("activity") or kept),
        "criteria": wish["criteria"], "pass_mark": wish.get("pass_mark"),
        "superseded_at": None, "created_at": editor.now, "by": editor.who,
    }  # fmt: skip
    most = sum(_most(one) for one in document["criteria"])
    if document["pass_mark"] is not None and not 1 <= document["pass_mark"] <= most:
        raise InvalidField("pass_mark", f"is 1 to {most}, all points of the criteria")

    def act(session: ClientSession) -> Document:
        if before is not None:
            over = {"$set": {"superseded_at": editor.now}}
            editor.db.rubrics.update_one(
                {"_id": before["_id"], "org": org, "superseded_at": None}, over, session=session
            )
        try:
            editor.db.rubrics.insert_one(document, session=session)
        except DuplicateKeyError as error:
            raise Outdated("rubric") from error
        editor.note("rubric.put", "rubric", rubric, org=org, before=before, after=document)
        return document

    return editor.change(act)


def outcome(rubric: Mapping[str, Any], chosen: Mapping[str, str], path: str) -> Outcome:
    """Return what the levels {criterion: level} come to; raises InvalidField where one is missing."""
    points = 0
    for criterion in rubric["criteria"]:
        level = next((one for one in criterion["levels"] if one["id"] == chosen.get(criterion["id"])), None)
        if level is None:
            raise InvalidField(path, f"{criterion['name']}: choose a level")
        points += level["points"]
    mark = rubric["pass_mark"]
    most = sum(_most(one) for one in rubric["criteria"])
    return Outcome(points, most, None if mark is None else points >= mark)


def _title(text: str) -> str:
    if not 1 <= len(text.strip()) <= LONGEST:
        raise InvalidField("title", f"has 1 to {LONGEST} characters")
    return text.strip()


def check_activity(path: str, text: str) -> str:
    """Return the IRI of an activity; raises InvalidField."""
    try:
        return read_iri(path, text[:2001], "2.0.0")
    except InvalidQuery as error:
        raise InvalidField(
            path, "is the address (IRI) of an activity, such as https://acme.example/lab"
        ) from error
