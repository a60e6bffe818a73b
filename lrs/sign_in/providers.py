"""Login providers of organizations, as data: whom each signs in, and what it says about roles.

identity_providers {_id, org, kind (oidc, saml), name, domains [those of the organization that it signs in],
    issuer, client_id, sealed (its secret, or None)                      OpenID Connect
    entity_id, sso_url, certificates [PEM]                               SAML
    claim (whose values name roles, or None), roles [{value, role}], default_role (None admits nobody else),
    enabled, tried_at (when a trial login last came back), created_at, updated_at, version}

A provider speaks for the verified mail domains of its organization and for nobody else: whatever it says
of another address is not believed. So an organization's administrator can keep it without being trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import urlsplit

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR, get_org
from lrs.access.users import ROLES
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import Collision, InvalidField, Outdated, UnknownThing
from lrs.foundation.sealing import reseal, seal, unseal
from lrs.foundation.settings import Settings
from lrs.people.affiliations import verified_domains

Document = dict[str, Any]

KINDS: Final = ("oidc", "saml")
PURPOSE: Final = "secrets of login providers"
LONGEST: Final = 2000
MOST_ROLES: Final = 50
MOST_PROVIDERS: Final = 50  # of one organization
CERTIFICATES: Final = 10
CLAIM: Final = re.compile(r"[\x21-\x7e]{1,255}")

INDEXES: dict[str, list[IndexModel]] = {
    "identity_providers": [
        IndexModel([("org", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("domains", ASCENDING)]),
    ]
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What an administrator says of a provider; what the other kind needs stays empty."""

    kind: str
    name: str
    domains: tuple[str, ...]
    issuer: str | None = None
    client_id: str | None = None
    entity_id: str | None = None
    sso_url: str | None = None
    certificates: tuple[str, ...] = ()
    claim: str | None = None
    roles: tuple[tuple[str, str], ...] = ()  # value of the claim -> role, the first that is there counts
    default_role: str | None = "learner"


def add(editor: Editor, settings: Settings, org: str, wish: Wish, secret: str | None = None) -> Document:
    """Keep a provider, not enabled yet; raises InvalidField, UnknownThing or Collision."""
    document: Document = {
        "_id": "idp_" + new_id(editor.now),
        "org": org,
        **_checked(editor, settings, org, wish),
        "sealed": seal(settings, PURPOSE, secret) if secret else None,
        "enabled": False,
        "tried_at": None,
        "created_at": editor.now,
        "updated_at": editor.now,
        "version": 1,
    }

    def act(session: ClientSession) -> Document:
        if editor.db.identity_providers.count_documents({"org": org}, session=session) >= MOST_PROVIDERS:
            raise Collision(f"an organization has at most {MOST_PROVIDERS} login providers")
        editor.db.identity_providers.insert_one(document, session=session)
        editor.note("provider.add", "login provider", document["_id"], org=org, after=document)
        return document

    return editor.change(act)


def edit(
    editor: Editor, settings: Settings, provider: str, wish: Wish, *, version: int, secret: str | None = None
) -> Document:
    """Change what is known of a provider, its secret where a new one is given; it has to be tried again.

    Raises InvalidField, UnknownThing, Collision or Outdated.
    """
    before = get(editor.db, provider)
    if wish.kind != before["kind"]:
        raise InvalidField("kind", "stays what it was; add another provider")
    change = {**_checked(editor, settings, before["org"], wish), "tried_at": None}
    if secret:
        change["sealed"] = seal(settings, PURPOSE, secret)
    return _change(editor, before, {"version": version}, change, "provider.edit")


def enable(editor: Editor, provider: str, *, enabled: bool) -> Document:
    """Let a provider sign people in, or no longer: then those whom it signed in are logged out.

    Raises UnknownThing, or Collision where a domain has another provider or is no longer the organization's.
    """
    before = get(editor.db, provider)
    if enabled:
        lost = set(before["domains"]) - verified_domains(get_org(editor.db, before["org"]))
        if lost:
            raise Collision(f"{min(lost)} is no verified mail domain of the organization")
        taken = {"domains": {"$in": before["domains"]}, "enabled": True, "_id": {"$ne": provider}}
        if editor.db.identity_providers.find_one(taken) is not None:
            raise Collision("another provider signs in who has an address under one of these domains")
    return _change(
        editor, before, {}, {"enabled": enabled}, "provider.enable" if enabled else "provider.disable"
    )


def remove(editor: Editor, provider: str) -> None:
    """Forget a provider; whom it signed in is logged out and can log in otherwise. Raises UnknownThing."""

    def act(session: ClientSession) -> None:
        found = editor.db.identity_providers.find_one_and_delete({"_id": provider}, session=session)
        if found is None:
            raise UnknownThing("login provider", provider)
        editor.db.sessions.delete_many({"provider": provider}, session=session)
        bound = {"subject": {"$regex": f"^{re.escape(provider)} "}}
        editor.db.users.update_many(bound, {"$set": {"subject": None}}, session=session)
        editor.note("provider.remove", "login provider", provider, org=found["org"], before=found, after={})

    editor.change(act)


def get(db: Database[Document], provider: str) -> Document:
    """Return a provider; raises UnknownThing."""
    found = db.identity_providers.find_one({"_id": provider})
    if found is None:
        raise UnknownThing("login provider", provider)
    return found


def of_address(db: Database[Document], email: str) -> Document | None:
    """Return the enabled provider that signs in who has a mail address, None where there is none."""
    domain = email.rpartition("@")[2].strip().lower()
    found = db.identity_providers.find_one({"domains": domain, "enabled": True}) if domain else None
    return found if found is not None and speaks_for(db, found, email) else None


