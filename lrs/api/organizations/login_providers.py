"""Login providers of organizations over HTTP: entered, changed, switched on and off."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from lrs.access.auth import current_principal
from lrs.access.organizations import get_org
from lrs.access.users import ROLES
from lrs.api.contract import Blueprint, Flag, Instant, PageArgs
from lrs.api.organizations.users import check_grant
from lrs.api.resource import Resource, chosen, visible
from lrs.api.rights import editor, visible_org
from lrs.foundation.context import current_services
from lrs.people.affiliations import verified_domains
from lrs.sign_in import only, providers, saml_metadata
from lrs.sign_in.providers import Wish

blp = Blueprint("login-providers", __name__, description="How the people of organizations sign in.")

Document = dict[str, Any]
ROLE = validate.OneOf(tuple(ROLES))


class GivenRole(Schema):
    """The role that a value of the claim gives."""

    value = fields.String(required=True, validate=validate.Length(1, 255))
    role = fields.String(required=True, validate=ROLE)


class LoginProviderSchema(Schema):
    """A login provider; never its secret."""

    id = fields.String(attribute="_id")
    org = fields.String()
    kind = fields.String()
    name = fields.String()
    domains = fields.List(fields.String())
    issuer = fields.String(allow_none=True)
    client_id = fields.String(allow_none=True)
    entity_id = fields.String(allow_none=True)
    sso_url = fields.String(allow_none=True)
    certificates = fields.List(fields.String())
    claim = fields.String(allow_none=True)
    roles = fields.List(fields.Nested(GivenRole))
    default_role = fields.String(allow_none=True)
    enabled = Flag()
    tried_at = Instant(allow_none=True)
    created_at = Instant()
    updated_at = Instant()


class ProviderChanges(Schema):
    """What can be changed of a provider; it has to be tried again, by a person at its page."""

    name = fields.String()
    domains = fields.List(
        fields.String(), metadata={"description": "Verified mail domains; left out, all of the organization."}
    )
    issuer = fields.String()
    client_id = fields.String()
    secret = fields.String(load_only=True, validate=validate.Length(1, 2000))
    metadata = fields.String(
        validate=validate.Length(1, saml_metadata.LARGEST), metadata={"description": "SAML: its metadata."}
    )
    metadata_url = fields.String(metadata={"description": "SAML: the https address of its metadata."})
    claim = fields.String(allow_none=True)
    roles = fields.List(fields.Nested(GivenRole), validate=validate.Length(max=providers.MOST_ROLES))
    default_role = fields.String(
        allow_none=True, validate=ROLE,
        metadata={"description": "Whoever has none of these values; null sends them away."},
    )  # fmt: skip


class NewProvider(ProviderChanges):
    """A new provider; it signs nobody in before it is switched on."""

    org = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(providers.KINDS))
    name = fields.String(required=True)


class ProviderFilter(PageArgs):
    """Which providers."""

    org = fields.String()


class OnlyProvider(Schema):
    """Whether an organization's people log in by its provider alone."""

    alone = Flag(required=True)


class OnlyAnswer(OnlyProvider):
    """Whether an organization's people log in by its provider alone."""

    org = fields.String()


PROVIDERS = Resource(
    blp, "login provider", LoginProviderSchema, collection="identity_providers", root="/login-providers",
    path="/<provider>", scope="orgs", find=visible("login provider", providers.get),
)  # fmt: skip


@PROVIDERS.lists(ProviderFilter)
def list_providers(args: Document) -> Document:
    """List the login providers of the organizations that the principal sees."""
    return chosen(args, "org")


@PROVIDERS.reads()
def get_one(provider: Document) -> Document:
    """Answer one login provider."""
    return provider


@PROVIDERS.makes(NewProvider)
def add(body: Document) -> Document:
    """Keep a provider, switched off; a person tries it at its page before it is switched on."""
    org, settings = visible_org(body.pop("org")), current_services().settings
    domains = sorted(verified_domains(get_org(current_services().db, org)))
    wish = wish_of({"domains": domains, "default_role": "learner", **body})
    check_roles(wish)
    return providers.add(editor(), settings, org, wish, body.get("secret"))


def wish_of(body: Document) -> Wish:
    """Return what a body says of a provider, SAML's part as its metadata tells it; raises InvalidField."""
    pasted, settings = body.get("metadata", "").encode("utf-8", "surrogatepass"), current_services().settings
    told = saml_metadata.told(settings, pasted, body.get("metadata_url")) if body["kind"] == "saml" else None
    if told is not None:
        body = {
            **body, "entity_id": told.entity_id, "sso_url": told.sso_url, "certificates": told.certificates
        }  # fmt: skip
    roles = tuple((one["value"], one["role"]) for one in body.get("roles", ()))
    known = ("kind", "name", "issuer", "client_id", "entity_id", "sso_url", "claim", "default_role")
    return Wish(
        domains=tuple(one.lower() for one in body["domains"]), roles=roles,
        certificates=tuple(body.get("certificates", ())),
        **{name: body[name] for name in known if name in body},
    )  # fmt: skip


def check_roles(provider: Wish | Document) -> None:
    """Refuse a provider that gives a role which may do more than the principal; raises Forbidden."""
    if isinstance(provider, Wish):
        given = [provider.default_role, *(role for _, role in provider.roles)]
    else:
        given = [provider["default_role"], *(one["role"] for one in provider["roles"])]
    for role in given:
        check_grant(current_principal(), role)


def check_change(_: Document, before: Document) -> None:
    """Refuse a change of a provider whose roles are not the principal's to give; raises Forbidden."""
    check_roles(before)


@PROVIDERS.changes(ProviderChanges, check=check_change)
def change(body: Document, before: Document, version: int) -> Document:
    """Change what is known of a provider; it has to be tried again."""
    wish = wish_of({**before, **body})
    check_roles(wish)
    settings, secret = current_services().settings, body.get("secret")
    return providers.edit(editor(), settings, before["_id"], wish, version=version, secret=secret)


@PROVIDERS.acts("/enable")
def enable(provider: Document) -> Document:
    """Let a provider sign people in."""
    check_roles(provider)
    return providers.enable(editor(), provider["_id"], enabled=True)


@PROVIDERS.acts("/disable")
def disable(provider: Document) -> Document:
    """Let a provider sign nobody in any more; the sessions that it began end."""
    return providers.enable(editor(), provider["_id"], enabled=False)


@PROVIDERS.deletes()
def remove(provider: Document) -> None:
    """Forget a provider; whom it signed in is logged out and can log in otherwise."""
    providers.remove(editor(), provider["_id"])


@blp.put("/orgs/<org>/login-providers-only", scope="orgs")
@blp.arguments(OnlyProvider)
@blp.response(200, OnlyAnswer)
def require(body: Document, org: str) -> Document:
    """Let an organization's people log in by its provider alone, or otherwise too; other sessions end."""
    only.require(editor(), visible_org(org), only=body["alone"])
    return {"org": org, "alone": body["alone"]}
