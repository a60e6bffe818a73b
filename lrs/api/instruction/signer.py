"""In whose name something is signed off over HTTP, and of whom."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from lrs.access.auth import current_principal
from lrs.access.organizations import VENDOR, subtree
from lrs.access.users import ROLES
from lrs.api.rights import directory, visible_orgs
from lrs.foundation.context import current_services
from lrs.foundation.errors import Forbidden, InvalidField, UnknownThing
from lrs.instruction.signing import Signer
from lrs.people import accounts, records
from lrs.people.directory import Directory

Document = dict[str, Any]


def signer(named: str | None) -> Signer:
    """Return who signs: who is logged in, or the instructor whom a client of the vendor names.

    A partner keeps its own clients: they sign in nobody's name. Raises Forbidden or InvalidField.
    """
    principal, services = current_principal(), current_services()
    if principal.kind == "user":
        user = services.db.users.find_one({"_id": principal.id}) or {}
        person = accounts.person_of(services.db, user) if user else None
        if person is None:
            raise Forbidden("nothing proves which person you are: sign in by the mailbox of your own page")
        if named not in {None, person["_id"]}:
            raise InvalidField("instructor", "is somebody else: who is logged in signs in their own name")
    elif principal.org == VENDOR and principal.controlled_by == "vendor":
        if named is None:
            raise InvalidField("instructor", "is needed: the person who saw it")
        person = records.get_person(services.db, named)
        user = account_of(person)
    else:
        raise Forbidden("instructors sign off themselves, or by a client of the vendor's")
    mailbox = accounts.proven_mailbox(user) or ""
    return Signer.of(person, mailbox, user["org"], services.settings.public_url)


def account_of(person: Document) -> Document:
    """Return the account by which somebody may assess; raises InvalidField."""
    db = current_services().db
    for owned in person["ifis"]:
        mailbox = str(owned["ifi"]).removeprefix(records.MBOX)
        user = db.users.find_one({"email": mailbox.lower(), "disabled_at": None})
        may = user is not None and "assess" in ROLES[user["role"]].scopes
        if user is not None and may and (accounts.person_of(db, user) or {}).get("_id") == person["_id"]:
            return user
    raise InvalidField("instructor", "has no account that may assess")


def orgs_of(who: Signer) -> list[str] | None:
    """Return the organizations whose people a signer sees: those of the principal and of the signer."""
    return visible_orgs() if who.org == VENDOR else subtree(current_services().db, who.org)


def people_of(persons: Collection[str], orgs: Sequence[str] | None = None) -> list[Document]:
    """Return people who may be signed off: of organizations that are seen, while they belong there.

    `orgs` are those of another than the principal. Raises UnknownThing for anybody else, as if they were not
    there.
    """
    services = current_services()
    known = directory() if orgs is None else Directory(services.db, services.now(), orgs)
    found = [known.get(one) for one in persons]
    members = known.members()
    for one in found:
        if members is not None and one["_id"] not in members:
            raise UnknownThing("person", one["_id"])
    return found
