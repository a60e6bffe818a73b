"""/instructor/sign-off: a whole group by a rubric in one form, with files; and taking it back."""

from __future__ import annotations

import datetime as dt
from heapq import nsmallest
from typing import Any, Final

from flask import Response, g, request

from lrs.access.organizations import VENDOR
from lrs.api.instruction.signer import people_of
from lrs.api.rights import directory, visible_org, visible_orgs
from lrs.console.shell import redirected
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.instruction import bookings, evidence_files, rubrics, sessions, signing
from lrs.instruction.evidence_files import find_file, signed_off
from lrs.portal.mine import me
from lrs.portal.teaching import (
    Teaching,
    chosen_people,
    fresh_ids,
    orgs,
    page,
    seen_at,
    signer,
    statement_id,
    written,
)
from statements.intake.attachments import Part

Document = dict[str, Any]
RECENT: Final = dt.timedelta(days=30)
AT_ONCE: Final = 500  # people who are read together: an organization may have many

blueprint = Teaching("instructor_signing", __name__)


@blueprint.get("/instructor/sign-off", scope="assess")
def form() -> Response:
    """Show the form: first by which rubric and whom, then the levels of each."""
    services, here = current_services(), g.principal.org
    now, asked = services.now(), {name: request.args.get(name, "").strip() for name in ("rubric", "of", "q")}
    context: Document = {
        "rubrics": rubrics.usable(services.db, here), "asked": asked,
        "orgs": [one for one in orgs() if one["_id"] != VENDOR],  # nobody belongs to it
        "sessions": sessions.kept_by(services.db, visible_orgs(), now - RECENT), "rubric": None,
        "mine": me()["_id"], "largest": evidence_files.LARGEST // 1024 // 1024, "most": signing.MOST,
    }  # fmt: skip
    if asked["rubric"] and asked["of"]:
        context["rubric"] = rubrics.get_rubric(services.db, here, asked["rubric"])
        context["people"] = people_of_source(asked["of"], asked["q"])
        context["ids"] = fresh_ids(context["people"])
    return page("sign_off.html", **context)


def people_of_source(source: str, words: str) -> list[Document]:
    """Return the people of a session (`s:ID`) or organization (`o:ID`), by name, without the instructor."""
    db, known = current_services().db, directory()
    kind, _, name = source.partition(":")
    if kind == "s":
        of = sessions.get_session(db, name, visible_orgs())
        ids = [row["person"] for row in bookings.roster(db, of) if row["state"] == "booked"]
        members = known.members()
        ids = ids if members is None else sorted(set(ids) & set(members))
    else:
        ids = known.members_of(visible_org(name))
    low, others = words.lower(), [one for one in ids if one != me()["_id"]]
    found = (
        one
        for start in range(0, len(others), AT_ONCE)
        for one in known.present_each(list(db.people.find({"_id": {"$in": others[start : start + AT_ONCE]}})))
        if low in (one.get("name") or "").lower() or low in (one.get("email") or "")
    )
    return nsmallest(signing.MOST, found, key=lambda one: (one.get("name") or "").lower())


@blueprint.post("/instructor/sign-off", scope="assess")
def sign() -> Response:
    """Write what was seen of each who is ticked; all of them, or none."""
    services, here = current_services(), g.principal.org
    number = request.form.get("number", "")
    if not number.isascii() or not number.isdigit():
        raise InvalidField("rubric", "the form lacks the version of the rubric; load it again")
    rubric = rubrics.get_rubric(services.db, here, request.form.get("rubric", ""), int(number[:9]))
    of = request.form.get("of", "")
    seen_in = sessions.get_session(services.db, of[2:], visible_orgs()) if of.startswith("s:") else None
    chosen = chosen_people()
    people = {one["_id"]: one for one in people_of(chosen)}
    if len(people) != len(set(chosen)):
        raise InvalidField("people", "somebody stands there twice")
    findings = [
        signing.Finding(
            statement_id(one), one, levels_of(rubric, one), request.form.get(f"note.{one}", "").strip(),
            files_of(one),
        )
        for one in chosen
    ]  # fmt: skip
    ids = signing.observe(
        services.db, signer(), rubric, findings, at=seen_at(), now=services.now(), of=seen_in
    )
    return written(ids, "/instructor?saved=attendance#signed")


def levels_of(rubric: Document, person: str) -> dict[str, str]:
    """Return the levels of one person: their own, where none is chosen that of the group."""
    return {
        one["id"]: request.form.get(f"level.{person}.{one['id']}")
        or request.form.get(f"level.{one['id']}", "")
        for one in rubric["criteria"]
    }


def files_of(person: str) -> list[tuple[str, Part]]:
    """Return the files of one person; raises InvalidField."""
    name = f"file.{person}"
    files = [one for one in request.files.getlist(name) if one.filename]
    if len(files) > evidence_files.MOST:
        raise InvalidField("file", f"at most {evidence_files.MOST} files of each person")
    read = [
        (one.filename or "", evidence_files.read_file("file", one.stream.read(evidence_files.LARGEST + 1)))
        for one in files
    ]
    return list({part.sha2: (title, part) for title, part in read}.values())


@blueprint.post("/instructor/sign-off/<statement>/void", scope="assess")
def void(statement: str) -> Response:
    """Take something back; it stays on record as voided."""
    services = current_services()
    found = signing.void(services.db, signer(), statement, services.now(), may_any=g.principal.may("people"))
    bookings.forget_attendance(services.db, g.principal.org, found["id"])
    return redirected("/instructor?saved=void#signed")


@blueprint.get("/instructor/evidence/<org>/<statement>/<sha2>", scope="assess")
def evidence(org: str, statement: str, sha2: str) -> Response:
    """Answer a file of something signed off in an organization that the instructor sees."""
    db = current_services().db
    found = signed_off(db, visible_org(org, "statement", statement), statement)
    return download(find_file(db, org, found, sha2))


def download(part: Part) -> Response:
    """Answer a file to be saved, never to be run here."""
    answer = Response(part.content, content_type=part.content_type)
    name = f"{part.sha2[:12]}.{evidence_files.ENDINGS.get(part.content_type, 'bin')}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
