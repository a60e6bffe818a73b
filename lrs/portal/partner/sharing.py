"""/partner/sharing: who sees the own people's records, what is shared with whom, and what others share."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import Counter, defaultdict
from typing import Any, Final

from flask import Response, request

from lrs.analysis.assignments import assigned
from lrs.api.rights import editor
from lrs.console.forms import sent
from lrs.console.lists import Rows, Span, listed
from lrs.console.shell import Pages
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.people import sharing
from lrs.people.directory import Directory
from lrs.portal.managing import frame, own_org, page
from lrs.portal.partner.overview import standings_of
from lrs.portal.partner.people import back
from lrs.words.engine import titles
from lrs.words.reader import mark
from rules.evaluation.timeline import HELD_STATES
from rules.programmes.assignments import LATE

Document = dict[str, Any]
WORDS: Final = {
    sharing.FIGURES: mark("how many hold each certification, without names"),
    sharing.CERTIFICATIONS: mark("names, certifications, and until when"),
    sharing.ASSIGNMENTS: mark("names, certifications, until when, and what is late"),
}
SAVED: Final = {
    "shared": mark("They see it from now on. Both sides have it in their audit."),
    "ended": mark("Ended: they see nothing of it any more."),
}

blueprint = Pages("partner_sharing", __name__)


@blueprint.get("/partner/sharing", scope="people")
def overview() -> Response:
    """Show who sees the own people's records, and the form to share them with others."""
    services, org, now = current_services(), own_org(), current_services().now()
    shares, others = sharing.given(services.db, org["_id"]), sharing.received(services.db, org["_id"], now)
    concerned = {*org["ancestors"], *(one["to"] for one in shares), *(one["org"] for one in others)}
    return page(
        "sharing.html",
        shares=shares, received=others, names=names_of(concerned), words=WORDS, above=org["ancestors"],
        today=now.date().isoformat(), saved=SAVED.get(request.args.get("saved", "")),
    )  # fmt: skip


def names_of(orgs: set[str]) -> dict[str, str]:
    """Return what organizations are called."""
    rows = current_services().db.orgs.find({"_id": {"$in": sorted(orgs)}}, {"name": 1})
    return {row["_id"]: row["name"] for row in rows}


@blueprint.post("/partner/sharing", scope="people")
def share() -> Response:
    """Let another organization see records of the own people."""
    form = sent("to", "what", "reason", "until")
    try:
        until = dt.date.fromisoformat(form["until"]) if "until" in form else None
    except ValueError as error:
        raise InvalidField("until", "is a day: 2026-12-31") from error
    sharing.share(
        editor(), own_org()["_id"], form.get("to", "").lower(), form.get("what", ""),
        reason=form.get("reason", ""), until=until,
    )  # fmt: skip
    return back("/partner/sharing", "shared")


@blueprint.post("/partner/sharing/<share>/end", scope="people")
def end(share: str) -> Response:
    """End a share."""
    sharing.end(editor(), own_org()["_id"], share)
    return back("/partner/sharing", "ended")


@listed(blueprint, "/partner/sharing/<share>", scope="people", template="portal/shared.html")
def shared(span: Span, share: str) -> Rows:
    """List what another organization shares: its people, or how many hold what."""
    services, now = current_services(), current_services().now()
    found = sharing.find_received(services.db, own_org()["_id"], share, now)
    directory = Directory(services.db, now, [found["org"]])
    persons = sorted(directory.members_of(found["org"]))
    context = {**frame(), "share": found, "words": WORDS, "who": names_of({found["org"]}), "titles": titles()}
    if found["what"] == sharing.FIGURES:
        counts = Counter(
            name for states in standings_of(persons, now).values()
            for name, one in states.items() if one.state in HELD_STATES
        )  # fmt: skip
        rows = [{"certification": name, "held": held} for name, held in sorted(counts.items())]
        return Rows(("certification", "held"), rows, None, context)
    first = bisect_right(persons, str(span.after[0])) if span.after else 0
    some = persons[first : first + span.limit]
    with_late = found["what"] == sharing.ASSIGNMENTS
    last = [some[-1]] if first + span.limit < len(persons) else None
    columns = ("person", "name", "certifications", *(("late",) if with_late else ()))
    return Rows(columns, rows_of(directory, some, now, with_late=with_late), last, context)


def rows_of(directory: Directory, persons: list[str], now: dt.datetime, *, with_late: bool) -> list[Document]:
    """Return people as their organization knows them, with what they hold and, if asked for, what is late."""
    db = directory.db
    known = directory.present_each(list(db.people.find({"_id": {"$in": persons}})))
    people = {one["_id"]: one for one in known}
    states, late = standings_of(persons, now), defaultdict(list)
    for person, one in assigned(db, now, persons) if with_late else ():
        if one.state in LATE:
            late[person].append(one.assignment)
    return [
        {
            "person": one, "name": people[one].get("name"),
            "certifications": {
                name: each.expires
                for name, each in sorted(states.get(one, {}).items()) if each.state in HELD_STATES
            },
            "late": sorted(late[one]),
        }
        for one in persons if one in people
    ]  # fmt: skip
