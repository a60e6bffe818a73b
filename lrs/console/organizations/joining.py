"""How people come to an organization: a roster as CSV, tried first, and invitations by mail."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, request

from lrs.access.limits import Limits
from lrs.access.organizations import get_org
from lrs.api.organizations import invitations as invitations_api
from lrs.api.organizations import people as api
from lrs.api.rights import directory, editor, visible_org, visible_orgs
from lrs.console.forms import read, sent
from lrs.console.models import roster_columns
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.foundation.mail import mailer
from lrs.people import invitations, roster
from lrs.words.reader import mark

Document = dict[str, Any]
SHOWN: Final = 500  # rows of a report on a page
WAITING: Final = 50  # affiliations that wait for their people
OUTCOMES: Final = {
    "added": (mark("added"), "good"),
    "changed": (mark("changed"), "late"),
    "unchanged": (mark("unchanged"), "open"),
    "refused": (mark("refused"), "bad"),
}
ELSEWHERE_WORDS: Final = {
    "ask": mark("are refused, so that you look"),
    "move": mark("move here"),
    "secondary": mark("belong here beside it"),
}

blueprint = Pages("console_joining", __name__)


@blueprint.get("/console/partners/<org>/join", scope="people")
def joining(org: str) -> Response:
    """Show how people come to an organization, and whom it waits for."""
    return _page(org)


@blueprint.post("/console/partners/<org>/roster", scope="people")
def bring(org: str) -> Response:
    """Try a roster, or carry it out: the same file again changes nothing."""
    visible_org(org)
    text, form = _text(), sent("elsewhere", "action")
    if columns := request.form.getlist("column"):
        text = roster_columns.renamed(text, columns)
    elif roster_columns.needs_mapping(names := roster_columns.heads(text)):
        chosen = [(one, roster_columns.guess(one)) for one in names]
        return _page(org, text=text, elsewhere=form.get("elsewhere", "ask"), mapping=chosen)
    body = read(api.RosterArgs, {"org": org, "elsewhere": form.get("elsewhere", "ask")})
    is_trial = form.get("action") != "import"
    current_services().part(Limits).check_people(org)
    report = roster.import_roster(
        editor(), org, text, by_vendor=visible_orgs() is None, dry_run=is_trial, elsewhere=body["elsewhere"]
    )
    return _page(org, report=report, text=text, elsewhere=body["elsewhere"])


def _text() -> str:
    """Return the CSV that was sent, as a file or as text; raises InvalidField."""
    file = request.files.get("file")
    body = file.read() if file is not None and file.filename else b""
    if not body:
        text = request.form.get("csv", "")
        if not text.strip():
            raise InvalidField("csv", "choose a file, or write the rows into the field")
        return text
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidField("csv", "is not UTF-8") from error


@blueprint.post("/console/partners/<org>/invitations", scope="people")
def invite(org: str) -> Response:
    """Invite somebody by mail; they count for the organization when they have confirmed."""
    settings = current_services().settings
    body = read(invitations_api.Invitation, {**sent("email", "name", "role"), "org": visible_org(org)})
    invitations.invite(editor(), settings, mailer(settings), org, body)
    return redirected(f"/console/partners/{org}/join?invited=1")


def _page(
    org: str,
    *,
    report: Any = None,
    text: str = "",
    elsewhere: str = "ask",
    mapping: list[tuple[str, str]] | None = None,
) -> Response:
    """Return the page; `mapping` are the columns of a file with what each most likely means."""
    db, found = current_services().db, get_org(current_services().db, visible_org(org))
    waiting = db.affiliations.find(directory().waiting(org)).sort("_id", 1).limit(WAITING)
    return show(
        "joining.html", org=found, report=report, text=text, elsewhere=elsewhere, outcomes=OUTCOMES,
        elsewhere_words=ELSEWHERE_WORDS, columns=roster.COLUMNS, shown=SHOWN,
        waiting=list(waiting), mapping=mapping,
    )  # fmt: skip
