"""Policies of an organization on one page: who is admitted, what is kept how long, holds, sign-in, content.

Each says what a change would do before it is made.
"""

from __future__ import annotations

from typing import Any, Final

from flask import Response, g, request

from lrs.access.organizations import POLICIES, VENDOR, edit_org, get_org
from lrs.api.organizations.orgs import OrgEdit, check_edit
from lrs.api.organizations.retention import RetentionSchema
from lrs.api.rights import editor, vendor_only, visible_org
from lrs.console.forms import read, sent
from lrs.console.lists import asked
from lrs.console.organizations.partners import names_of
from lrs.console.organizations.people import org_names
from lrs.console.settings.overview import PLACE
from lrs.console.shell import Pages, redirected, show
from lrs.content.launching import origin_of
from lrs.foundation.context import current_services
from lrs.foundation.errors import Collision, InvalidField
from lrs.people import auto_enrolment
from lrs.people.privacy import legal_holds, retention
from lrs.words.reader import mark
from rules.engine.identity import find_person

Document = dict[str, Any]
POLICIES_PAGE: Final = f"{PLACE}/policies"
LOOKED_AT: Final = 20_000  # statements of which a rule of retention is tried
MORE_ROWS: Final = 2  # empty rows of the form of retention
ITEMS: Final = 200  # of content, of which those with a policy of their own are named
LAUNCHES: Final = 500  # the newest, of which the origins are counted
ADMISSION_WORDS: Final = {
    "open": mark("Everybody seen in its store"),
    "domain": mark("Whoever has a mailbox under a verified domain"),
    "invitation": mark("Only whom somebody invites"),
    "roster": mark("Only who is on the roster"),
}
WHAT_WORDS: Final = {
    "statements": mark("statements"),
    "state": mark("state documents"),
    "agent_profile": mark("profiles of people"),
    "activity_profile": mark("profiles of activities"),
}
EVIDENCE_WORDS: Final = {
    "keep": mark("Keep it as it is"),
    "pseudonymise": mark("Put an account without meaning in the place of people"),
}
OUTCOME_WORDS: Final = {
    "removed": mark("statements go"),
    "held": mark("statements stay: a legal hold"),
    "evidence_kept": mark("statements stay: certifications rest on them"),
    "pseudonymised": mark("statements stay without the person's name"),
    "settled": mark("statements were pseudonymised before"),
    "state_removed": mark("state documents go"),
    "state_held": mark("state documents stay: a legal hold"),
    "agent_profile_removed": mark("profiles of people go"),
    "agent_profile_held": mark("profiles of people stay: a legal hold"),
    "activity_profile_removed": mark("profiles of activities go"),
    "activity_profile_held": mark("profiles of activities stay: a legal hold"),
}

blueprint = Pages("console_policies", __name__)


@blueprint.get(POLICIES_PAGE, scope="orgs")
def policies() -> Response:
    """Show the policies of an organization, each with what it does."""
    return _shown(visible_org(asked("org").get("org", g.principal.org)))


def _shown(org: str, tried: Document | None = None, problem: str | None = None) -> Response:
    """Return the page; `tried` is a policy of retention that nobody keeps yet, with what it would do."""
    services = current_services()
    found, kept = get_org(services.db, org), retention.get_policy(services.db, org)
    unaffiliated, admitted = auto_enrolment.effect(services.db, found)
    holds = [one for one in legal_holds.lasting(services.db) if one["org"] in {org, VENDOR}]
    of_org = [one for one in holds if one["person"] is None and one["org"] == org]
    of_people = [one for one in holds if one["person"] is not None] if g.principal.org == VENDOR else []
    plan = retention.newest_plan(services.db, org)
    items = (
        services.db.content_items.find({"org": org}, {"title": 1, "policy": 1}).sort("_id", 1).limit(ITEMS)
    )
    providers = services.db.identity_providers.find({"org": org}, {"name": 1, "domains": 1, "enabled": 1})
    users = {"org": org, "disabled_at": None}
    return show(
        "policies.html", 422 if problem else 200,
        org=found, orgs=org_names(), of_vendor=g.principal.org == VENDOR, problem=problem,
        admission_words=ADMISSION_WORDS, unaffiliated=unaffiliated, admitted=admitted,
        retention={**kept, **(tried or {})}, kept=kept, tried=tried, what_words=WHAT_WORDS,
        evidence_words=EVIDENCE_WORDS, outcome_words=OUTCOME_WORDS, most=LOOKED_AT, more=MORE_ROWS,
        plan=plan, gone=gone(plan["counts"]) if plan else 0, now=services.now(),
        holds=of_org + of_people, names=names_of({one["person"] for one in of_people}),
        providers=list(providers.sort("name", 1).limit(50)), users=services.db.users.count_documents(users),
        second=services.db.users.count_documents({**users, "second_factor": {"$ne": None}}),
        hours=services.settings.session_hours, origins=_origins(org),
        items=[one for one in items if one.get("policy")],
    )  # fmt: skip


