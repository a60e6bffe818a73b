"""What people decide about an award: suspending, revoking, extending, approving, each with its reason."""

from __future__ import annotations

from typing import Any, Final

from flask import Response

from lrs.api.programme import awards as api
from lrs.api.rights import directory
from lrs.console.forms import read, sent
from lrs.console.instants import read_instant
from lrs.console.organizations.identities import seen
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.words.engine import titles
from lrs.words.reader import mark
from rules import queries
from rules.engine.manual_decisions import open_holds
from rules.stored import VENDOR

Document = dict[str, Any]
PAST: Final = 30  # decisions that are shown
FIELDS: Final = ("kind", "reason", "note", "by", "of", "until_day", "allowed")
REASON_WORDS: Final = {
    "agreement_lapsed": mark("An agreement lapsed"),
    "evidence_voided": mark("Evidence was voided"),
    "identity": mark("It was somebody else"),
    "misconduct": mark("Misconduct"),
    "holder_request": mark("The holder asked for it"),
    "administrative_error": mark("An error in the office"),
    "other": mark("Something else (with a note)"),
}
KIND_WORDS: Final = {
    "hold": mark("Suspended"),
    "lift": mark("Suspension lifted"),
    "revocation": mark("Revoked"),
    "withdrawal": mark("Withdrawn"),
    "extension": mark("Extended"),
    "approval": mark("Approved"),
    "acceptance": mark("Evidence accepted"),
    "resolution": mark("Review closed"),
    "grant": mark("Another attempt granted"),
    "readmission": mark("Readmitted"),
}

blueprint = Pages("console_deciding", __name__)
PLACE: Final = "/console/people/<person>/certifications/<certification>/decisions"


@blueprint.get(PLACE, scope=("people", "rules"))
def decisions(person: str, certification: str) -> Response:
    """Show what can be decided about somebody's certification, and what was."""
    services, found = current_services(), seen(person)
    now = services.now()
    told = queries.explain(services.db, found["_id"], certification, now, now)
    wanted = {
        "org": VENDOR, "person": found["_id"], "by_people": True,
        "certification": {"$in": [certification, None]},
    }  # fmt: skip
    rows = list(services.db.facts.find(wanted).sort("decided_at", -1).limit(PAST))
    users = {str(row.get("recorded_by", "")).removeprefix("user:") for row in rows}
    names = {
        one["_id"]: one.get("name") or one["email"]
        for one in services.db.users.find({"_id": {"$in": sorted(users)}}, {"name": 1, "email": 1})
    }
    return show(
        "decisions.html", person=directory().present(found), certification=certification,
        title=titles().get(certification, certification), told=told, past=rows, users=names, kinds=KIND_WORDS,
        reasons=REASON_WORDS, holds=open_holds(services.db, found["_id"], certification, now), now=now,
    )  # fmt: skip


@blueprint.post(PLACE, scope=("people", "rules"))
def decide(person: str, certification: str) -> Response:
    """Record a decision; the worker then decides the award anew."""
    seen(person)
    body: Document = dict(sent(*FIELDS))
    if until := sent("until").get("until"):
        body["until"] = read_instant("until", until).isoformat()
    if appeal := sent("appeal_note", "appeal_due"):
        body["appeal"] = {name.removeprefix("appeal_"): value for name, value in appeal.items()}
    row = api.decide(read(api.NewFact, body), person, certification)
    return redirected(f"/console/people/{row['person']}/certifications/{certification}?decided={row['kind']}")
