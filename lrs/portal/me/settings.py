"""/me/settings: what others see of me, how I am written to, how I log in, and what becomes of my data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from flask import Response, g, request

from lrs.access import users
from lrs.access.guard import AUTHENTICATED
from lrs.access.organizations import VENDOR
from lrs.access.tries import check_tries, count_try
from lrs.console.entry import account
from lrs.console.shell import redirected
from lrs.credentials.consent import DisplayStore
from lrs.credentials.public.pages import read_choice
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.messaging.mail_queue import refused_kinds, subscribe, unsubscribe
from lrs.messaging.notice_texts import LANGUAGES
from lrs.people.affiliations import contact_address
from lrs.people.records import MBOX, set_engagement, set_preferences
from lrs.portal.letters import VENDORS, write_to
from lrs.portal.mine import Mine, me, myself, page
from lrs.words.catalogues import LANGUAGES as NAMES
from lrs.words.reader import mark

Document = dict[str, Any]
KINDS: Final = {
    "before_expiry": mark("Before something ends"),
    "award.renewal_open": mark("When something can be renewed"),
    "award.grace": mark("When something has ended and can still be renewed"),
    "reminder": mark("When my organization reminds me"),
}
BOARDS: Final = {
    "": mark("not at all"),
    "initials": mark("as initials"),
    "full": mark("in full"),
}
SAVED: Final = {
    "sharing": mark("Saved: this is what others see from now on."),
    "mail": mark("Saved: this is how we write to you from now on."),
    "taking-part": mark("Saved: boards follow within ten minutes, names at once."),
    "password": mark("Saved: log in with your new password from now on. Other devices are logged out."),
    "erasure": mark("Your request is with the administrators. They write to you before anything is erased."),
}

blueprint = Mine("me_settings", __name__)


@blueprint.get("/me/settings", scope=AUTHENTICATED)
def settings() -> Response:
    """Show all that the person can decide."""
    services, person = current_services(), me()
    address = contact_address(services.db, person, services.now())
    return page(
        "settings.html",
        person=person, user=g.user, address=address, mailboxes=mailboxes_of(person), kinds=KINDS,
        boards=BOARDS,
        refused=refused_kinds(services.db, address or "", KINDS),
        choice=DisplayStore(services.db).get("", person["_id"]), mail_languages=LANGUAGES,
        language_names=NAMES, saved=SAVED.get(request.args.get("saved", "")),
        shortest=users.SHORTEST, **account.parts(),
    )  # fmt: skip


def mailboxes_of(person: Document) -> list[str]:
    """Return the mail addresses that a person owns now."""
    owned = [row["ifi"] for row in person["ifis"] if row["until"] is None]
    return [ifi.removeprefix(MBOX) for ifi in owned if ifi.startswith(MBOX)]


@blueprint.post("/me/settings/sharing", scope=AUTHENTICATED)
def share() -> Response:
    """Decide what others see of all credentials: their pages, the name, the evidence, the registry."""
    services, person, choice = current_services(), me()["_id"], read_choice(request.form)
    DisplayStore(services.db).choose(None, person, choice, services.now())
    editor, after = myself(), {**asdict(choice), "award": None}
    editor.change(lambda _: editor.note("credential.display", "person", person, org=VENDOR, after=after))
    return redirected("/me/settings?saved=sharing#sharing")


@blueprint.post("/me/settings/taking-part", scope=AUTHENTICATED)
def take_part() -> Response:
    """Decide whether, and by which name, boards count the person, and whether questions come by mail."""
    board = request.form.get("board", "")
    if board not in BOARDS:
        raise InvalidField("board", f"is one of {', '.join(filter(None, BOARDS))}, or nothing")
    chosen = {"board": board or None, "mail": request.form.get("mail") == "yes"}
    set_engagement(myself(), me()["_id"], chosen)
    return redirected("/me/settings?saved=taking-part#taking-part")


@blueprint.post("/me/settings/mail", scope=AUTHENTICATED)
def mail() -> Response:
    """Decide where, in which language and about what the person is written to."""
    services, person = current_services(), me()
    language, address = request.form.get("language", ""), request.form.get("address") or None
    if language not in LANGUAGES:
        raise InvalidField("language", f"is one of {', '.join(LANGUAGES)}")
    if address is not None and address not in mailboxes_of(person):
        raise InvalidField("address", "is not one of yours")
    digest = request.form.get("digest") == "yes"
    set_preferences(myself(), person["_id"], language, digest=digest, email=address)
    to = address or contact_address(services.db, person, services.now())
    for kind in KINDS if to else ():
        if kind in request.form.getlist("kinds"):
            subscribe(services.db, str(to), kind)
        else:
            unsubscribe(services.db, str(to), kind, services.now())
    return redirected("/me/settings?saved=mail#mail")


@blueprint.post("/me/settings/password", scope=AUTHENTICATED)
def password() -> Response:
    """Choose a password; everywhere else the person is logged out."""
    users.choose_password(myself(), g.user["_id"], request.form.get("password", ""), g.session["_id"])
    return redirected("/me/settings?saved=password#login")


@blueprint.post("/me/settings/erasure", scope=AUTHENTICATED)
def ask_erasure() -> Response:
    """Ask the vendor to erase the person: on record in the audit, and mailed to who can do it."""
    if request.form.get("sure") != "yes":
        raise InvalidField("sure", "has to be ticked: an erasure cannot be taken back")
    services, person, editor = current_services(), me()["_id"], myself()
    name = f"erasure of {person}"
    check_tries(services.db, {name: 1}, services.now())
    count_try(services.db, name, services.now())
    editor.change(lambda _: editor.note("person.erasure.ask", "person", person, org=VENDOR))
    write_to(VENDORS, "Somebody asks to be erased", erasure_letter(person))
    return redirected("/me/settings?saved=erasure#data")


def erasure_letter(person: str) -> str:
    """Return what the vendor's administrators are told: who asks, and how it is done."""
    return (
        f"The person {person} asks to be erased.\n\n"
        "Look at what that touches, and do it:\n"
        f"lrs people erase {person} --reason 'own request' --dry-run\n\n"
        f"{current_services().settings.public_url}/console/people/{person}\n"
    )
