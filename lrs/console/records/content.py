"""Content: what is there, its versions and their problems, who learns with it, uploading and publishing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from flask import Response, request

from lrs.access.auth import current_principal
from lrs.access.organizations import get_org
from lrs.api.records import content as api
from lrs.api.rights import directory, editor, org_filter, visible_org
from lrs.console.forms import read, sent
from lrs.console.lists import Rows, Span, asked, listed, seek
from lrs.console.organizations.people import org_names
from lrs.console.records.learning import Figures, figures
from lrs.console.settings.scores import POLICY_WORDS
from lrs.console.shell import Pages, may, redirected, show
from lrs.content.attempts.policy import Policy
from lrs.content.cmi5.registrations import Registrations
from lrs.content.library import housekeeping, intake, items
from lrs.content.library.intake import Upload
from lrs.content.opening import open_content
from lrs.content.origin.problems import seen
from lrs.content.packages.model import PLAYED, Kind
from lrs.content.packages.read import Wish
from lrs.content.player.launches import Wanted, registrations_of
from lrs.content.player.records import attempts_of, raw_of
from lrs.content.player.stopping import stopped_at
from lrs.foundation.context import current_services
from lrs.foundation.errors import Collision, InvalidField, UnknownThing
from lrs.words.reader import mark

Document = dict[str, Any]
COLUMNS: Final = ("id", "title", "org", "kind", "published", "latest", "learners", "updated_at")
LEARNERS: Final = ("registration", "person", "identifier", "begun_at", "attempts", "last_at", "standing")
UPLOADS: Final = 10  # that wait, are read, or were refused
BLOCK: Final = 256 * 1024
ACTS: Final = ("publish", "withdraw", "discard")
KIND_WORDS: Final = {
    "cmi5": "cmi5",
    "tincan": "Tin Can",
    "scorm12": "SCORM 1.2",
    "scorm2004": "SCORM 2004",
    "h5p": "H5P",
    "html": "HTML",
}
STATE_WORDS: Final = {
    "waiting": mark("waits to be read"),
    "reading": mark("is being read"),
    "draft": mark("draft"),
    "published": mark("published"),
    "withdrawn": mark("withdrawn"),
    "refused": mark("refused"),
}
SEVERITIES: Final = {
    "error": (mark("error"), "bad"),
    "warning": (mark("warning"), "late"),
    "note": (mark("note"), "open"),
}
PROBLEM_WORDS: Final = {
    "script": mark("a script failed"),
    "request": mark("did not load"),
    "interface": mark("SCORM interface misused"),
    "storage": mark("storing in the browser failed"),
    "saving": mark("saving was delayed"),
}
TONES: Final = {"published": "good", "refused": "bad", "waiting": "late", "reading": "late"}

blueprint = Pages("console_content", __name__)


def title_of(titles: Any) -> str:
    """Return one title of a map by language: English or German by the text, else the first."""
    found = titles if isinstance(titles, dict) else {}
    return str(
        next(
            (found[one] for one in ("en", "en-US", "de", "und") if one in found),
            next(iter(found.values()), ""),
        )
    )


@listed(blueprint, "/console/content", scope="content/read", template="content.html")
def content(span: Span) -> Rows:
    """List the content items of the organizations that the user sees, the newest first."""
    db, filters = current_services().db, asked("org")
    if "org" in filters:
        visible_org(filters["org"])
    found, last = seek(db.content_items, {"$and": [org_filter(), filters]}, span, newest_first=True)
    owners = sorted({one["org"] for one in found})
    counts = {
        row["_id"]: row["n"]
        for row in db.content_enrolments.aggregate([
            {"$match": {"org": {"$in": owners}, "item": {"$in": [one["_id"] for one in found]}}},
            {"$group": {"_id": "$item", "n": {"$sum": 1}}},
        ])
    }  # fmt: skip
    rows = [
        {**one, "id": one["_id"], "title": title_of(one["title"]), "learners": counts.get(one["_id"], 0)}
        for one in found
    ]
    wanted = {"$and": [org_filter(), filters, {"state": {"$in": ["waiting", "reading", "draft", "refused"]}}]}
    uploads = db.content_versions.find(wanted, {"package": 0}).sort("_id", -1).limit(UPLOADS)
    return Rows(
        COLUMNS, rows, last,
        {"filters": filters, "orgs": org_names(), **_words(),
         "uploads": list(uploads) if span.after is None else []},
    )  # fmt: skip


def _words() -> Document:
    most = current_services().settings.content_max_mb
    kinds = {one.value: KIND_WORDS.get(one.value, one.value) for one in Kind}
    return {
        "kinds": kinds,
        "states": STATE_WORDS,
        "tones": TONES,
        "severities": SEVERITIES,
        "most": most,
        "title_of": title_of,
    }


@blueprint.post("/console/content", scope="content/write")
def upload() -> Response:
    """Take in a package; the worker reads it, and its page tells how far that is."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InvalidField("file", "choose the package to send")
    args = read(
        api.UploadArgs, {"name": file.filename[-255:], **sent("org", "item", "kind", "activity", "title")}
    )
    org = visible_org(args["org"]) if "org" in args else current_principal().org
    get_org(current_services().db, org)
    if "item" in args:
        org = api.seen_item(args["item"])["org"]
    wish = Wish(args.get("kind"), args.get("activity"), args.get("title"))
    stream = file.stream

    def blocks() -> Iterator[bytes]:
        while block := stream.read(BLOCK):
            yield block

    made = intake.receive(
        api.library(), editor(), Upload(org, args["name"], wish, args.get("item")), blocks()
    )
    return redirected(f"/console/content/versions/{made['_id']}")


