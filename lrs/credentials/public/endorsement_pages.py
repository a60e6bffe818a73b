"""Endorsements as everybody sees them: those of a credential, and the did:web document of an endorser."""

from __future__ import annotations

import json

from flask import Response, request
from werkzeug.exceptions import NotFound

from lrs.access.guard import PUBLIC, Blueprint
from lrs.access.organizations import VENDOR
from lrs.credentials.endorsements import as_issuer, endorsements_of
from lrs.credentials.keys import did_document, key_store
from lrs.credentials.public.pages import answer, public_json
from lrs.credentials.public.view import find_view
from lrs.foundation.context import current_services
from rules.credentials.proving.signing import encode_json

blp = Blueprint("endorsements", __name__)


@blp.get("/credentials/<award>/endorsements.json", scope=PUBLIC)
def listed(award: str) -> Response:
    """Answer the endorsements of a credential, to who sees it."""
    services = current_services()
    view = find_view(services, award, request.args.get("token"))
    documents = [json.loads(one["document"]) for one in endorsements_of(services.db, view.id)]
    return answer(view, lambda *_: (encode_json({"endorsement": documents}), "application/json"))


@blp.get("/endorsers/<endorser>/did.json", scope=PUBLIC)
def endorser_did(endorser: str) -> Response:
    """Answer the did:web document of an endorser."""
    services = current_services()
    found = services.db.endorsers.find_one({"_id": endorser, "org": VENDOR})
    if found is None:
        raise NotFound("no such endorser")
    keys = [one for one in key_store(services.settings, services.db).all() if one.alg == "EdDSA"]
    document = did_document(as_issuer(services.settings, found), keys)
    return public_json({k: v for k, v in document.items() if k != "alsoKnownAs"}, "application/did+json")
