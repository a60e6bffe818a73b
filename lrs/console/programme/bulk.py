"""One decision about many people: who is meant, what it would do to each, then all of it at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from flask import Response, request
from pymongo.client_session import ClientSession

from lrs.api.programme import awards as api
from lrs.api.programme.rules import who
from lrs.api.rights import editor, vendor_only
from lrs.console.forms import once, read, sent
from lrs.console.instants import read_instant
from lrs.console.lists import asked
from lrs.console.organizations.partners import names_of
from lrs.console.organizations.people import org_names
from lrs.console.programme.deciding import KIND_WORDS, REASON_WORDS
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.words.engine import titles
from lrs.words.reader import mark, t
from rules import queries
from rules.catalogue.store import cache_of
from rules.errors import StalePlan
from rules.publication import bulk_decisions
from rules.publication.bulk_decisions import MOST, Effects
from rules.stored import VENDOR

Document = dict[str, Any]
FIELDS: Final = ("kind", "reason", "note", "by", "until_day")
KINDS: Final = {
    "extension": mark("Extend"),
    "hold": mark("Suspend"),
    "lift": mark("Lift the suspension"),
    "approval": mark("Approve"),
    "revocation": mark("Revoke for good"),
    "withdrawal": mark("Withdraw"),
}
HARMS: Final = frozenset({"hold", "revocation", "withdrawal"})
SHOWN: Final = 200  # rows on a page

blueprint = Pages("console_bulk", __name__)


@blueprint.get("/console/decisions", scope=("people", "rules"))
def choose() -> Response:
    """Show who is meant by the filters of the address, or by name, and the form of a decision about them."""
    vendor_only()
    persons = _chosen(request.args.getlist("person"))
    return _page(persons)


def _chosen(named: Sequence[str]) -> list[str] | None:
    """Return the people of the present choice: those named, else those of the filters; None for no choice.

    One more than MOST says that there are too many.
    """
    services, filters = current_services(), asked("certification", "state", "org")
    if named:
        wanted = {"_id": {"$in": list(named)[: MOST + 1]}, "org": VENDOR, "merged_into": None}
        return sorted(one["_id"] for one in services.db.people.find(wanted, {"_id": 1}))
    if "certification" not in filters:
        return None
    rows = queries.list_awards(
        services.db, services.now(), certification=filters["certification"],
        states=[filters["state"]] if "state" in filters else (), organization=filters.get("org"),
        limit=MOST + 1,
    )  # fmt: skip
    return [one["person"] for one in rows if not one["evaluated"]]


@blueprint.post("/console/decisions", scope=("people", "rules"))
def decide() -> Response:
    """Show what a decision would do to the people of the form; or record it, all or nothing."""
    principal, services = vendor_only(), current_services()
    form = sent("certification", "action", "seen", "count")
    persons = _chosen(request.form.getlist("person")) if "person" in request.form else None
    certification = form.get("certification", "")
    if not persons:
        raise InvalidField("person", "choose somebody first")
    if form.get("action") == "apply":
        once(f"/console/certifications/{quote(certification)}/holders")
    body, fields = _decision()
    fact = api.fact_of(dict(body), certification)
    rules, now = cache_of(services.db).get(fresh=True), services.now()
    effects = bulk_decisions.preview(services.db, rules, persons, fact, now)
    if form.get("action") != "apply":
        return _page(persons, effects=effects, fields=fields)
    if form.get("count") != str(len(effects.facts)):
        said = t("Write %(count)s, the number of people it changes, to record it.", count=len(effects.facts))
        return _page(persons, effects=effects, fields=fields, problem=said, status=422)
    noted, told = editor(), {"certification": certification, **api.told(body)}
    before = {one.person: one.before for one in effects.changes if one.certification == certification}

    def audit(session: ClientSession) -> None:
        noted.session = session
        for person in effects.facts:
            was = before.get(person)
            noted.note(
                "award.decide", "person", person, org=VENDOR, note=fact.note,
                before={"state": was.state if was else None},
                after={"state": f"{fact.kind} decided", "together_with": len(effects.facts) - 1, **told},
            )  # fmt: skip

    try:
        bulk_decisions.apply(
            services.db, form.get("seen", ""), effects, now, recorded_by=who(principal), also=audit
        )
    except StalePlan:
        said = t("Somebody's state changed meanwhile: this is what it would do now.")
        return _page(persons, effects=effects, fields=fields, problem=said, status=409)
    return redirected(f"/console/certifications/{quote(certification)}/holders?decided={len(effects.facts)}")


def _decision() -> tuple[Document, Document]:
    """Return the decision of the form, as the API reads it and as it was written; raises InvalidField."""
    body: Document = dict(sent(*FIELDS))
    fields = dict(body)
    if until := sent("until").get("until"):
        body["until"], fields["until"] = read_instant("until", until).isoformat(), until
    found = read(api.NewFact, body)
    if found["kind"] not in KINDS:
        raise InvalidField("kind", f"is one of {', '.join(KINDS)}")
    return found, fields


def _page(
    persons: Sequence[str] | None,
    *,
    effects: Effects | None = None,
    fields: Document | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    filters = asked("certification", "state", "org") | sent("certification")
    shown = list(persons or ())[:MOST]
    kinds = Counter((one.before.state if one.before else None, one.after.state if one.after else None)
                    for one in (effects.changes if effects else ())
                    if one.certification == filters.get("certification"))  # fmt: skip
    return show(
        "bulk.html", status,
        filters=filters, persons=shown, too_many=len(persons or ()) > MOST, asked_for=persons is not None,
        most=MOST, names=names_of(shown), effects=effects, fields=fields or {}, problem=problem,
        kinds=KINDS, kind_words=KIND_WORDS, reasons=REASON_WORDS, harms=HARMS, moves=kinds.most_common(),
        titles=titles(), orgs=org_names(), shown=SHOWN,
    )  # fmt: skip