@blueprint.get("/console/content/<item>", scope="content/read")
def item(item: str) -> Response:
    """Show an item: its versions, who learns with it and how it goes, and how it is opened."""
    services, found = current_services(), api.seen_item(item)
    versions = items.versions_of(services.db, item)
    shown = None  # a version that waits to be read has no number yet
    if found["published"] is not None:
        shown = next((one for one in versions if one["number"] == found["published"]), None)
    activities, stopped, parts = {found["activity"]}, [], {}
    if shown is not None:
        version = items.get_version(services.db, shown["_id"])
        activities |= {one["iri"] for one in api.detailed(version)["parts"]}
        package = items.package_of(version)
        stopped = stopped_at(services.db, found["org"], item, package)
        parts = {one.id: title_of(one.title) for one in package.launchable()}
    learning: Figures | None = figures(found["org"], sorted(activities)) if may("analytics") else None
    return show(
        "content_item.html", item=found, title=title_of(found["title"]), versions=versions, orgs=org_names(),
        learning=learning,
        learners=services.db.content_enrolments.count_documents({"org": found["org"], "item": item}),
        start=f"{services.settings.public_url}/start/{item}", visible=_criteria(found["visible"]),
        policy=asdict(Policy.of(found.get("policy"))), policy_words=POLICY_WORDS,
        attempts=services.db.attempts.count_documents({"org": found["org"], "item": item}),
        stopped=stopped, parts=parts, problems=seen(services.db, found["org"], item),
        problem_words=PROBLEM_WORDS, numbers={one["_id"]: one["number"] for one in versions}, **_words(),
    )  # fmt: skip