def _origins(org: str) -> dict[str, int]:
    """Return the web origins that the newest launches of an organization led to, with how many did."""
    found: dict[str, int] = {}
    rows = current_services().db.launches.find({"org": org}, {"url": 1}).sort("_id", -1).limit(LAUNCHES)
    for row in rows:
        origin = origin_of(row.get("url") or "") or "?"
        found[origin] = found.get(origin, 0) + 1
    return dict(sorted(found.items()))


@blueprint.post(POLICIES_PAGE, scope="orgs")
def change() -> Response:
    """Keep who is admitted, or where launches may lead, of an organization that nobody changed meanwhile."""
    form = sent("org", "version", "policy", "origins", "action")
    org = visible_org(form.get("org", g.principal.org))
    before = get_org(current_services().db, org)
    if form.get("action") == "admission":
        if form.get("policy") not in POLICIES:
            raise InvalidField("policy", f"is one of {', '.join(POLICIES)}")
        body: Document = {"policy": form["policy"]}
    elif form.get("action") == "origins":
        body = {"launch_origins": form.get("origins", "").split()}
    else:
        raise InvalidField("action", "is admission or origins")
    body = read(OrgEdit, body)
    check_edit(body, before)
    edit_org(editor(), org, body, _version(form, before["version"]))
    return redirected(f"{POLICIES_PAGE}?org={org}")


def _version(form: dict[str, str], default: int) -> int:
    return int(form["version"]) if form.get("version", "").isdecimal() else default


@blueprint.post(f"{POLICIES_PAGE}/retention", scope="orgs")
def keep_how_long() -> Response:
    """Show what rules of retention would do, keep them, plan, or apply a plan: what the button says."""
    services, form = current_services(), sent("org", "version", "action", "plan", "removed")
    org, action = visible_org(form.get("org", g.principal.org)), form.get("action")
    here = f"{POLICIES_PAGE}?org={org}#retention"
    if action == "plan":
        retention.begin_plan(editor(), org, services.now)
        return redirected(here)
    if action == "apply":
        plan = retention.get_plan(services.db, org, form.get("plan", ""))
        if form.get("removed") != str(gone(plan["counts"])):
            raise Collision(f"write {gone(plan['counts'])}: so many would be removed")
        retention.apply_plan(editor(), org, plan["_id"], two_persons=services.settings.two_persons)
        return redirected(here)
    if action not in {"show", "keep"}:
        raise InvalidField("action", "is one of show, keep, plan, apply")
    try:
        wanted = read(RetentionSchema, _rules_given())
        if action == "keep":
            version = _version(form, retention.get_policy(services.db, org)["version"])
            retention.set_policy(editor(), org, wanted.pop("rules"), version=version, **wanted)
            return redirected(here)
        counts = retention.would(editor(), org, wanted["rules"], wanted["evidence"], LOOKED_AT)
        return _shown(org, {**wanted, "counts": counts})
    except InvalidField as problem:
        return _shown(org, _rules_given(), str(problem))


def gone(counts: dict[str, int]) -> int:
    """Return how many statements and documents a plan removes."""
    return sum(number for name, number in counts.items() if name == "removed" or name.endswith("_removed"))


def _rules_given() -> Document:
    """Return the policy that the form has: a rule for each row with a number of days."""
    columns = [
        request.form.getlist(name)[: retention.MAX_RULES + 1] for name in ("what", "days", "verb", "activity")
    ]
    rules = [
        {
            "what": what,
            "days": days.strip(),
            "verb": verb.strip() or None,
            "activity": activity.strip() or None,
        }
        for what, days, verb, activity in zip(*columns, strict=False)
        if days.strip()
    ]
    automatic = request.form.get("automatic") == "yes"
    return {"rules": rules, "evidence": request.form.get("evidence", "keep"), "automatic": automatic}


@blueprint.post(f"{POLICIES_PAGE}/holds", scope="orgs")
def hold() -> Response:
    """Put somebody, or the whole store of an organization, under a legal hold, or lift one."""
    vendor_only()
    services, form = current_services(), sent("org", "hold", "person", "reason", "action")
    org = visible_org(form.get("org", g.principal.org))
    if form.get("action") == "lift":
        legal_holds.lift(editor(), form.get("hold", ""))
    elif form.get("action") == "place":
        if not 1 <= len(form.get("reason", "")) <= 1000:
            raise InvalidField("reason", "is 1 to 1000 characters")
        whom = find_person(services.db, form["person"], services.now()) if "person" in form else None
        legal_holds.hold(editor(), reason=form["reason"], person=whom, org=None if whom else org)
    else:
        raise InvalidField("action", "is place or lift")
    return redirected(f"{POLICIES_PAGE}?org={org}#holds")
