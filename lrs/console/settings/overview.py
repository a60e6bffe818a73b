"""How an organization looks on public pages, and the issuer's signing keys."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, g, request
from pymongo.client_session import ClientSession

from lrs.access.organizations import VENDOR, get_org
from lrs.api.rights import editor, vendor_only, visible_org
from lrs.console.forms import sent
from lrs.console.lists import asked
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, redirected, show
from lrs.credentials.keys import PublicKey, key_store
from lrs.credentials.public.branding import MAX_LOGO, get_brand, set_brand
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.words.reader import mark
from rules.credentials.proving.signing import ALGORITHMS

Document = dict[str, Any]
PLACE: Final = "/console/settings"
MADE: Final = tuple(one for names in ALGORITHMS.values() for one in names)
USES: Final = {"token": mark("signs credentials"), "proof": mark("signs embedded proofs")}

blueprint = Pages("console_settings", __name__)


@blueprint.get(PLACE, scope="orgs")
def settings() -> Response:
    """Show how an organization looks on public pages; to the vendor also the signing keys."""
    services = current_services()
    org = visible_org(asked("org").get("org", g.principal.org))
    of_vendor = g.principal.org == VENDOR
    keys = key_store(services.settings, services.db).all() if of_vendor else []
    return show(
        "settings.html", org=get_org(services.db, org), orgs=org_names(), brand=get_brand(services.db, org),
        keys=keys, signing=signing(keys), uses=USES, algorithms=MADE,
        of_vendor=of_vendor, most=MAX_LOGO,
    )  # fmt: skip


def signing(keys: list[PublicKey]) -> dict[str, str]:
    """Return which key signs what now: the newest of each use that is not retired."""
    found: dict[str, str] = {}
    for use, names in ALGORITHMS.items():
        live = [one for one in keys if one.retired_at is None and one.alg in names]
        if live:
            found[live[0].kid] = use
    return found


@blueprint.post(f"{PLACE}/brand", scope="orgs")
def brand() -> Response:
    """Keep colour and logo of an organization."""
    services, noted = current_services(), editor()
    org = visible_org(sent("org").get("org", g.principal.org))
    get_org(services.db, org)
    file = request.files.get("logo")
    logo = file.read(MAX_LOGO + 1) if file is not None and file.filename else None
    before = get_brand(services.db, org)
    after = set_brand(
        services.db, org, colour=sent("colour").get("colour", ""), logo=logo, now=services.now()
    )

    def note(_: ClientSession) -> None:
        was = {"colour": before.colour} if before else {}
        noted.note("org.brand", "org", org, org=org, before=was, after={"colour": after.colour})

    noted.change(note)
    return redirected(f"{PLACE}?org={org}")


@blueprint.post(f"{PLACE}/keys", scope="orgs")
def keys() -> Response:
    """Add a signing key, which signs from now on, or retire one: what the button says."""
    vendor_only()
    services, noted, form = current_services(), editor(), sent("action", "kid", "algorithm")
    store = key_store(services.settings, services.db)
    if form.get("action") == "add":
        if (algorithm := form.get("algorithm", "")) not in MADE:
            raise InvalidField("algorithm", "is one that signs here")
        key, action = store.add(algorithm, services.now()), "key.add"
    elif form.get("action") == "retire":
        key, action = store.retire(form.get("kid", ""), services.now()), "key.retire"
    else:
        raise InvalidField("action", "is add or retire")

    def note(_: ClientSession) -> None:
        noted.note(action, "key", key.kid, org=VENDOR, after={"alg": key.alg})

    noted.change(note)
    return redirected(f"{PLACE}#keys")