def _criteria(visible: Document) -> list[tuple[str, str]]:
    """Return who may see an item as names of criteria and their values."""
    return [
        (name, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for name, value in sorted(visible.items())
        if value
    ]


@listed(blueprint, "/console/content/<item>/learners", scope="content/read", template="content_learners.html")
def learners(span: Span, item: str) -> Rows:
    """List who began an item: when, how often, and what stands."""
    db, found = current_services().db, api.seen_item(item)
    wanted: Document = {
        "org": found["org"],
        "item": item,
    }  # one enrolment of each identifier: its order will do
    if span.after is not None:
        if len(span.after) != 1 or span.after[0] is None:
            raise InvalidField("after", "is not a position of this list")
        wanted["ifi"] = {"$gt": span.after[0]}
    rows = list(db.content_enrolments.find(wanted).sort("ifi", 1).limit(span.limit + 1))
    last = [rows[span.limit - 1]["ifi"]] if len(rows) > span.limit else None
    rows = rows[: span.limit]
    registrations = [one["_id"] for one in rows]
    tries: dict[str, list[Document]] = {}
    for one in db.attempts.find({"org": found["org"], "registration": {"$in": registrations}}).sort(
        "number", 1
    ):
        tries.setdefault(one["registration"], []).append(one)
    names = people_of([one["person"] for one in rows if one.get("person")])
    items_of = [_learner(one, tries.get(one["_id"], []), names) for one in rows]
    return Rows(LEARNERS, items_of, last, {"item": found, "title": title_of(found["title"]), "names": names})


def _learner(row: Document, tries: list[Document], names: dict[str, str]) -> Document:
    seen = row.get("person") in names
    return {
        "registration": row["_id"], "person": row.get("person"), "begun_at": row.get("created_at"),
        "identifier": row["ifi"] if seen or not row.get("person") else None,
        "attempts": len(tries), "last_at": tries[-1]["last_at"] if tries else None,
        "standing": (tries[-1].get("course") or {}).get("standing") if tries else None,
    }  # fmt: skip


def people_of(ids: list[str]) -> dict[str, str]:
    """Return the names of people by their ids, of those whom the user sees."""
    if not may("people") or not ids:
        return {}
    found = current_services().db.people.find({"$and": [directory().filter(), {"_id": {"$in": ids}}]})
    return {one["_id"]: one.get("name") or one.get("email") or one["_id"] for one in found}


@blueprint.get("/console/content/<item>/learners/<registration>", scope="content/read")
def attempts(item: str, registration: str) -> Response:
    """Show the attempts of one learner, part by part, with what was refused: for support."""
    services, found = current_services(), api.seen_item(item)
    row, known = _enrolled(found, registration), UUID(registration)
    is_open = found["published"] is not None
    has_review = is_open and items.current_version(services.db, found)["kind"] in PLAYED
    sessions: list[Document] = []
    for one in registrations_of(row):
        with suppress(UnknownThing):  # not cmi5, or nothing was opened yet
            sessions += Registrations(services.db).get(UUID(one))["sessions"]
    return show(
        "content_attempts.html", item=found, title=title_of(found["title"]), row=row,
        attempts=attempts_of(services.db, item, known), sessions=sessions, has_review=has_review,
        names=people_of([row["person"]] if row.get("person") else []),
    )  # fmt: skip


@blueprint.get("/console/content/<item>/learners/<registration>/attempts/<attempt>", scope="content/read")
def raw(item: str, registration: str, attempt: str) -> Response:
    """Show the data of each SCO of an attempt, as it came: for support."""
    services, found = current_services(), api.seen_item(item)
    row = _enrolled(found, registration)
    data = raw_of(services.db, item, UUID(row["_id"]), attempt)
    texts = {part: json.dumps(cmi, indent=2, ensure_ascii=False) for part, cmi in data.items()}
    return show("content_raw.html", item=found, title=title_of(found["title"]), row=row, texts=texts)


@blueprint.post("/console/content/<item>/learners/<registration>/review", scope="content/write")
def review(item: str, registration: str) -> Response:
    """Open what the learner sees, where nothing that happens counts; the audit says who looked.

    Refused for kinds whose content would speak in the learner's name, which a cmi5 session has to in any mode
    (cmi5 10.2.2).
    """
    services, found, who = current_services(), api.seen_item(item), editor()
    row = _enrolled(found, registration)
    kind = items.current_version(services.db, found)["kind"]
    if kind not in PLAYED:
        raise Collision(
            f"{KIND_WORDS[kind]} content speaks in the learner's name, so nobody else can look at it"
        )
    wanted = Wanted(
        org=found["org"],
        item=item,
        actor=row["actor"],
        person=row.get("person"),
        language=request.accept_languages.best or "en",
        mode="review",
    )
    opened = open_content(services.settings, who, wanted, menu=True)

    def act(_: object) -> None:
        who.note("content.review", "content", item, org=found["org"], after={"registration": registration})

    who.change(act)
    response = redirected(opened.url)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _enrolled(item: Document, registration: str) -> Document:
    """Return who opened an item; raises UnknownThing."""
    key = {"_id": registration, "org": item["org"], "item": item["_id"]}
    row = current_services().db.content_enrolments.find_one(key)
    if row is None:
        raise UnknownThing("registration", registration)
    return row


@blueprint.get("/console/content/versions/<version>", scope="content/read")
def version(version: str) -> Response:
    """Show one version: how far its reading is, its problems, its parts, foreign addresses inside."""
    found = api.detailed(api.seen_version(version))
    item = items.get_item(current_services().db, found["item"]) if found.get("item") else None
    return show(
        "content_version.html", one=found, item=item, orgs=org_names(),
        waits=found["state"] in items.UNREAD, **_words(),
    )  # fmt: skip


@blueprint.post("/console/content/versions/<version>", scope="content/write")
def change(version: str) -> Response:
    """Publish, withdraw or discard a version: what the button says."""
    found, action = api.seen_version(version), sent("action").get("action")
    if action == "publish":
        items.publish(editor(), version)
    elif action == "withdraw":
        items.withdraw(editor(), version)
    elif action == "discard":
        housekeeping.discard(api.library(), editor(), version)
        return redirected("/console/content")
    else:
        raise InvalidField("action", f"is one of {', '.join(ACTS)}")
    return redirected(f"/console/content/{found['item']}")
