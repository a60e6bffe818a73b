"""/me/elsewhere: what the own person earned elsewhere, and a form to bring a credential along."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, request

from lrs.access.guard import AUTHENTICATED
from lrs.access.tries import check_tries, count_try
from lrs.console.shell import redirected
from lrs.credentials.recognising.importing import Importer, NotRecognised
from lrs.credentials.recognising.policy import selectors
from lrs.credentials.recognising.store import RecognitionStore, listed
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.context import current_services
from lrs.foundation.fetching import Fetcher
from lrs.portal.mine import Mine, me, myself, page
from lrs.words.reader import mark
from rules.catalogue.store import cache_of

Document = dict[str, Any]
LARGEST: Final = 2 * 1024 * 1024
MOST_TRIES: Final = 20  # copies that one person brings in a while: each makes us ask issuers
SAVED: Final = mark("It counts: your certifications are looked at anew within seconds.")

blueprint = Mine("me_elsewhere", __name__)


@blueprint.get("/me/elsewhere", scope=AUTHENTICATED)
def elsewhere() -> Response:
    """Show what was brought, and what can be."""
    return shown()


def shown(problem: str | None = None, status: int = 200) -> Response:
    """Return the page, with what was wrong with a copy."""
    db = current_services().db
    recognising = {issuer for _, one in selectors(cache_of(db).get()) for issuer in issuers_of(one.selector)}
    return page(
        "elsewhere.html", status,
        brought=listed(RecognitionStore(db).of_person(me()["_id"])), recognising=sorted(recognising),
        problem=problem, saved=SAVED if request.args.get("saved") else None,
    )  # fmt: skip


def issuers_of(selector: Any) -> tuple[str, ...]:
    """Return the issuers that a selector recognises."""
    return selector.recognises.issuers if selector.recognises is not None else ()


@blueprint.post("/me/elsewhere", scope=AUTHENTICATED)
def bring() -> Response:
    """Import a credential of another issuer, or say why it does not count."""
    services, person = current_services(), me()
    request.max_content_length = LARGEST
    name = f"credentials brought by {person['_id']}"
    check_tries(services.db, {name: MOST_TRIES}, services.now())
    count_try(services.db, name, services.now())
    fetcher = Fetcher(allow_private=services.settings.allow_private_addresses)
    ask, rules = Inquiry(fetcher.get, services.now()), cache_of(services.db).get(fresh=True)
    try:
        Importer(myself(), rules, ask, services.settings.public_url).bring(person, copy_sent())
    except NotRecognised as error:
        return shown(str(error), 422)
    return redirected("/me/elsewhere?saved=yes")


def copy_sent() -> bytes:
    """Return the copy that was sent: the file, else the text or address."""
    file = request.files.get("file")
    data = b"" if file is None else file.read()
    return data or request.form.get("copy", "").strip().encode()
