"""Accounts of people: which person a user is, invitations to log in, and links by mail instead of passwords.

A user is the person who owns the user's mailbox now, where the user has proven to read it: nothing else
ties the two, so merges, splits, moves and erasures carry the account along. A mailbox is proven by a code
that went there, by the login provider, or by the vendor's word.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access import users
from lrs.access.organizations import VENDOR, get_org
from lrs.access.tries import check_tries, count_try
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, UnknownThing
from lrs.foundation.mail import Mailer, compose
from lrs.foundation.settings import Settings
from lrs.people import invitations
from lrs.people.records import MBOX, same_mailbox
from lrs.words.catalogues import say
from lrs.words.reader import language_of
from lrs.words.writing import long_day
from rules.engine.affiliations import holding
from statements.parsing.actor import mbox_ifi

Document = dict[str, Any]

LINK_LASTS: Final = dt.timedelta(minutes=30)
LINKS: Final = 5  # to one address within a quarter of an hour


def proven_mailbox(user: Mapping[str, Any]) -> str | None:
    """Return the address that a user is known to read, None where nothing proves it.

    Who adds a user of a partner may enter any address, and knows the password.
    """
    if user.get("mailbox"):
        return str(user["mailbox"])
    return str(user["email"]) if user.get("subject") is not None or user["org"] == VENDOR else None


def person_of(db: Database[Document], user: Mapping[str, Any]) -> Document | None:
    """Return the person that a user is: who owns the user's proven mailbox now."""
    mailbox = proven_mailbox(user)
    return None if mailbox is None else owner_of(db, mailbox)


def owner_of(db: Database[Document], mailbox: str) -> Document | None:
    """Return the person who owns a mailbox now."""
    owned = {"$elemMatch": {"ifi": {"$in": same_mailbox(mbox_ifi(mailbox))}, "until": None}}
    found: Document | None = db.people.find_one({"org": VENDOR, "merged_into": None, "ifis": owned})
    return found


def invite_to_log_in(editor: Editor, settings: Settings, mailer: Mailer, org: str, person: str) -> str:
    """Invite somebody who belongs to an organization to open their account; return the address.

    Raises UnknownThing, or Collision where the organization knows no mailbox of theirs.
    """
    organization = get_org(editor.db, org)
    row = editor.db.affiliations.find_one({"org": org, "person": person, **holding(editor.now)})
    if row is None:
        raise UnknownThing("person", person)
    mailbox = str(row.get("known_as") or "").removeprefix(MBOX)
    owner = owner_of(editor.db, mailbox) if "@" in mailbox and str(row["known_as"]).startswith(MBOX) else None
    if owner is None or owner["_id"] != person:
        raise Collision("the organization knows no mail address that this person has now")
    code = invitations.new_code()

    def act(session: ClientSession) -> None:
        about = {"purpose": "account", "org": org, "email": mailbox}
        invitations.keep_code(editor, code, about, invitations.INVITATION_LASTS, session)
        editor.note("invitation.send", "affiliation", row["_id"], org=org, after={"email": mailbox})

    editor.change(act)
    spoken = language_of(owner)
    told = functools.partial(say, spoken, org=organization["name"])
    until = long_day(spoken, (editor.now + invitations.INVITATION_LASTS).date())
    text = (
        told("%(org)s invites you to your own page: what you hold, what is next, the courses.") + "\n\n"
        + told("Open it before %(day)s; the link works once:", day=until) + "\n"
        + f"{settings.public_url}/join?code={code}\n"
    )  # fmt: skip
    mailer.send(compose(settings, mailbox, told("%(org)s: your certifications"), text, editor.now))
    return mailbox


def find_invitation(db: Database[Document], code: str, now: dt.datetime) -> Document:
    """Return the invitation of a code that can be used now; raises UnknownThing without telling why not."""
    try:
        return invitations.find_code(db, code, "affiliation", now)
    except UnknownThing:
        return invitations.find_code(db, code, "account", now)


def join(editor: Editor, code: str) -> tuple[Document, Document | None]:
    """Accept an invitation: the affiliation is confirmed, the account opened; return the code's and the user.

    The user is None where the account logs in another way. Raises UnknownThing.
    """
    found = find_invitation(editor.db, code, editor.now)

    def act(session: ClientSession) -> tuple[Document, Document | None]:
        if found["purpose"] == "affiliation":
            invitations.accept(editor, code)
        else:
            invitations.use_code(editor, found, session)
        return found, open_account(editor, found["email"], session)

    return editor.change(act)


def open_account(editor: Editor, mailbox: str, session: ClientSession) -> Document | None:
    """Return the user of a mailbox that was just proven, made as a learner's where there is none.

    None where this proof is no way in: the account is disabled, the vendor's staff, or the login provider's.
    """
    person = owner_of(editor.db, mailbox)
    if person is None:
        return None
    user = editor.db.users.find_one({"email": mailbox.lower()}, session=session)
    if user is None:
        wish = {"email": mailbox, "name": person.get("name"), "role": "learner"}
        user = users.add_user(editor, VENDOR, wish)
    if not takes_links(user):
        return None
    return user if user.get("mailbox") else users.prove(editor, user, mailbox)


