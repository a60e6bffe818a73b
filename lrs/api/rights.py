"""Whose things a principal may see and change: its organization and all below, the vendor's all."""

from __future__ import annotations

from typing import Any

from flask import g, request

from lrs.access import organizations
from lrs.access.auth import Principal, current_principal
from lrs.foundation.audit import Editor
from lrs.foundation.context import current_services
from lrs.foundation.errors import Forbidden, UnknownThing
from lrs.people.directory import Directory

Document = dict[str, Any]


def editor() -> Editor:
    """Return who changes something by the present request."""
    principal = current_principal()
    who = {"kind": principal.kind, "id": principal.id, "name": principal.label, "org": principal.org}
    return Editor(current_services().db, who, current_services().now(), request.remote_addr)


def visible_orgs() -> list[str] | None:
    """Return the organizations of the present principal: its own and those below; None means all."""
    if "visible_orgs" not in g:
        org = current_principal().org
        everything = org == organizations.VENDOR
        g.visible_orgs = None if everything else organizations.subtree(current_services().db, org)
    found: list[str] | None = g.visible_orgs
    return found


def org_filter(field: str = "org") -> Document:
    """Return the filter that keeps a listing inside the organizations that are seen."""
    orgs = visible_orgs()
    return {} if orgs is None else {field: {"$in": orgs}}


def directory() -> Directory:
    """Return the people as the present principal sees them."""
    services = current_services()
    return Directory(services.db, services.now(), visible_orgs())


def visible_org(org: str, kind: str = "organization", thing: str | None = None) -> str:
    """Return the organization; raises UnknownThing where it is not seen, as if it were not there."""
    orgs = visible_orgs()
    if orgs is not None and org not in orgs:
        raise UnknownThing(kind, thing or org)
    return org


def vendor_only() -> Principal:
    """Return the principal; raises Forbidden where it is not one of the vendor's."""
    principal = current_principal()
    if principal.org != organizations.VENDOR:
        raise Forbidden("only the vendor can do this")
    return principal