def speaks_for(db: Database[Document], provider: Mapping[str, Any], email: str) -> bool:
    """Tell whether a provider is believed about an address: of a domain that its organization proved."""
    domain = email.rpartition("@")[2].lower()
    org = db.orgs.find_one({"_id": provider["org"], "status": "active"})
    return org is not None and domain in provider["domains"] and domain in verified_domains(org)


def is_any(db: Database[Document]) -> bool:
    """Tell whether any provider signs people in, so that the login page has to ask for the address first."""
    return db.identity_providers.find_one({"enabled": True}, {"_id": 1}) is not None


def secret_of(settings: Settings, provider: Mapping[str, Any]) -> str | None:
    """Return the secret that a provider knows us by, None where it needs none."""
    return None if provider["sealed"] is None else unseal(settings, PURPOSE, provider["sealed"])


def note_trial(editor: Editor, provider: str) -> None:
    """Keep that a trial login came back as it should."""
    editor.db.identity_providers.update_one({"_id": provider}, {"$set": {"tried_at": editor.now}})


def roles_for(org: str) -> list[str]:
    """Return the roles that a provider of an organization can give: never those of another."""
    return [name for name, role in ROLES.items() if name == "learner" or role.of_vendor == (org == VENDOR)]


def reseal_all(settings: Settings, db: Database[Document], session: ClientSession) -> int:
    """Seal the secrets of all providers with the passphrase of now; return how many."""
    found = list(db.identity_providers.find({"sealed": {"$ne": None}}, {"sealed": 1}, session=session))
    for one in found:
        fresh = reseal(settings, PURPOSE, one["sealed"])
        db.identity_providers.update_one({"_id": one["_id"]}, {"$set": {"sealed": fresh}}, session=session)
    return len(found)


def _change(
    editor: Editor, before: Document, wanted: Mapping[str, Any], change: Mapping[str, Any], action: str
) -> Document:
    """Write a change of a provider; where it is no longer enabled, the sessions that it began end."""

    def act(session: ClientSession) -> Document:
        after: Document | None = editor.db.identity_providers.find_one_and_update(
            {"_id": before["_id"], **wanted},
            {"$set": {**change, "updated_at": editor.now}, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if after is None:
            raise Outdated("login provider")
        if not after["enabled"]:
            editor.db.sessions.delete_many({"provider": before["_id"]}, session=session)
        editor.note(action, "login provider", before["_id"], org=before["org"], before=before, after=after)
        return after

    return editor.change(act)


def _checked(editor: Editor, settings: Settings, org: str, wish: Wish) -> Document:
    """Return what is kept of a wish; raises InvalidField for the first thing that cannot be."""
    if wish.kind not in KINDS:
        raise InvalidField("kind", f"is one of {', '.join(KINDS)}")
    if not 1 <= len(wish.name) <= 255:
        raise InvalidField("name", "must be 1 to 255 characters")
    _check_domains(wish.domains, verified_domains(get_org(editor.db, org)))
    if wish.kind == "oidc":
        _check_address("issuer", wish.issuer, plain_http=settings.allow_private_addresses)
        if not wish.client_id or len(wish.client_id) > 255 or not wish.client_id.isprintable():
            raise InvalidField("client_id", "must be 1 to 255 characters")
    else:
        if not wish.entity_id or len(wish.entity_id) > 1024 or not wish.entity_id.isprintable():
            raise InvalidField("entity_id", "must be 1 to 1024 characters")
        _check_address("sso_url", wish.sso_url, plain_http=settings.allow_private_addresses)
        if not 1 <= len(wish.certificates) <= CERTIFICATES:
            raise InvalidField("certificates", f"must be 1 to {CERTIFICATES}")
    _check_roles(org, wish)
    kept = {one.name: getattr(wish, one.name) for one in fields(Wish)}
    return {
        **kept,
        "domains": sorted(set(wish.domains)),
        "certificates": list(wish.certificates),
        "roles": [{"value": value, "role": role} for value, role in wish.roles],
    }


def _check_domains(domains: Sequence[str], verified: Iterable[str]) -> None:
    if not domains:
        raise InvalidField("domains", "name at least one mail domain")
    for domain in domains:
        if domain not in verified:
            raise InvalidField("domains", f"{domain} is no verified mail domain of the organization")


def _check_address(name: str, value: str | None, *, plain_http: bool) -> None:
    parts = urlsplit(value or "")
    if not value or len(value) > LONGEST or not value.isprintable() or " " in value or parts.username:
        raise InvalidField(name, "must be a web address")
    if not parts.hostname or parts.scheme not in ({"https", "http"} if plain_http else {"https"}):
        raise InvalidField(name, "must be an https address")


def _check_roles(org: str, wish: Wish) -> None:
    allowed = roles_for(org)
    if wish.claim is not None and not CLAIM.fullmatch(wish.claim):
        raise InvalidField("claim", "must be 1 to 255 printable characters without blanks")
    if wish.roles and wish.claim is None:
        raise InvalidField("claim", "is needed: whose values name the roles")
    if len(wish.roles) > MOST_ROLES:
        raise InvalidField("roles", f"are at most {MOST_ROLES}")
    for value, role in wish.roles:
        if not 1 <= len(value) <= 255:
            raise InvalidField("roles", "have values of 1 to 255 characters")
        if role not in allowed:
            raise InvalidField("roles", f"{role} is not one of {', '.join(allowed)}")
    if wish.default_role is not None and wish.default_role not in allowed:
        raise InvalidField("default_role", f"is one of {', '.join(allowed)}, or nothing")
