"""How people of an organization sign in: its login providers, added, tried, switched on and off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from flask import Response, g, request

from lrs.access.organizations import get_org
from lrs.api.rights import editor, org_filter, visible_org
from lrs.console.entry.provider_sign_in import begin, oidc_provider
from lrs.console.entry.sign_in import led
from lrs.console.forms import once, sent
from lrs.console.lists import Rows, Span, listed, seek
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.people.affiliations import verified_domains
from lrs.scim import tokens
from lrs.sign_in import only, providers, saml_metadata
from lrs.sign_in.providers import Wish
from lrs.words.reader import mark

Document = dict[str, Any]
PLACE: Final = "/console/sign-in"
COLUMNS: Final = ("id", "name", "org", "kind", "domains", "enabled", "tried_at", "created_at")
FIELDS: Final = (
    "org", "kind", "name", "domains", "issuer", "client_id", "secret", "metadata", "metadata_url", "claim",
    "roles", "default_role",
)  # fmt: skip
MOST_TOKENS: Final = 500  # on the page
NOBODY: Final = "nobody"
KINDS: Final = {"oidc": "OpenID Connect", "saml": "SAML 2.0"}
ROLE_WORDS: Final = {
    "vendor_admin": mark("administrator"),
    "rule_author": mark("author of rules"),
    "analyst": mark("analyst"),
    "partner_admin": mark("administrator of the partner"),
    "instructor": mark("instructor"),
    "partner_instructor": mark("instructor of the partner"),
    "learner": mark("learner"),
    NOBODY: mark("nobody: they are sent away"),
}

blueprint = Pages("console_sign_in", __name__)


@listed(blueprint, PLACE, scope="orgs", template="sign_in.html")
def sign_in(span: Span) -> Rows:
    """List the login providers of the organizations that are seen."""
    found, last = seek(current_services().db.identity_providers, org_filter(), span)
    live = current_services().db.scim_tokens.find({**org_filter(), "revoked_at": None}).sort("name", 1)
    return Rows(
        COLUMNS, [{**one, "id": one["_id"]} for one in found], last,
        {**shared(), "tokens": list(live.limit(MOST_TOKENS)), "only": only_of(found)},
    )  # fmt: skip


def only_of(found: Iterable[Document]) -> dict[str, bool]:
    """Return the organizations with a provider that is switched on, and whether it alone opens."""
    orgs = sorted({one["org"] for one in found if one["enabled"]})
    rows = current_services().db.orgs.find({"_id": {"$in": orgs}}, {"sso_only": 1})
    return {row["_id"]: bool(row.get("sso_only")) for row in rows}


def shared() -> Document:
    """Return what the forms of a provider need: our addresses, the organizations with a verified domain."""
    services = current_services()
    wanted = {**org_filter("_id"), "domains.verified_at": {"$ne": None}, "domains": {"$ne": []}}
    able = {one["_id"]: sorted(verified_domains(one)) for one in services.db.orgs.find(wanted).sort("_id", 1)}
    return {
        "orgs": org_names(),
        "able": {org: domains for org, domains in able.items() if domains},
        "kinds": KINDS,
        "role_words": ROLE_WORDS,
        "oidc_place": f"{services.settings.public_url}/login/callback",
        "saml_place": saml_metadata.place(services.settings),
        "saml_entity": saml_metadata.entity_id(services.settings),
        "scim_place": f"{services.settings.public_url}/scim/v2",
    }


@blueprint.post(PLACE, scope="orgs")
def add() -> Response:
    """Keep a provider; it signs nobody in before it is switched on."""
    form = sent(*FIELDS)
    org = org_of(form)
    made = providers.add(
        editor(), current_services().settings, org, wish_of(form, org, {}), form.get("secret")
    )
    return redirected(f"{PLACE}/{made['_id']}")


@blueprint.post(f"{PLACE}/only", scope="orgs")
def require() -> Response:
    """Let an organization's people log in by its provider alone, or otherwise too."""
    form = sent("org", "only")
    if form.get("only") not in {"yes", "no"}:
        raise InvalidField("only", "is yes or no")
    only.require(editor(), org_of(form), only=form["only"] == "yes")
    return redirected(f"{PLACE}#only")


@blueprint.post(f"{PLACE}/scim", scope="orgs")
def make_token() -> Response:
    """Make a token by which a directory provisions an organization, and show it once."""
    once(PLACE)
    form = sent("org", "label")
    made, token = tokens.make(editor(), org_of(form), form.get("label", ""))
    return show("scim_token.html", made=made, token=token, **shared())


