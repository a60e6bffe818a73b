"""An organization added, and what is said of it: name, region, place in the tree, status, mail domains."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, g, request

from lrs.access import organizations
from lrs.access.organizations import KINDS, OWN, STATUSES, VENDOR, get_org
from lrs.access.users import count_address
from lrs.api.organizations.invitations import NewDomain
from lrs.api.organizations.orgs import NewOrg, OrgEdit, check_edit
from lrs.api.rights import editor, vendor_only, visible_org
from lrs.console.forms import read, sent
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.foundation.mail import check_domain, mailer
from lrs.people import invitations
from lrs.words.reader import mark

Document = dict[str, Any]
FIELDS: Final = ("name", "kind", "parent", "region", "status")
KIND_WORDS: Final = {"distributor": mark("distributor"), "partner": mark("partner")}
STATUS_WORDS: Final = {
    "active": mark("active"),
    "suspended": mark("suspended: its agreement rests, tiers with it"),
    "closed": mark("closed: its agreement ended"),
}

blueprint = Pages("console_partner_settings", __name__)


@blueprint.post("/console/partners/new", scope="orgs")
def add() -> Response:
    """Add an organization below another one; the vendor's right."""
    vendor_only()
    body = read(NewOrg, {"parent": VENDOR, **sent("id", "name", "kind", "parent", "region")})
    made = organizations.add_org(editor(), body.pop("id"), body)
    return redirected(f"/console/partners/{made['_id']}")


@blueprint.get("/console/partners/<org>/settings", scope="orgs")
def settings(org: str) -> Response:
    """Show what can be changed of an organization."""
    found = get_org(current_services().db, visible_org(org))
    return show(
        "partner_settings.html", org=found, orgs=org_names(), kinds=KINDS[1:], kind_words=KIND_WORDS,
        statuses=STATUSES, status_words=STATUS_WORDS, of_vendor=g.principal.org == VENDOR,
        mailboxes=invitations.MAILBOXES,
    )  # fmt: skip


@blueprint.post("/console/partners/<org>/settings", scope="orgs")
def change(org: str) -> Response:
    """Keep what is said of an organization that nobody changed meanwhile."""
    before = get_org(current_services().db, visible_org(org))
    form = sent(*FIELDS, "version")
    version = form.pop("version", "")
    changed: Document = {name: one for name, one in form.items() if one != before.get(name)}
    if "region" in request.form and "region" not in form and before.get("region"):
        changed["region"] = None
    if g.principal.org != VENDOR:
        changed = {name: one for name, one in changed.items() if name in OWN}
    if changed:
        body = read(OrgEdit, changed)
        check_edit(body, before)
        number = int(version) if version.isdecimal() else before["version"]
        organizations.edit_org(editor(), org, body, number)
    return redirected(f"/console/partners/{org}/settings")


@blueprint.post("/console/partners/<org>/domains", scope="orgs")
def domains(org: str) -> Response:
    """Add a mail domain, prove it by the code that was mailed, or take it off: what the button says."""
    services, form = current_services(), sent("action", "domain", "mailbox", "code")
    visible_org(org)
    action = form.pop("action", "")
    if action == "trust":
        vendor_only()
        domain, who = check_domain(form.get("domain", "")), editor()
        who.change(lambda session: invitations.set_domain(who, org, domain, session))
    elif action == "ask":
        body = read(NewDomain, {name: one for name, one in form.items() if name != "code"})
        invitations.ask_domain(
            editor(), services.settings, mailer(services.settings), org,
            domain=check_domain(body["domain"]), mailbox=body["mailbox"],
        )  # fmt: skip
    elif action == "prove":
        count_address(services.db, f"code {request.remote_addr}", services.now())
        invitations.prove_domain(editor(), org, form.get("code", ""))
    elif action == "drop":
        invitations.drop_domain(editor(), org, form.get("domain", ""))
    else:
        raise InvalidField("action", "is one of ask, trust, prove, drop")
    return redirected(f"/console/partners/{org}/settings#domains")
