"""GET /start/<item>: the link by which somebody who is signed in opens a course."""

from __future__ import annotations

from typing import Any

from flask import redirect, request

from lrs.access.auth import current_principal
from lrs.access.guard import AUTHENTICATED
from lrs.access.organizations import VENDOR
from lrs.api.rights import editor
from lrs.console.shell import Pages, show
from lrs.content.library.items import get_item
from lrs.content.library.learners import learner_of
from lrs.content.library.visibility import Visibility, may_see
from lrs.content.opening import actor_of, open_content
from lrs.content.player.launches import Wanted
from lrs.foundation.context import current_services
from lrs.foundation.errors import Forbidden, UnknownThing
from lrs.people import accounts
from lrs.people.directory import Directory

Document = dict[str, Any]

blueprint = Pages("start", __name__)


@blueprint.get("/start/<item>", scope=AUTHENTICATED)
def start(item: str) -> Any:
    """Open an item for the person that the user is, where they may see it; `new=1` begins a new attempt.

    Opening changes what is there, so a page of another site may only lead to a page of ours that asks.
    """
    here, who = current_services(), editor()
    person = _person()  # first: whoever is refused learns of no item
    kept = get_item(here.db, item)
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        return show("start.html", title=kept["title"], here=request.full_path)
    languages = tuple(tag for tag, _ in request.accept_languages)
    learner = learner_of(here.db, person["_id"], here.now(), languages)
    if not may_see(kept["org"], Visibility.of(kept["visible"]), learner, here.now()):
        raise UnknownThing("content item", item)
    wanted = Wanted(
        org=kept["org"],
        item=item,
        actor=actor_of(who, person["_id"], here.settings.public_url, known_as(kept["org"], person)),
        person=person["_id"],
        name=person.get("name") or "",
        language=languages[0] if languages else "en",
        wants_new=request.args.get("new") == "1",
    )
    opened = open_content(here.settings, who, wanted, request.args.get("part"), menu=True)
    response = redirect(opened.url, 303)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _person() -> Document:
    """Return the person that the user is; raises Forbidden where no mailbox is proven, UnknownThing.

    An administrator of a partner may add any address: learning in somebody else's name must not follow.
    """
    services, principal = current_services(), current_principal()
    user = services.db.users.find_one({"_id": principal.id}) or {"org": "", "email": ""}
    if accounts.proven_mailbox(user) is None:
        raise Forbidden(
            "courses are opened by who logs in with their organization's account or by a link to their "
            "mailbox, not by a password alone"
        )
    found = accounts.person_of(services.db, user)
    if found is None:
        raise UnknownThing("person", user["email"], "no person of the programme has your address")
    return found


def known_as(org: str, person: Document) -> tuple[str, ...] | None:
    """Return by what an organization knows a person; None is everything, for the vendor."""
    if org == VENDOR:
        return None
    services = current_services()
    shown = Directory(services.db, services.now(), [org]).present(person)
    return tuple(row["ifi"] for row in shown["ifis"])
