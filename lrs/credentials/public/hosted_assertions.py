"""Open Badges 2.0 for backpacks that know nothing newer: a hosted assertion, its badge class and its issuer.

Whoever checks it asks our address, so there is one only while the holder shows the credential, and it says at
once when the credential no longer holds (410, `revoked`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from flask import Response
from werkzeug.exceptions import NotFound

from lrs.access.guard import PUBLIC, Blueprint
from lrs.credentials.consent import Display
from lrs.credentials.formats import plain_png
from lrs.credentials.keys import issuer
from lrs.credentials.public.pages import OPEN, answer, public_json
from lrs.credentials.public.view import OUT_OF_FORCE, CredentialView, UnknownCredential, find_view, view_of
from lrs.foundation.context import current_services
from rules.credentials.baking import OPEN_BADGES_2, bake_png
from rules.credentials.store import to_record

blp = Blueprint("hosted-assertions", __name__)
CONTEXT: Final = "https://w3id.org/openbadges/v2"
JSON_LD: Final = "application/ld+json"


@blp.get("/credentials/<award>/assertion", scope=PUBLIC)
def assertion(award: str) -> Response:
    """Answer a credential that its holder shows as an assertion of Open Badges 2.0; 410 when revoked."""
    view = shown_view(award)
    gone = view.state in OUT_OF_FORCE
    body = revoked_of(view) if gone else assertion_of(view)
    response = public_json(body, JSON_LD)
    response.status_code = 410 if gone else 200
    response.headers["Cache-Control"] = "no-cache"
    return response


@blp.get("/credentials/<award>/assertion.png", scope=PUBLIC)
def assertion_png(award: str) -> Response:
    """Answer the badge with the assertion baked in, to upload to a backpack."""
    view = shown_view(award)
    picture = bake_png(
        plain_png(view, current_services().settings), json.dumps(assertion_of(view)), OPEN_BADGES_2
    )
    return answer(view, lambda *_: (picture, "image/png"), name=f"{view.certification}-{view.id}.png")


@blp.get("/achievements/<certification>/<version>/badge", scope=PUBLIC)
def badge_class(certification: str, version: str) -> Response:
    """Answer what a version of a certification asks for as a badge class of Open Badges 2.0."""
    view, base = any_view(certification, version), current_services().settings.public_url
    achievement = view.claims["credentialSubject"]["achievement"]
    criteria, alignments = achievement["criteria"], achievement.get("alignment")
    return public_json(
        {
            "@context": CONTEXT,
            "type": "BadgeClass",
            "id": badge_url(view, base),
            "name": achievement["name"],
            "description": achievement["description"],
            "image": f"{badge_url(view, base)}.png",
            **({"alignment": alignments} if alignments else {}),
            "criteria": {"id": criteria.get("id", achievement["id"])}
            | ({"narrative": criteria["narrative"]} if "narrative" in criteria else {}),
            "issuer": f"{base}/issuer",
        },
        JSON_LD,
    )


@blp.get("/achievements/<certification>/<version>/badge.png", scope=PUBLIC)
def badge_picture(certification: str, version: str) -> Response:
    """Answer the picture of a badge class."""
    view = any_view(certification, version)
    headers = OPEN | {"Cache-Control": "public, max-age=300"}
    return Response(plain_png(view, current_services().settings), content_type="image/png", headers=headers)


@blp.get("/issuer", scope=PUBLIC)
def profile() -> Response:
    """Answer who issues, as a profile of Open Badges 2.0."""
    who = issuer(current_services().settings)
    return public_json(
        {
            "@context": CONTEXT,
            "type": "Issuer",
            "id": f"{who.base}/issuer",
            "name": who.name,
            "url": who.base,
        },
        JSON_LD,
    )


def shown_view(award: str) -> CredentialView:
    """Return a credential that its holder shows to all, with an address in it; raise UnknownCredential."""
    view = find_view(current_services(), award)
    if not recipient_of(view):
        raise UnknownCredential
    return view


def any_view(certification: str, version: str) -> CredentialView:
    """Return a credential of a version of a certification, without its holder; raise NotFound."""
    services = current_services()
    of_version = {"org": "vendor", "certification": certification, "version": version}
    found = services.db["credentials"].find_one(of_version)
    if found is None:
        raise NotFound("no such achievement")
    return view_of(services, to_record(found), Display(name="hidden"))


def assertion_of(view: CredentialView) -> dict[str, Any]:
    """Return the assertion of a credential; the same address hash stands in both."""
    base = current_services().settings.public_url
    made: dict[str, Any] = {
        "@context": CONTEXT,
        "type": "Assertion",
        "id": f"{view.url}/assertion",
        "recipient": recipient_of(view),
        "badge": badge_url(view, base),
        "verification": {"type": "HostedBadge"},
        "issuedOn": view.claims["validFrom"],
    }
    if "validUntil" in view.claims:
        made["expires"] = view.claims["validUntil"]
    if view.evidence:
        made["evidence"] = [
            {"id": f"{view.url}/evidence/{key}", "name": name, "narrative": narrative}
            for key, name, narrative in view.evidence
        ]
    return made


def revoked_of(view: CredentialView) -> dict[str, Any]:
    """Return what is left of an assertion that no longer holds."""
    return {
        "@context": CONTEXT, "type": "Assertion", "id": f"{view.url}/assertion", "revoked": True,
        "revocationReason": view.words.sentence,
    }  # fmt: skip


def recipient_of(view: CredentialView) -> dict[str, Any]:
    """Return whom an assertion is for: the newest address, hashed; nothing where none is recorded."""
    identifiers: list[Mapping[str, Any]] = view.claims["credentialSubject"].get("identifier", [])
    if not identifiers:
        return {}
    first = identifiers[0]
    return {"type": "email", "hashed": True, "salt": first["salt"], "identity": first["identityHash"]}


def badge_url(view: CredentialView, base: str) -> str:
    """Return the address of a badge class."""
    return f"{base}/achievements/{view.certification}/{view.version}/badge"
