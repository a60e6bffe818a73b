"""What becomes of a user of a directory: person, affiliation, account; and what ends when they leave.

A directory is believed about addresses under its organization's verified mail domains. Of others it can
only claim: their affiliation waits until they confirm it, and nothing is done to their account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access import users
from lrs.access.organizations import VENDOR, get_org
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, InvalidField
from lrs.people import accounts, affiliations, records
from lrs.people.affiliations import verified_domains
from lrs.sign_in.arriving import settle_person
from rules.engine.affiliations import unended
from statements.parsing.actor import mbox_ifi

Document = dict[str, Any]
LONGEST_ROLE = 64


@dataclass(frozen=True, slots=True)
class Member:
    """What a directory says of somebody that matters here."""

    email: str | None  # nobody here without one
    name: str | None
    role: str | None  # in the organization, which rules can ask for
    active: bool


def settle(
    editor: Editor, org: str, member: Member, known: Mapping[str, Any], session: ClientSession
) -> Document:
    """Let somebody belong to the organization as the directory says; return {person, affiliation, user}.

    `known` is what an earlier call returned, empty before. Raises InvalidField or Collision.
    """
    email = member.email or known.get("email")
    if email is None:
        return dict(known)
    trusted = email.rpartition("@")[2] in verified_domains(get_org(editor.db, org))
    if known.get("person") and known.get("email") != email:
        _readdress(editor, org, known, email, session)
    if not member.active:
        leave(editor, org, known, session)
        return {**known, "email": email}
    if trusted:
        if not known.get("person"):
            _refuse_anothers(editor.db, org, email, session)
        person, affiliation = settle_person(
            editor, org, email, member.name, session, role=member.role, known=known.get("person")
        )
        user = _account(editor, org, email, member.name, session)
    else:
        person, affiliation = _claimed(editor, org, email, member, session)
        user = None
    if affiliation is not None and member.role is not None:
        row = affiliations.get_affiliation(editor.db, affiliation, session)
        if row["role"] != member.role:
            affiliations.set_role(editor, affiliation, member.role)
    return {"person": person, "affiliation": affiliation, "user": user, "email": email}


def leave(editor: Editor, org: str, known: Mapping[str, Any], session: ClientSession) -> None:
    """End what a directory began: the affiliation from now on, and the sessions at once.

    Who administers the organization can no longer log in; a learner's account stays theirs, as awards do,
    but no longer hangs on the organization's login provider.
    """
    db = editor.db
    if known.get("affiliation"):
        row = affiliations.get_affiliation(db, known["affiliation"], session)
        if row["until"] is None or row["until"] > editor.now:
            affiliations.end_affiliation(editor, row["_id"], max(editor.now, row["from"] or editor.now))
    user = db.users.find_one({"_id": known.get("user")}, session=session) if known.get("user") else None
    if user is None or (user["role"] != "learner" and user["org"] != org):
        return
    db.sessions.delete_many({"user": user["_id"]}, session=session)
    if user["org"] == org and user["disabled_at"] is None and (org == VENDOR or user["role"] != "learner"):
        users.edit_user(editor, user["_id"], {"disabled_at": editor.now})
        mark = {"disabled_by_directory": {"org": org, "at": editor.now}}
        db.users.update_one({"_id": user["_id"]}, {"$set": mark}, session=session)
    elif user["role"] == "learner" and _is_bound_by(db, org, user, session):
        change = {"$set": {"subject": None}, "$inc": {"version": 1}}
        db.users.update_one({"_id": user["_id"]}, change, session=session)
        editor.note(
            "user.unbind", "user", user["_id"], org=user["org"], before=user, after={**user, "subject": None}
        )


def _account(editor: Editor, org: str, email: str, name: str | None, session: ClientSession) -> str | None:
    """Return the account of an address of the organization, made where there is none, able to log in.

    One that administers another organization is left alone, and one that somebody else disabled stays so.
    """
    user = editor.db.users.find_one({"email": email}, session=session)
    if user is None:
        user = users.add_user(editor, VENDOR, {"email": email, "name": name, "role": "learner"})
    if user["role"] != "learner" and user["org"] != org:
        return None
    own_doing = {"org": org, "at": user["disabled_at"]}
    if user["disabled_at"] is not None and user.get("disabled_by_directory") == own_doing:
        users.edit_user(editor, user["_id"], {"disabled_at": None})
    return str(user["_id"])


def _is_bound_by(db: Database[Document], org: str, user: Mapping[str, Any], session: ClientSession) -> bool:
    """Tell whether a login provider of the organization signs a user in."""
    provider = str(user["subject"] or "").partition(" ")[0]
    return (
        db.identity_providers.find_one({"_id": provider, "org": org}, {"_id": 1}, session=session) is not None
    )


def _refuse_anothers(db: Database[Document], org: str, email: str, session: ClientSession) -> None:
    """Refuse a new user under an address that another one of the directory had: they are two people.

    Raises Collision.
    """
    owner = accounts.owner_of(db, email)
    held = {"org": org, "person": owner["_id"], "email": {"$ne": email}} if owner else None
    if held is not None and db.scim_resources.find_one(held, {"_id": 1}, session=session) is not None:
        raise Collision("the address was another user's of this directory, who is still known by it here")


def _claimed(
    editor: Editor, org: str, email: str, member: Member, session: ClientSession
) -> tuple[str, str | None]:
    """Return person and affiliation of an address that is not the organization's: it waits for them."""
    person = accounts.owner_of(editor.db, email)
    if person is None:
        person = records.add_person(editor, [mbox_ifi(email)], name=member.name)
    if org == VENDOR:
        return person["_id"], None
    rows = list(
        editor.db.affiliations.find({"person": person["_id"], **unended(editor.now)}, session=session)
    )
    mine = next((row for row in rows if row["org"] == org), None)
    if mine is None:
        mine = affiliations.affiliate(
            editor, person["_id"], org, primary=not any(row["primary"] for row in rows), role=member.role,
            confirmed=False, known_as=mbox_ifi(email),
        )  # fmt: skip
    return person["_id"], mine["_id"]


def _readdress(
    editor: Editor, org: str, known: Mapping[str, Any], email: str, session: ClientSession
) -> None:
    """Give somebody the new address that the directory has for them, where both are the organization's.

    Raises InvalidField, or Collision where somebody owns the address.
    """
    domains = verified_domains(get_org(editor.db, org))
    if any(one.rpartition("@")[2] not in domains for one in (email, str(known["email"]))):
        raise InvalidField(
            "emails", "change to another domain by a new user: nobody proves that both are one person"
        )
    records.add_identifier(editor, known["person"], mbox_ifi(email), editor.now)
    if known.get("affiliation"):
        change = {"$set": {"known_as": mbox_ifi(email)}}
        editor.db.affiliations.update_one({"_id": known["affiliation"]}, change, session=session)
        affiliations.after_change(editor, known["person"], session)
    user = (
        editor.db.users.find_one({"_id": known.get("user")}, session=session) if known.get("user") else None
    )
    if user is not None and (user["role"] == "learner" or user["org"] == org):
        if editor.db.users.find_one({"email": email, "_id": {"$ne": user["_id"]}}, session=session):
            raise Collision("another account has this mail address")
        after = {**user, "email": email, "mailbox": email if user["mailbox"] else None}
        said = {"$set": {"email": email, "mailbox": after["mailbox"]}, "$inc": {"version": 1}}
        editor.db.users.update_one({"_id": user["_id"]}, said, session=session)
        editor.note("user.edit", "user", user["_id"], org=user["org"], before=user, after=after)