def takes_links(user: Mapping[str, Any]) -> bool:
    """Tell whether a link by mail logs a user in."""
    return user["role"] in users.LINKED and user.get("subject") is None and user["disabled_at"] is None


def ask_link(editor: Editor, settings: Settings, mailbox: str) -> EmailMessage | None:
    """Return the mail with a link that logs in whoever reads it; None where no account takes one.

    Whoever asks must not be told which. Raises TooManyTries.
    """
    db, name = editor.db, f"link to {mailbox.lower()}"
    check_tries(db, {name: LINKS}, editor.now)
    count_try(db, name, editor.now)
    user = db.users.find_one({"email": mailbox.lower()})
    if user is None or not takes_links(user):
        return None
    address, code = str(user.get("mailbox") or user["email"]), invitations.new_code()

    def act(session: ClientSession) -> None:
        about = {"purpose": "login", "org": user["org"], "email": address, "user": user["_id"]}
        invitations.keep_code(editor, code, about, LINK_LASTS, session)

    editor.change(act)
    told = functools.partial(say, language_of(user))
    minutes = int(LINK_LASTS.total_seconds() / 60)
    text = (
        told("Somebody, probably you, wants to log in as %(address)s.", address=address) + "\n\n"
        + told("This link does it, once and within %(minutes)s minutes:", minutes=minutes) + "\n"
        + f"{settings.public_url}/login/link?code={code}\n\n"
        + told("If it was not you, do nothing: without the link nobody gets in.") + "\n"
    )  # fmt: skip
    return compose(settings, address, told("Your link to log in"), text, editor.now)


def log_in_by_link(editor: Editor, code: str) -> Document:
    """Return the user whom a link by mail logs in, the mailbox proven by it; raises UnknownThing."""
    found = invitations.find_code(editor.db, code, "login", editor.now)

    def act(session: ClientSession) -> Document:
        invitations.use_code(editor, found, session)
        user = editor.db.users.find_one({"_id": found["user"]}, session=session)
        if user is None or not takes_links(user):
            raise UnknownThing("code", "that is valid")
        return user if user.get("mailbox") else users.prove(editor, user, found["email"])

    return editor.change(act)


def invite_user(editor: Editor, settings: Settings, mailer: Mailer, user: Document) -> Document:
    """Send a user a link by which they choose their password; return the user.

    An earlier link ends. Raises Collision for who is disabled, or logs in already.
    """
    _refuse_settled(user)
    organization, code = get_org(editor.db, user["org"]), invitations.new_code()

    def act(session: ClientSession) -> None:
        about = {"purpose": "user", "org": user["org"], "email": user["email"], "user": user["_id"]}
        invitations.keep_code(editor, code, about, invitations.INVITATION_LASTS, session)
        editor.note("user.invite", "user", user["_id"], org=user["org"], after={"email": user["email"]})

    editor.change(act)
    spoken = language_of(user)
    told = functools.partial(say, spoken, org=organization["name"])
    until = long_day(spoken, (editor.now + invitations.INVITATION_LASTS).date())
    text = (
        told("%(org)s has made an account for you.") + "\n\n"
        + told("Choose your password before %(day)s; the link works once:", day=until) + "\n"
        + f"{settings.public_url}/welcome?code={code}\n\n"
        + told("If you do not know why, do nothing: without a password nobody gets in.") + "\n"
    )  # fmt: skip
    mailer.send(compose(settings, user["email"], told("%(org)s: your account"), text, editor.now))
    return user


def find_user_invitation(db: Database[Document], code: str, now: dt.datetime) -> Document:
    """Return the user whom a code invites; raises UnknownThing without telling why it cannot be used."""
    found = invitations.find_code(db, code, "user", now)
    user = db.users.find_one({"_id": found["user"], "email": found["email"]})
    if user is None or is_settled(user):
        raise UnknownThing("code", "that is valid")
    return user


def accept_user(editor: Editor, code: str, password: str) -> Document:
    """Give an invited user the password that they chose; return the user, the mailbox proven.

    Raises UnknownThing for the code, InvalidField for the password; then nothing is changed.
    """
    user = find_user_invitation(editor.db, code, editor.now)
    users.check_password(password, user["email"])

    def act(session: ClientSession) -> Document:
        invitations.use_code(editor, invitations.find_code(editor.db, code, "user", editor.now), session)
        users.prove(editor, user, user["email"])
        users.choose_password(editor, user["_id"], password, keep="")
        return users.get_user(editor.db, user["_id"], session)

    return editor.change(act)


def is_settled(user: Mapping[str, Any]) -> bool:
    """Tell whether a user needs no invitation: they log in already, or must not."""
    return any(user.get(name) is not None for name in ("password", "subject", "disabled_at"))


def _refuse_settled(user: Mapping[str, Any]) -> None:
    if is_settled(user):
        raise Collision("this user is disabled, or logs in already: there is nothing to invite to")
