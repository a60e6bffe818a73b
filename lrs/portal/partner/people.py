"""/partner/people: people by certifications; inviting, importing, ending; one person with what they lack."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, request

from lrs.access.limits import Limits
from lrs.analysis.assignments import assigned_to
from lrs.api.organizations.invitations import Invitation
from lrs.api.organizations.people import get_visible_affiliation
from lrs.api.rights import directory, editor, visible_orgs
from lrs.console.forms import read, sent
from lrs.console.instants import read_instant
from lrs.console.lists import Rows, Span, asked, listed, seek
from lrs.console.organizations.partners import states_of
from lrs.console.organizations.people import BY_NAME, by_words
from lrs.console.shell import Pages, redirected
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.foundation.mail import mailer
from lrs.messaging import reminding
from lrs.people import accounts, affiliations, excuses, invitations, roster
from lrs.people.records import MBOX
from lrs.people.roster import RosterResult
from lrs.people.roster_plan import ELSEWHERE
from lrs.portal.managing import frame, kept, own_org, page
from lrs.portal.models.standing import overview
from lrs.portal.models.way import shortest_way
from lrs.portal.partner.asked import asked_now
from lrs.portal.partner.overview import standings_of
from lrs.words.engine import titles
from lrs.words.reader import mark
from rules import queries

Document = dict[str, Any]
COLUMNS: Final = ("person", "name", "email", "role")
EXPLAINED: Final = 6
SAVED: Final = {
    "invited": mark("The invitation is on its way. They count for you when they have confirmed."),
    "reminded": mark("A reminder is on its way; one a day at most."),
    "account": mark("An invitation to log in is on its way."),
    "excused": mark("Done: it is not asked of them up to that day. It is in the audit, with your reason."),
    "asked": mark("Done: it is asked of them again."),
    "ended": mark("Done: from then on they no longer count for you. What they hold stays theirs."),
}

blueprint = Pages("partner_people", __name__)


@listed(blueprint, "/partner/people", scope="people", template="portal/people.html")
def people(span: Span) -> Rows:
    """List the people of the organization with the state of each certification."""
    services, org, filters = current_services(), own_org(), asked("q")
    by, clause = by_words(filters.get("q", ""))
    query = {"$and": [directory().filter(org=org["_id"]), clause]}
    found, last = seek(services.db.people, query, span, by, hint=BY_NAME if by == "name" else None)
    states = states_of([one["_id"] for one in found], services.now())
    items = [row_of(one, states.get(one["_id"], {}), org["_id"]) for one in found]
    columns = sorted({name for one in items for name in one["states"]})
    rows = [
        {**one, **{name: (one["states"].get(name) or {}).get("state") for name in columns}} for one in items
    ]
    context = {
        **frame(), "filters": filters, "columns": columns, "titles": titles(), "waiting": waiting(org["_id"]),
        "saved": SAVED.get(request.args.get("saved", "")),
    }  # fmt: skip
    return Rows((*COLUMNS, *columns), rows, last, context)


def row_of(person: Document, states: Document, org: str) -> Document:
    """Return a person as a row: as the organization knows them, with the states of certifications."""
    shown = directory().present(person)
    roles = [one["role"] for one in shown["affiliations"] if one["org"] == org and one.get("role")]
    return {
        "person": person["_id"], "name": shown.get("name"), "email": shown.get("email"),
        "role": roles[-1] if roles else None, "states": states,
    }  # fmt: skip


def waiting(org: str) -> list[Document]:
    """Return whom the organization invited and who has not confirmed: by the address alone."""
    rows = current_services().db.affiliations.find(directory().waiting(org)).sort("_id", -1).limit(100)
    return [
        {
            "affiliation": row["_id"],
            "mailbox": str(row["known_as"]).removeprefix(MBOX),
            "role": row.get("role"),
        }
        for row in rows
        if row.get("known_as")
    ]


@blueprint.post("/partner/people/invite", scope="people")
def invite() -> Response:
    """Invite somebody by mail, also once more: an earlier link ends."""
    services, org = current_services(), own_org()["_id"]
    wish = read(Invitation, {"org": org, **sent("email", "name", "role")})
    services.part(Limits).check_people(org)
    invitations.invite(editor(), services.settings, mailer(services.settings), org, wish)
    return back("/partner/people", "invited")


def back(path: str, saved: str) -> Response:
    """Return the way back to a page that says what was done."""
    query = kept()
    return redirected(f"{path}{query}{'&' if query else '?'}saved={saved}")


@blueprint.get("/partner/people/import", scope="people")
def import_page() -> Response:
    """Ask for a roster."""
    own_org()
    return show_import("", None)


@blueprint.post("/partner/people/import", scope="people")
def import_people() -> Response:
    """Say what a roster would do, or do it: the same text, looked at anew."""
    services, org = current_services(), own_org()["_id"]
    text = uploaded() or request.form.get("csv", "")
    elsewhere = request.form.get("elsewhere", "ask")
    if elsewhere not in ELSEWHERE:
        raise InvalidField("elsewhere", f"is one of {', '.join(ELSEWHERE)}")
    services.part(Limits).check_people(org)
    try:
        report = roster.import_roster(
            editor(), org, text, by_vendor=visible_orgs() is None,
            dry_run=request.form.get("action") != "import", elsewhere=elsewhere,
        )  # fmt: skip
    except InvalidField as error:
        return show_import(text, None, problem=str(error), status=422)
    return show_import(text, report, elsewhere=elsewhere)


def uploaded() -> str:
    """Return the text of the file that was chosen; raises InvalidField where it is not UTF-8."""
    file = request.files.get("file")
    try:
        return "" if file is None else file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidField("file", "is not UTF-8") from error


def show_import(
    text: str,
    report: RosterResult | None,
    *,
    problem: str | None = None,
    elsewhere: str = "ask",
    status: int = 200,
) -> Response:
    """Return the page of an import, with what it does or did."""
    return page(
        "import.html", status, text=text, report=report, problem=problem, elsewhere=elsewhere,
        columns=roster.COLUMNS,
    )  # fmt: skip


@blueprint.get("/partner/people/<person>", scope="people")
def person(person: str) -> Response:
    """Show one of the people: what they hold, what they lack and the shortest way, where they belong."""
    services, org, now = current_services(), own_org()["_id"], current_services().now()
    found = member(person)
    asked_here = {
        one.certification: (one.asked.due, one.overdue) for one in asked_now(org, now, found["_id"])
    }
    seen = overview(standings_of([found["_id"]], now).get(found["_id"], {}), asked_here)
    wanted = [one.certification for one in seen.next[:EXPLAINED]]
    told = queries.explain_each(services.db, found["_id"], wanted, now)
    shown = directory().present(found)
    rows = [one for one in shown["affiliations"] if one["org"] == org]
    return page(
        "member.html",
        person=shown, paths=assigned_to(services.db, found["_id"], now), seen=seen, now=now, titles=titles(),
        excusing=excuses.last_days(editor(), found["_id"]), today=now.date().isoformat(),
        excused=excuses.standing(services.db, org, found["_id"]),
        affiliations=rows,
        ways={name: (one.met, one.of, shortest_way(one.tree)) for name, one in told.items()},
        saved=SAVED.get(request.args.get("saved", "")),
    )  # fmt: skip


def member(person: str) -> Document:
    """Return somebody who belongs to the organization now; raises UnknownThing for anybody else."""
    found = directory().get(person)
    if found["_id"] not in directory().members_of(own_org()["_id"]):
        raise UnknownThing("person", person)
    return found


@blueprint.post("/partner/people/<person>/remind", scope="people")
def remind(person: str) -> Response:
    """Remind somebody by mail of what is next in one certification."""
    services, found, name = current_services(), member(person), request.form.get("certification", "")
    told = queries.explain_each(services.db, found["_id"], [name], services.now())
    if name not in told:
        raise InvalidField("certification", "is none that is published")
    missing = [step.label for step in shortest_way(told[name].tree)]
    known = (name, titles().get(name, name))
    reminding.remind(services.db, own_org()["name"], found, known, missing=missing, now=services.now())
    return back(f"/partner/people/{found['_id']}", "reminded")


@blueprint.post("/partner/people/<person>/account", scope="people")
def invite_to_log_in(person: str) -> Response:
    """Invite somebody who belongs to the organization to their own page."""
    services, found = current_services(), member(person)
    accounts.invite_to_log_in(
        editor(), services.settings, mailer(services.settings), own_org()["_id"], found["_id"]
    )
    return back(f"/partner/people/{found['_id']}", "account")


@blueprint.post("/partner/people/affiliations/<affiliation>/end", scope="people")
def end(affiliation: str) -> Response:
    """End an affiliation, now or on a day, or take back an invitation."""
    row = get_visible_affiliation("-", affiliation)
    if row["org"] != own_org()["_id"]:
        raise UnknownThing("affiliation", affiliation)
    day = request.form.get("until", "").strip()
    until = read_instant("until", day) if day else current_services().now()
    affiliations.end_affiliation(editor(), affiliation, until)
    return back("/partner/people", "ended")
