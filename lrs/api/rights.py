"""Whose things a principal may see and change: its organization and all below, the vendor's all."""

from __future__ import annotations

from typing import Any

from flask import g, request

from lrs import tenancy
from lrs.audit import Editor
from lrs.auth import Principal, current_principal
from lrs.context import laurel
from lrs.refusals import Forbidden, UnknownThing

Document = dict[str, Any]


def editor() -> Editor:
    """Return who changes something by the present request."""
    principal = current_principal()
    who = {"kind": principal.kind, "id": principal.id, "name": principal.label, "org": principal.org}
    return Editor(laurel().db, who, laurel().now(), request.remote_addr)


def realm() -> list[str] | None:
    """Return the organizations of the present principal: its own and those below; None means all."""
    if "realm" not in g:
        org = current_principal().org
        g.realm = None if org == tenancy.VENDOR else tenancy.subtree(laurel().db, org)
    found: list[str] | None = g.realm
    return found


def within(field: str = "org") -> Document:
    """Return the filter that keeps a listing inside the realm."""
    orgs = realm()
    return {} if orgs is None else {field: {"$in": orgs}}


def see_org(org: str, kind: str = "organization", thing: str | None = None) -> str:
    """Return the organization; raises UnknownThing where it is not in the realm, as if it were not there."""
    orgs = realm()
    if orgs is not None and org not in orgs:
        raise UnknownThing(kind, thing or org)
    return org


def vendor_only() -> Principal:
    """Return the principal; raises Forbidden where it is not one of the vendor's."""
    principal = current_principal()
    if principal.org != tenancy.VENDOR:
        raise Forbidden("only the vendor can do this")
    return principal
