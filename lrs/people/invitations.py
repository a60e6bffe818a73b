"""One-time codes by e-mail: a person confirms an affiliation, an organization proves a mail domain.

codes {_id hash of the code, org, purpose (affiliation, account, login, domain), email,
       affiliation | domain | user, created_at, expires_at, used_at}
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import secrets
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import get_org
from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, UnknownThing
from lrs.foundation.mail import Mailer, check_address, check_domain, compose
from lrs.foundation.settings import Settings
from lrs.people import affiliations, records
from lrs.words.catalogues import say
from lrs.words.reader import language, language_of
from lrs.words.writing import long_day
from rules.engine.affiliations import unended
from rules.engine.identity import owner_at, owners_of
from rules.engine.queues import evaluation_queue
from statements.parsing.actor import mbox_ifi

Document = dict[str, Any]

INVITATION_LASTS: Final = dt.timedelta(days=14)
DOMAIN_CODE_LASTS: Final = dt.timedelta(days=2)
MAILBOXES: Final = ("postmaster", "hostmaster", "webmaster", "admin", "administrator")
LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # 32 that are not mistaken for each other

INDEXES: dict[str, list[IndexModel]] = {
    "codes": [
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=30 * 24 * 3600),
        IndexModel([("org", ASCENDING), ("purpose", ASCENDING)]),
        IndexModel([("email", ASCENDING)]),
    ]
}


def new_code() -> str:
    """Return a fresh code of 80 random bits in groups that can be typed: XXXX-XXXX-XXXX-XXXX."""
    letters = [secrets.choice(LETTERS) for _ in range(16)]
    return "-".join("".join(letters[at : at + 4]) for at in range(0, 16, 4))


def hash_code(code: str) -> str:
    """Return the hash under which a code is kept, whatever spaces and case it was typed with."""
    plain = "".join(code.upper().replace("-", "").split())
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()


def invite(editor: Editor, settings: Settings, mailer: Mailer, org: str, wish: Document) -> Document:
    """Invite somebody by mail; the affiliation is there at once and counts when the code comes back.

    `wish` holds email, name and role. Raises InvalidField, UnknownThing, or Collision where it is confirmed.
    """
    organization = get_org(editor.db, org)
    email = check_address(wish["email"])
    code = new_code()

    def act(session: ClientSession) -> Document:
        person = _person_of(editor, email, wish.get("name"), session)
        row = _pending_affiliation(editor, person, org, {**wish, "email": email}, session)
        about = {"purpose": "affiliation", "org": org, "email": email, "affiliation": row["_id"]}
        keep_code(editor, code, about, INVITATION_LASTS, session)
        editor.note("invitation.send", "affiliation", row["_id"], org=org, after={"email": email})
        return row

    row = editor.change(act)
    spoken = language_of(records.get_person(editor.db, row["person"]))
    told = functools.partial(say, spoken, org=organization["name"])
    until = long_day(spoken, (editor.now + INVITATION_LASTS).date())
    text = (
        told("%(org)s has named you as one of its people.") + "\n\n"
        + told("If that is right, confirm it before %(day)s:", day=until) + "\n"
        + f"{settings.public_url}/join?code={code}\n\n"
        + told("The link works once and opens your own page: what you hold, and what is next.") + "\n"
        + told("If it is not right, do nothing: without your answer nothing follows from it.") + "\n"
    )  # fmt: skip
    mailer.send(compose(settings, email, told("%(org)s: please confirm"), text, editor.now))
    return row


def _person_of(editor: Editor, email: str, name: str | None, session: ClientSession) -> str:
    ifi = mbox_ifi(email)
    owner = None
    for form in records.same_mailbox(ifi):
        owner = owner or owner_at(owners_of(editor.db, [form]), form, editor.now)
    if owner is not None:
        return records.get_person(editor.db, owner, session)["_id"]  # type: ignore[no-any-return]  # ids are texts
    return str(records.add_person(editor, [ifi], name=name, email=email)["_id"])


def _pending_affiliation(
    editor: Editor, person: str, org: str, wish: Document, session: ClientSession
) -> Document:
    unfinished = {"person": person, "org": org, **unended(editor.now)}
    running = editor.db.affiliations.find_one(unfinished, session=session)
    if running is None:
        ifi, role = mbox_ifi(wish["email"]), wish.get("role")
        return affiliations.affiliate(
            editor, person, org, primary=False, role=role, confirmed=False, known_as=ifi
        )
    if running["confirmed_at"] is not None:
        raise Collision("this person is one of the organization's, confirmed")
    return running


def keep_code(
    editor: Editor, code: str, about: Document, lasts: dt.timedelta, session: ClientSession
) -> None:
    """Store a code for `about` {purpose, org, email, and what it is for}; earlier ones for it end."""
    editor.db.codes.delete_many({**about, "used_at": None}, session=session)
    document = {
        "_id": hash_code(code),
        **about,
        "created_at": editor.now,
        "expires_at": editor.now + lasts,
        "used_at": None,
    }
    editor.db.codes.insert_one(document, session=session)


def find_code(db: Database[Document], code: str, purpose: str, now: dt.datetime) -> Document:
    """Return a code that can be used now; raises UnknownThing without telling why it cannot."""
    found = db.codes.find_one(
        {"_id": hash_code(code), "purpose": purpose, "used_at": None, "expires_at": {"$gt": now}}
    )
    if found is None:
        raise UnknownThing("code", "that is valid")
    return found


def accept(editor: Editor, code: str) -> Document:
    """Confirm an affiliation by its code: it becomes the primary one now; raises UnknownThing."""
    found = find_code(editor.db, code, "affiliation", editor.now)

    def act(session: ClientSession) -> Document:
        use_code(editor, found, session)
        row = affiliations.get_affiliation(editor.db, found["affiliation"], session)
        if row["until"] is not None and row["until"] <= editor.now:
            raise UnknownThing("code", "that is valid")
        if not row["primary"]:
            affiliations.end_primary(editor, row["person"], editor.now, session)
            change = {"primary": True, "from": editor.now}
            editor.db.affiliations.update_one({"_id": row["_id"]}, {"$set": change}, session=session)
        confirmed = affiliations.confirm_affiliation(editor, row["_id"])
        evaluation_queue.enqueue(editor.db, [row["person"]], editor.now, session=session)
        return confirmed

    return editor.change(act)


def use_code(editor: Editor, found: Document, session: ClientSession) -> None:
    """Spend a code, in the transaction of what it allows; raises UnknownThing where it was spent before."""
    used = editor.db.codes.update_one(
        {"_id": found["_id"], "used_at": None}, {"$set": {"used_at": editor.now}}, session=session
    )
    if not used.modified_count:
        raise UnknownThing("code", "that is valid")


def ask_domain(
    editor: Editor, settings: Settings, mailer: Mailer, org: str, *, domain: str, mailbox: str = "postmaster"
) -> Document:
    """Add a mail domain to an organization and send a code to one of its official mailboxes."""
    domain, organization = check_domain(domain), get_org(editor.db, org)
    if mailbox not in MAILBOXES:
        raise Collision(f"the code goes to one of {', '.join(MAILBOXES)}")
    if domain in affiliations.verified_domains(organization):
        raise Collision(f"{domain} is verified")
    code = new_code()

    def act(session: ClientSession) -> Document:
        entry = {"domain": domain, "verified_at": None}
        editor.db.orgs.update_one(
            {"_id": org, "domains.domain": {"$ne": domain}},
            {"$push": {"domains": entry}, "$inc": {"version": 1}},
            session=session,
        )
        about = {"purpose": "domain", "org": org, "email": f"{mailbox}@{domain}", "domain": domain}
        keep_code(editor, code, about, DOMAIN_CODE_LASTS, session)
        editor.note("domain.ask", "org", org, org=org, after=entry)
        return entry

    entry = editor.change(act)
    told = functools.partial(say, language(), org=organization["name"], domain=domain, code=code)
    text = (
        told("%(org)s wants to prove that %(domain)s is its mail domain.") + "\n\n"
        + told("If you agree, give them this code: %(code)s") + "\n\n"
        + told("It is valid for two days and works once.") + "\n"
    )  # fmt: skip
    mailer.send(compose(settings, f"{mailbox}@{domain}", told("Code for %(domain)s"), text, editor.now))
    return entry


def prove_domain(editor: Editor, org: str, code: str) -> Document:
    """Mark a mail domain as the organization's by its code; raises UnknownThing or Collision."""
    found = find_code(editor.db, code, "domain", editor.now)
    if found["org"] != org:
        raise UnknownThing("code", "that is valid")

    def act(session: ClientSession) -> Document:
        use_code(editor, found, session)
        set_domain(editor, org, found["domain"], session)
        return get_org(editor.db, org, session)

    return editor.change(act)


