"""Who comes from a login provider: the user whom it means, made at the first arrival, with the role it gives.

A provider of an organization is believed about addresses under its domains, and gives roles of its own
organization only. It never reaches an account of another: whoever administers elsewhere is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access import users
from lrs.access.organizations import VENDOR
from lrs.foundation.audit import Editor
from lrs.foundation.errors import InvalidField, Unauthenticated
from lrs.foundation.mail import check_address
from lrs.people import accounts, affiliations, records
from lrs.sign_in.providers import speaks_for
from rules.engine.affiliations import unended
from statements.parsing.actor import mbox_ifi

Document = dict[str, Any]
LONGEST_SUBJECT: Final = 1024
SENT_AWAY: Final = "your organization's provider gives you no right to come in here; ask its administrators"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whom a provider says that somebody is: its lasting name for them, the address, and all it said."""

    subject: str
    email: str
    name: str | None
    claims: Mapping[str, Any]


def check(db: Database[Document], provider: Mapping[str, Any], said: Arrival) -> tuple[str, str]:
    """Return mail address and role that an arrival brings; raises Unauthenticated where it brings none."""
    try:
        email = check_address(said.email).lower()
    except InvalidField as error:
        raise Unauthenticated("the login provider told no mail address") from error
    if not 1 <= len(said.subject) <= LONGEST_SUBJECT:
        raise Unauthenticated("the login provider told no name that lasts")
    if not speaks_for(db, provider, email):
        raise Unauthenticated("the login provider may not speak for this mail address")
    role = role_of(provider, said.claims)
    if role is None:
        raise Unauthenticated(SENT_AWAY)
    return email, role


def role_of(provider: Mapping[str, Any], claims: Mapping[str, Any]) -> str | None:
    """Return the role that claims give: of the first value in the provider's list that is among them."""
    told = claims.get(provider["claim"]) if provider["claim"] else None
    values = {str(one) for one in (told if isinstance(told, list | tuple) else [told])}
    given = (row["role"] for row in provider["roles"] if row["value"] in values)
    role: str | None = next(given, provider["default_role"])
    return role


def arrive(editor: Editor, provider: Mapping[str, Any], said: Arrival) -> Document:
    """Return the user whom a provider signs in: bound, made or with another role where that is due.

    Raises Unauthenticated; then nothing is changed.
    """
    email, role = check(editor.db, provider, said)
    subject = f"{provider['_id']} {said.subject}"

    def act(session: ClientSession) -> Document:
        user = editor.db.users.find_one({"subject": subject}, session=session)
        if user is not None and not speaks_for(editor.db, provider, user["email"]):
            raise Unauthenticated("the login provider may not speak for this account")
        if user is None:
            user = _bound(
                editor, provider, subject=subject, email=email, name=said.name, role=role, session=session
            )
        _refuse_strangers(provider, user)
        if provider["roles"] and user["role"] != role:
            user = users.move_user(editor, user, place_of(provider["org"], role), session)
        editor.db.users.update_one(
            {"_id": user["_id"]}, {"$set": {"last_login_at": editor.now}}, session=session
        )
        return user

    return editor.change(act)


def place_of(org: str, role: str) -> Document:
    """Return organization and role of an account: a learner's is the vendor's."""
    return {"org": VENDOR if role == "learner" else org, "role": role}


def _bound(
    editor: Editor,
    provider: Mapping[str, Any],
    *,
    subject: str,
    email: str,
    name: str | None,
    role: str,
    session: ClientSession,
) -> Document:
    """Return the user of an address, made where there is none, bound to the provider's subject from now on.

    An account that is bound to another subject of this provider is somebody else's, who had the address.
    """
    settle_person(editor, provider["org"], email, name, session)
    user = editor.db.users.find_one({"email": email}, session=session)
    if user is None:
        place = place_of(provider["org"], role)
        user = users.add_user(editor, place["org"], {"email": email, "name": name, "role": role})
    _refuse_strangers(provider, user)
    if str(user.get("subject") or "").startswith(f"{provider['_id']} "):
        raise Unauthenticated("the account of this address is another one's there; ask an administrator")
    if user.get("mailbox") is None:
        user = users.prove(editor, user, email)  # a password that somebody else set ends
    change = {"$set": {"subject": subject}, "$inc": {"version": 1}}
    editor.db.users.update_one({"_id": user["_id"]}, change, session=session)
    after = users.get_user(editor.db, user["_id"], session)
    editor.note("user.bind", "user", user["_id"], org=user["org"], before=user, after=after)
    return after


def _refuse_strangers(provider: Mapping[str, Any], user: Mapping[str, Any]) -> None:
    """Refuse an account that is disabled, or administers another organization; raises Unauthenticated."""
    if user["disabled_at"] is not None:
        raise Unauthenticated("this account is disabled; ask an administrator")
    if user["role"] != "learner" and user["org"] != provider["org"]:
        raise Unauthenticated("the login provider may not speak for this account")


def settle_person(
    editor: Editor,
    org: str,
    email: str,
    name: str | None,
    session: ClientSession,
    *,
    role: str | None = None,
    known: str | None = None,
) -> tuple[str, str | None]:
    """Return the person of an address and their affiliation with an organization, both made where missing.

    Who counts for another organization belongs beside it: nobody is taken from there by logging in here. The
    vendor's own people are affiliated with nobody. `known` is the person where the caller knows.
    """
    person = None if known is None else str(records.get_person(editor.db, known, session)["_id"])
    if person is None:
        owner = accounts.owner_of(editor.db, email)
        person = (owner or records.add_person(editor, [mbox_ifi(email)], name=name))["_id"]
    if org == VENDOR:
        return person, None
    rows = editor.db.affiliations.find({"person": person, **unended(editor.now)}, session=session)
    running = list(rows)
    mine = next((row for row in running if row["org"] == org), None)
    if mine is None:
        mine = affiliations.affiliate(
            editor, person, org, primary=not any(row["primary"] for row in running), role=role,
            known_as=mbox_ifi(email),
        )  # fmt: skip
    elif mine["confirmed_at"] is None:
        mine = affiliations.confirm_affiliation(editor, mine["_id"])
    return person, mine["_id"]
