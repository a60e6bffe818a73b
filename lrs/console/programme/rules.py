"""Rules: what is published, one's own drafts, and the editor with the engine's own checker beside it."""

from __future__ import annotations

from typing import Any, Final

import flask
from flask import Response, g, request

from lrs.api.programme.rules import who
from lrs.api.rights import vendor_only
from lrs.console.forms import sent
from lrs.console.lists import Rows, Span, asked, cut, listed
from lrs.console.models.assignment_form import WHOM, as_yaml
from lrs.console.models.checked import Checked, checked, fixed
from lrs.console.programme import drafts, planning, suggesting
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.words.engine import titles
from lrs.words.reader import t
from rules import queries
from rules.publication.publishing import surroundings
from rules.testing.files import run_files

Document = dict[str, Any]
COLUMNS: Final = ("kind", "id", "version", "title", "mode", "lifecycle", "effective_from", "versions")
FILE: Final = "draft.yaml"
WAITING: Final = 10
ASSIGNMENT: Final = (
    "title", "id", "activities", *WHOM, "due_within", "due_on", "opens", "closes", "managers_may_exempt",
    "before_due", "after_due",
)  # fmt: skip
BLANK: Final = """\
kind: Certification
id: my-certification
version: "1"
title: My certification
evidence:
  course: {verb: completed, activity: "https://example.com/course"}
award:
  when:
    all:
      - {done: course, label: The course}
validity: {lasts: 12 months}
tests:
  - name: the course is enough
    given:
      - {who: ana, verb: completed, activity: "https://example.com/course", at: 2026-01-10}
    expect:
      - {who: ana, at: 2026-01-10, status: active}
"""

blueprint = Pages("console_rules", __name__)


@listed(blueprint, "/console/rules", scope="rules", template="rules.html")
def rules(span: Span) -> Rows:
    """List what is published, with one's own drafts and the plans that wait."""
    vendor_only()
    services, filters = current_services(), asked("q", "kind")
    every = queries.list_rules(services.db, services.now())
    words = filters.get("q", "").lower()
    fitting = [
        one for one in every
        if words in f"{one['id']} {one['title']}".lower() and filters.get("kind") in {None, one["kind"]}
    ]  # fmt: skip
    items, last = cut(fitting, span, lambda one: [one["kind"], one["id"]])
    kinds = sorted({one["kind"] for one in every})
    context = {
        "filters": filters, "kind_pairs": [(one, one) for one in kinds], "total": len(every),
        "drafts": drafts.list_drafts(services.db, g.principal.id), "waiting": waiting_plans(),
        "applied": asked("applied").get("applied"),
    }  # fmt: skip
    return Rows(COLUMNS, items, last, context)


def waiting_plans() -> list[Document]:
    """Return the plans that could still be applied, the newest first."""
    services = current_services()
    wanted = {"org": "vendor", "applied_at": None, "expires_at": {"$gt": services.now()}}
    fields = {"documents": 1, "summary": 1, "computed_at": 1, "by": 1, "approved_by": 1, "objecting": 1}
    return list(services.db.plans.find(wanted, fields).sort("expires_at", -1).limit(WAITING))


@blueprint.get("/console/rules/new", scope="rules")
def new_rule() -> Response:
    """Show the editor with a blank file, or with a published version to go on from (`from=`, `version=`)."""
    vendor_only()
    given = asked("from", "version", "kind")
    text = BLANK
    if "from" in given:
        row = queries.get_record(
            current_services().db, given["from"], given.get("version"), given.get("kind")
        )
        text = str(row["source"])
    return editor(text, None)


@blueprint.get("/console/rules/new-assignment", scope="rules")
def new_assignment() -> Response:
    """Show the form of an assignment."""
    vendor_only()
    return show("new_assignment.html", certifications=sorted(titles().items(), key=lambda one: one[1]))


@blueprint.post("/console/rules/new-assignment", scope="rules")
def write_assignment() -> Response:
    """Keep what the form says as a draft, and go on in the editor, which says what is missing."""
    principal, services = vendor_only(), current_services()
    known = titles()
    chosen = [name for name in request.form.getlist("certification") if name in known]
    text = as_yaml(sent(*ASSIGNMENT), chosen, services.settings.public_url)
    if len(text) > drafts.LONGEST:
        raise InvalidField("activities", "is too long")
    found = check_text(text)
    title = f"{found.id} v{found.version}" if found.id else t("Without an id")
    kept = drafts.save_draft(services.db, principal.id, text, title=title, now=services.now())
    return redirected(f"/console/rules/drafts/{kept}")


@blueprint.get("/console/rules/drafts/<draft>", scope="rules")
def draft(draft: str) -> Response:
    """Show the editor with one's own draft."""
    vendor_only()
    found = drafts.get_draft(current_services().db, g.principal.id, draft)
    return editor(found["text"], draft)


@blueprint.post("/console/rules/drafts", scope="rules")
def act_on_text() -> Response:
    """Check, keep, plan or discard what is in the editor."""
    principal, services = vendor_only(), current_services()
    text, action = text_of_form(), request.form.get("action", "check")
    kept = request.form.get("draft") or None
    if "fix" in request.form:
        return editor(mended(text, request.form["fix"]), kept)
    if action == "check":
        return editor(text, kept)
    if action == "discard":
        if kept is not None:
            drafts.discard_draft(services.db, principal.id, kept)
        return redirected("/console/rules")
    if action not in {"save", "plan"}:
        raise InvalidField("action", "is one of check, save, plan, discard")
    found = check_text(text)
    title = f"{found.id} v{found.version}" if found.id else t("Without an id")
    now = services.now()
    kept = drafts.save_draft(services.db, principal.id, text, title=title, now=now, draft=kept)
    if action == "save":
        return redirected(f"/console/rules/drafts/{kept}")
    return planning.begin([(FILE, text)], who(principal)) if found.ok else editor(text, kept, 422)


@blueprint.post("/console/rules/check", scope="rules")
def check() -> Response:
    """Answer what the checker says of a text, for the editor while somebody types."""
    vendor_only()
    return flask.jsonify(check_text(text_of_form()).as_json())


def editor(text: str, draft: str | None, status: int = 200) -> Response:
    """Return the page of the editor; CodeMirror injects styles, which the nonce of this answer lets it do."""
    g.own_styles = True
    bundle = suggesting.bundle_name(current_services().settings)
    return show("edit.html", status, text=text, draft=draft, checked=check_text(text), bundle=bundle)


def mended(text: str, place: str) -> str:
    """Return a text with the change that the checker proposes at `line:column`, or as it is."""
    every = (one.fix for one in check_text(text).problems if f"{one.line}:{one.column}" == place)
    fix = next((one for one in every if one is not None), None)
    return text if fix is None else fixed(text, fix)


def text_of_form() -> str:
    """Return the text that a form sent, with line ends as files have them; raises InvalidField."""
    text = request.form.get("text", "").replace("\r\n", "\n")
    if len(text) > drafts.LONGEST:
        raise InvalidField("text", f"has more than {drafts.LONGEST:,} characters")
    return text


def check_text(text: str) -> Checked:
    """Check a text and run its tests against what is published (cert#3-6)."""
    services = current_services()
    names, known = surroundings(services.db, services.now())
    (found,) = run_files([(FILE, text.encode("utf-8", "surrogatepass"))], names, known)
    return checked(found, titles())