@blueprint.post(f"{PLACE}/scim/<token>/revoke", scope="orgs")
def revoke_token(token: str) -> Response:
    """Let a directory's token open nothing any more."""
    found = current_services().db.scim_tokens.find_one({"name": token, **org_filter()})
    if found is None:
        raise UnknownThing("token", token)
    tokens.revoke(editor(), found["org"], token)
    return redirected(f"{PLACE}#scim")


def org_of(form: Mapping[str, str]) -> str:
    """Return the organization that a form names; raises InvalidField, or UnknownThing for one not seen."""
    if "org" not in form:
        raise InvalidField("org", "is needed")
    return visible_org(form["org"])


def seen(provider: str) -> Document:
    """Return a provider of an organization that is seen; raises UnknownThing."""
    found = providers.get(current_services().db, provider)
    visible_org(found["org"], "login provider", provider)
    return found


@blueprint.get(f"{PLACE}/<provider>", scope="orgs")
def provider(provider: str) -> Response:
    """Show a provider, and what the latest trial of this session brought."""
    found, trial = seen(provider), g.session.get("trial") or {}
    return show(
        "sign_in_provider.html", one=found, roles=providers.roles_for(found["org"]), nobody=NOBODY,
        trial=trial if trial.get("provider") == provider else None,
        certificates=[saml_metadata.about_certificate(one) for one in found["certificates"]], **shared(),
    )  # fmt: skip


@blueprint.post(f"{PLACE}/<provider>", scope="orgs")
def change(provider: str) -> Response:
    """Change a provider, try it, switch it on or off, or remove it: what the button says."""
    found, form = seen(provider), sent("action", "version", *FIELDS)
    action = form.get("action")
    if action == "try":
        if found["kind"] == "oidc":
            oidc_provider(found).discover()
        away = begin(found, PLACE, g.session["_id"])
        page = led(away.location or PLACE)
        page.headers.extend([("Set-Cookie", one) for one in away.headers.getlist("Set-Cookie")])
        return page
    if action in {"enable", "disable"}:
        providers.enable(editor(), provider, enabled=action == "enable")
    elif action == "remove":
        providers.remove(editor(), provider)
        return redirected(PLACE)
    elif action == "edit":
        wish = wish_of({**form, "kind": found["kind"]}, found["org"], found)
        version = int(form["version"]) if form.get("version", "").isdecimal() else 0
        providers.edit(
            editor(), current_services().settings, provider, wish, version=version, secret=form.get("secret")
        )
    else:
        raise InvalidField("action", "is one of try, enable, disable, edit, remove")
    return redirected(f"{PLACE}/{provider}")


def wish_of(form: Mapping[str, str], org: str, known: Mapping[str, Any]) -> Wish:
    """Return what a form says of a provider; without domains all of them, without metadata as before."""
    domains = form.get("domains", "").replace(",", " ").lower().split()
    every = verified_domains(get_org(current_services().db, org))
    default = form.get("default_role", "learner")
    described = described_by(form)
    if described is None and known.get("kind") == "saml":
        described = saml_metadata.Described(
            known["entity_id"], known["sso_url"], tuple(known["certificates"])
        )
    if form.get("kind") == "saml" and described is None:
        raise InvalidField("metadata", "is needed: paste it, or give its address")
    return Wish(
        kind=form.get("kind", ""),
        name=form.get("name", ""),
        domains=tuple(domains or sorted(every)),
        issuer=form.get("issuer"),
        client_id=form.get("client_id"),
        entity_id=described.entity_id if described else None,
        sso_url=described.sso_url if described else None,
        certificates=described.certificates if described else (),
        claim=form.get("claim"),
        roles=tuple(rows_of(form.get("roles", ""))),
        default_role=None if default == NOBODY else default,
    )


def described_by(form: Mapping[str, str]) -> saml_metadata.Described | None:
    """Return what pasted metadata says, or that at an address; raises InvalidField, FetchRefused."""
    file = request.files.get("file")
    pasted = form.get("metadata", "").encode()
    if file is not None and file.filename:
        pasted = file.read(saml_metadata.LARGEST + 1)
    return saml_metadata.told(current_services().settings, pasted, form.get("metadata_url"))


def rows_of(text: str) -> list[tuple[str, str]]:
    """Return the rows `value = role` of a field; raises InvalidField."""
    rows = []
    for line in filter(None, (one.strip() for one in text.splitlines())):
        value, equals, role = line.rpartition("=")
        if not equals:
            raise InvalidField("roles", f"{line!r} is not like: value = role")
        rows.append((value.strip(), role.strip()))
    return rows