def set_domain(editor: Editor, org: str, domain: str, session: ClientSession) -> None:
    """Count a domain as proven; two organizations cannot both have it; raises Collision."""
    other = {"_id": {"$ne": org}, "domains": {"$elemMatch": {"domain": domain, "verified_at": {"$ne": None}}}}
    if editor.db.orgs.find_one(other, {"_id": 1}, session=session):
        raise Collision("this domain cannot be verified for this organization; ask the vendor")
    before = get_org(editor.db, org, session)
    kept = [row for row in before["domains"] if row["domain"] != domain]
    after = [*kept, {"domain": domain, "verified_at": editor.now}]
    editor.db.orgs.update_one(
        {"_id": org},
        {"$set": {"domains": after, "updated_at": editor.now}, "$inc": {"version": 1}},
        session=session,
    )
    editor.note(
        "domain.verify", "org", org, org=org, before={"domains": before["domains"]}, after={"domains": after}
    )


def drop_domain(editor: Editor, org: str, domain: str) -> Document:
    """Take a mail domain off an organization; raises UnknownThing."""

    def act(session: ClientSession) -> Document:
        before = get_org(editor.db, org, session)
        kept = [row for row in before["domains"] if row["domain"] != domain]
        if len(kept) == len(before["domains"]):
            raise UnknownThing("domain", domain)
        editor.db.orgs.update_one(
            {"_id": org}, {"$set": {"domains": kept}, "$inc": {"version": 1}}, session=session
        )
        editor.note("domain.drop", "org", org, org=org, before=before, after={**before, "domains": kept})
        return get_org(editor.db, org, session)

    return editor.change(act)
