"""What wallets ask: metadata, token, nonce, credential, deferred credential (OpenID4VCI 1.0).

Public routes: an offer is made by the holder's signed link alone, and nothing here is answered without its
code, or the access token that it was turned into.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import segno
from flask import Response, render_template, request
from werkzeug.exceptions import BadRequest

from lrs.access.guard import PUBLIC, Blueprint
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.issuer import issuer_of
from lrs.credentials.keys import link_secrets
from lrs.credentials.public.pages import OPEN, answer, linkedin, public_json
from lrs.credentials.public.view import CredentialView, UnknownCredential, find_view, part_now, view_of
from lrs.credentials.wallets.offers import LONGEST, OFFER_FOR, TOKEN_FOR, OfferStore, WalletRefused
from lrs.credentials.wallets.possession import ALGORITHMS, MOST, holder_of, jwk_of, nonce_of, read_proofs
from lrs.foundation.audit import Editor
from lrs.foundation.context import Services, current_services
from lrs.words.reader import mark
from rules.credentials.document import CONTEXTS
from rules.credentials.proving import sd_jwt
from rules.credentials.proving.proofs import with_proof, without_claims
from rules.credentials.proving.signing import compact, read_compact
from rules.credentials.proving.status_list import LIFETIME, TTL, decode
from rules.credentials.status_publishing import current_list

blp = Blueprint("wallets", __name__)
GRANT: Final = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
JWT, LDP = "OpenBadgeCredential_jwt_vc_json", "OpenBadgeCredential_ldp_vc"
SD_JWT = "Certification_dc+sd-jwt"
FORMS: Final = (JWT, LDP, SD_JWT)
LARGEST: Final = 65_536  # bytes of a request
AGAIN_AFTER: Final = 5  # seconds
ALL: Final = Display(shown=True, evidence=True)
PRIVATE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def offers(services: Services) -> OfferStore:
    """Return the offers of this installation."""
    return OfferStore(services.db, link_secrets(services.settings))


@blp.route("/credentials/<award>/wallet", methods=["GET", "POST"], scope=PUBLIC)
def wallet(award: str) -> Response:
    """Let the holder, known by a signed link, take the credential into a wallet or a backpack."""
    services = current_services()
    view = find_view(services, award, request.args.get("token"))
    if view.right != "holder":
        raise UnknownCredential
    shown: dict[str, Any] = {}
    if request.method == "POST" and is_in_force(view):
        code = offers(services).offer(view.id, view.person, services.now())
        offered = json.dumps(offer_of(services, code), separators=(",", ":"))
        link = f"openid-credential-offer://?{urlencode({'credential_offer': offered})}"
        picture = segno.make(link, error="l", micro=False).svg_data_uri(scale=4, border=4, light="#fff")
        shown = {"link": link, "picture": picture, "minutes": int(OFFER_FOR.total_seconds() // 60)}
    body = render_template(
        "credentials/wallet.html", view=view, offer=shown, in_force=is_in_force(view),
        profiles=profiles(view), shown=DisplayStore(services.db).get(view.id, view.person).shown,
    )  # fmt: skip
    return answer(view, lambda *_: (body, "text/html; charset=utf-8"))


def profiles(view: CredentialView) -> list[tuple[str, str]]:
    """Return name and address of each place where a holder can add the credential or tell of it."""
    said = {"text": f"{view.title}, {view.issuer}: {view.url}"}
    return [
        (mark("Add to LinkedIn"), f"https://www.linkedin.com/profile/add?{urlencode(linkedin(view))}"),
        (
            mark("Post on LinkedIn"),
            f"https://www.linkedin.com/sharing/share-offsite/?{urlencode({'url': view.url})}",
        ),
        (mark("Post on Bluesky"), f"https://bsky.app/intent/compose?{urlencode(said)}"),
        (mark("Post on X"), f"https://x.com/intent/post?{urlencode(said)}"),
    ]


def is_in_force(view: CredentialView) -> bool:
    """Say whether a credential may still be taken into a wallet."""
    return view.words.tone == "good"


def offer_of(services: Services, code: str) -> dict[str, Any]:
    """Return a credential offer (OpenID4VCI 1.0)."""
    return {
        "credential_issuer": services.settings.public_url,
        "credential_configuration_ids": list(FORMS),
        "grants": {GRANT: {"pre-authorized_code": code}},
    }


@blp.get("/.well-known/openid-credential-issuer", scope=PUBLIC)
def issuer_metadata() -> Response:
    """Answer what this issuer offers to wallets, and where (OpenID4VCI 1.0, Credential Issuer Metadata)."""
    services = current_services()
    who = issuer_of(services.settings, services.db)
    base = services.settings.public_url
    shared = {
        "cryptographic_binding_methods_supported": ["jwk", "did:jwk", "did:key"],
        "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": list(ALGORITHMS)}},
        "credential_metadata": {"display": [{"name": f"Credential of {who.issuer.name}", "locale": "en"}]},
    }
    types = ["VerifiableCredential", "OpenBadgeCredential"]
    configurations = {
        JWT: {
            "format": "jwt_vc_json",
            "credential_definition": {"type": types},
            "credential_signing_alg_values_supported": [who.signer.algorithm(who.signer.current())],
            **shared,
        },
        LDP: {
            "format": "ldp_vc",
            "credential_definition": {"@context": list(CONTEXTS), "type": types},
            "credential_signing_alg_values_supported": ["eddsa-rdfc-2022"],
            **shared,
        },
        SD_JWT: {
            "format": sd_jwt.TYPE,
            "vct": vct_of(base),
            "credential_signing_alg_values_supported": [who.signer.algorithm(who.signer.current())],
            **shared,
        },
    }
    metadata = {
        "credential_issuer": base,
        "credential_endpoint": f"{base}/oid4vci/credential",
        "deferred_credential_endpoint": f"{base}/oid4vci/deferred",
        "nonce_endpoint": f"{base}/oid4vci/nonce",
        "batch_credential_issuance": {"batch_size": MOST},
        "display": [{"name": who.issuer.name, "locale": "en"}],
        "credential_configurations_supported": configurations,
    }
    return public_json(metadata, "application/json")


@blp.get("/.well-known/oauth-authorization-server", scope=PUBLIC)
def server_metadata() -> Response:
    """Answer where wallets get access tokens (RFC 8414); people and programs of the API get none there."""
    base = current_services().settings.public_url
    metadata = {
        "issuer": base,
        "token_endpoint": f"{base}/oid4vci/token",
        "grant_types_supported": [GRANT],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["none"],
        "pre-authorized_grant_anonymous_access_supported": True,
    }
    return public_json(metadata, "application/json")


@blp.post("/oid4vci/token", scope=PUBLIC, writes=False)
def token() -> Response:
    """Turn the code of an offer into an access token for five minutes, once (OpenID4VCI 1.0)."""
    request.max_content_length = LARGEST
    services = current_services()
    if request.form.get("grant_type") != GRANT:
        raise WalletRefused("unsupported_grant_type", f"the grant type has to be {GRANT}")
    code = request.form.get("pre-authorized_code", "")
    if not 0 < len(code) <= LONGEST:
        raise WalletRefused("invalid_request", "pre-authorized_code is missing or too long")
    made = offers(services).redeem(code, services.now())
    return private_json(
        {"access_token": made, "token_type": "Bearer", "expires_in": int(TOKEN_FOR.total_seconds())}
    )


@blp.post("/oid4vci/nonce", scope=PUBLIC, writes=False)
def nonce() -> Response:
    """Answer a nonce for a proof of possession (OpenID4VCI 1.0)."""
    services = current_services()
    return private_json({"c_nonce": offers(services).nonce(services.now())})


@blp.post("/oid4vci/credential", scope=PUBLIC, writes=False)
def credential() -> Response:
    """Give the credential of an access token, bound to each key that was proven (OpenID4VCI 1.0)."""
    services, body = current_services(), read_request()
    store, now = offers(services), services.now()
    offer = store.of_token(bearer(), now)
    configuration = body.get("credential_configuration_id")
    if configuration not in FORMS:
        raise WalletRefused("unknown_credential_configuration", f"there is {', '.join(FORMS)}")
    view = view_of_offer(services, offer)
    proofs = read_proofs(body)
    store.use_nonce(nonce_of(proofs), now)
    holders = [holder_of(proof, services.settings.public_url, now) for proof in proofs]
    store.give(offer, configuration)
    if is_being_renewed(services, view.id, now):
        transaction = store.wait(offer, configuration, holders)
        return private_json({"transaction_id": transaction, "interval": AGAIN_AFTER}, 202)
    return given(services, view, configuration, holders)


@blp.post("/oid4vci/deferred", scope=PUBLIC, writes=False)
def deferred() -> Response:
    """Give a credential that was not ready when it was asked for (OpenID4VCI 1.0)."""
    services, body = current_services(), read_request()
    store, now = offers(services), services.now()
    offer, transaction = store.of_token(bearer(), now), body.get("transaction_id")
    waiting = store.waited(offer, transaction if isinstance(transaction, str) else "")
    view = view_of_offer(services, offer)
    if is_being_renewed(services, view.id, now):
        return private_json({"transaction_id": transaction, "interval": AGAIN_AFTER}, 202)
    store.fetched(offer, waiting)
    return given(services, view, waiting["configuration"], waiting["holders"])


def view_of_offer(services: Services, offer: Mapping[str, Any]) -> CredentialView:
    """Return the credential of an offer as it is now; raise WalletRefused where it may no longer be given."""
    record = issuer_of(services.settings, services.db).store.newest(offer["award"])
    if record is None or record.person != offer["person"] or part_now(services, record.award) is not None:
        raise WalletRefused("credential_request_denied", "the credential is no longer there")
    view = view_of(services, record, ALL, right="holder")
    if not is_in_force(view):
        raise WalletRefused("credential_request_denied", f"the credential is {view.words.label.lower()}")
    return view


def is_being_renewed(services: Services, award: str, now: dt.datetime) -> bool:
    """Say whether a fresh credential of an award is about to be signed."""
    return (
        services.db["awards"].find_one({"_id": award, "credential_due": {"$lte": now}}, {"_id": 1})
        is not None
    )


def given(services: Services, view: CredentialView, configuration: str, holders: list[str]) -> Response:
    """Answer the credential bound to each holder, and keep in the audit that a wallet took it."""
    who = Editor(
        services.db, {"kind": "holder", "id": view.person, "name": None}, services.now(), request.remote_addr
    )
    after = {"award": view.id, "form": configuration, "keys": len(holders)}
    who.change(lambda _: who.note("credential.wallet", "person", view.person, org="vendor", after=after))
    made = [bound(services, view, configuration, holder) for holder in holders]
    return private_json({"credentials": [{"credential": one} for one in made]})


def bound(services: Services, view: CredentialView, configuration: str, holder: str) -> Any:
    """Return a credential whose subject is a key of the holder, in the form of a configuration.

    It shares status and dates with the credential that the page shows, and ends with it. It names no refresh
    service: that answers copies which are not bound to a key.
    """
    who = issuer_of(services.settings, services.db)
    claims = {name: one for name, one in view.claims.items() if name != "refreshService"}
    claims |= {"sub": holder, "credentialSubject": {**view.claims["credentialSubject"], "id": holder}}
    if configuration == JWT:
        key = who.signer.current()
        return compact(who.signer, key, claims, kid=who.issuer.kid(key))
    if configuration == SD_JWT:
        key, base = who.signer.current(), who.issuer.base
        return sd_jwt.build_sd_jwt(
            view.claims, who.signer, key, issuer=base, kid=who.issuer.kid(key), vct=vct_of(base),
            status=f"{view.claims['credentialStatus']['statusListCredential']}/token", holder=jwk_of(holder),
        )  # fmt: skip
    key = who.signer.current("proof")
    return with_proof(without_claims(claims), who.signer, key, who.issuer.method(key), services.now())


def read_request() -> dict[str, Any]:
    """Return the JSON object of a request of at most 64 KiB; raise WalletRefused."""
    request.max_content_length = LARGEST
    try:
        found = request.get_json(force=True)
    except (BadRequest, RecursionError) as error:
        raise WalletRefused("invalid_credential_request", "the request is not JSON") from error
    if not isinstance(found, dict):
        raise WalletRefused("invalid_credential_request", "the request is not a JSON object")
    return found


def bearer() -> str:
    """Return the access token of a request; raise WalletRefused."""
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not 0 < len(text.strip()) <= LONGEST:
        raise WalletRefused("invalid_token", "an access token is expected as Bearer")
    return text.strip()


def private_json(value: Mapping[str, Any], status: int = 200) -> Response:
    """Answer what nobody may keep."""
    body = json.dumps(value, ensure_ascii=False)
    return Response(body, status, PRIVATE, content_type="application/json")


@blp.app_errorhandler(WalletRefused)
def refused(error: WalletRefused) -> Response:
    """Answer a refusal the way OAuth has it (RFC 6749, 5.2; RFC 6750, 3)."""
    response = private_json(
        {"error": error.code, "error_description": error.reason},
        401 if error.code == "invalid_token" else 400,
    )
    if error.code == "invalid_token":
        response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return response


def vct_of(base: str) -> str:
    """Return the type of SD-JWT VCs of this installation."""
    return f"{base}/vct/certification"


@blp.get("/vct/certification", scope=PUBLIC)
def type_metadata() -> Response:
    """Answer what an SD-JWT VC of ours is called (SD-JWT VC, type metadata)."""
    services = current_services()
    told = {
        "vct": vct_of(services.settings.public_url),
        "name": f"Certification of {services.settings.issuer_name}",
        "claims": [{"path": [name], "sd": "always"} for name in sd_jwt.SELECTIVE],
    }
    return public_json(told, "application/json")


@blp.get("/.well-known/jwt-vc-issuer", scope=PUBLIC)
def jwt_issuer() -> Response:
    """Answer where the keys of SD-JWT VCs are (SD-JWT VC, JWT VC issuer metadata)."""
    base = current_services().settings.public_url
    told = {"issuer": base, "jwks_uri": f"{base}/.well-known/jwks.json"}
    return public_json(told, "application/json")


@blp.get("/status/<name>/token", scope=PUBLIC)
def token_list(name: str) -> Response:
    """Answer a status list as Token Status List, with the bits of the list of that name."""
    services = current_services()
    who, now = issuer_of(services.settings, services.db), services.now()
    listed = read_compact(current_list(who, name, now).jwt).claims
    bits = decode(str(listed["credentialSubject"]["encodedList"]))
    url = f"{who.issuer.base}/status/{name}/token"
    key = who.signer.current()
    claims = sd_jwt.build_token_list(url, bits, now, TTL, LIFETIME) | {"iss": who.issuer.base}
    body = compact(who.signer, key, claims, kid=who.issuer.kid(key), typ=sd_jwt.LIST_TYPE)
    response = Response(body, content_type=f"application/{sd_jwt.LIST_TYPE}", headers=OPEN)
    response.headers["Cache-Control"] = f"public, max-age={int(TTL.total_seconds())}"
    return response
