"""Signed status lists: published on change and twice a day, joined with the last (cert#7-3, cert#7-4).

Each is signed as a token and with an embedded proof, for verifiers that know only the one or the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules.credentials.issuing import CredentialIssuer
from rules.credentials.proving.proofs import with_proof, without_claims
from rules.credentials.proving.signing import compact, encode_json
from rules.credentials.proving.status_list import (
    REPUBLISH_AFTER,
    build_list,
    decode,
    empty,
    encode,
    join,
    set_bits,
)
from rules.credentials.store import CredentialStore


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A signed list: compact JWS, JSON with an embedded proof, and when both were made."""

    name: str
    jwt: str
    vc: str
    published_at: dt.datetime


def current_list(credential_issuer: CredentialIssuer, name: str, now: dt.datetime) -> PublishedList:
    """Return the signed list of that number, signed anew if bits or key changed or 12 hours have passed.

    Whoever asks first publishes, so a change shows at once even while no worker runs. Raises
    UnknownStatusList.
    """
    while True:
        found = credential_issuer.store.get_list(name)
        if not is_due(found, signing_keys(credential_issuer), now):
            return PublishedList(name, found["jwt"], found["vc"], found["published_at"])
        publish(credential_issuer, found, now)


def republish_due(credential_issuer: CredentialIssuer, now: dt.datetime) -> list[str]:
    """Publish every list that changed or is 12 hours old; a job of the worker, harmless to repeat."""
    lists = credential_issuer.store.lists()
    keys = signing_keys(credential_issuer) if lists else {}
    due = [found for found in lists if is_due(found, keys, now)]
    return [str(found["number"]) for found in due if publish(credential_issuer, found, now)]


def signing_keys(credential_issuer: CredentialIssuer) -> dict[str, str]:
    """Return the keys that sign lists now, by the names under which a list remembers them."""
    return {"key": credential_issuer.signer.current(), "proof_key": credential_issuer.signer.current("proof")}


def is_due(found: Mapping[str, Any], keys: Mapping[str, str], now: dt.datetime) -> bool:
    """Say whether a list has to be signed again: changed, old, or not signed by the present keys."""
    if found["publication"] == 0 or found["changes"] != found["published_changes"]:
        return True
    if any(found.get(name) != key for name, key in keys.items()):
        return True
    return bool(now - found["published_at"] >= REPUBLISH_AFTER)


def publish(credential_issuer: CredentialIssuer, found: Mapping[str, Any], now: dt.datetime) -> bool:
    """Sign a list from its entries joined with its last publication; False if another process was faster."""
    name = str(found["number"])
    bits = set_bits(published_bits(found), credential_issuer.store.set_indexes(name))
    signer, issuer = credential_issuer.signer, credential_issuer.issuer
    keys = signing_keys(credential_issuer)
    key, proof_key = keys["key"], keys["proof_key"]
    claims = build_list(f"{issuer.base}/status/{name}", issuer.did, bits, now)
    vc = with_proof(without_claims(claims), signer, proof_key, issuer.method(proof_key), now)
    values = keys | {
        "bits": encode(bits),
        "jwt": compact(signer, key, claims, kid=issuer.kid(key)),
        "vc": encode_json(vc).decode(),
        "published_at": now,
        "published_changes": found["changes"],
    }
    return credential_issuer.store.save_publication(found, values)


def published_bits(found: Mapping[str, Any]) -> bytes:
    """Return the bits of the last publication, all clear before the first one."""
    size = int(found["size"])
    return join(empty(size), decode(found["bits"])) if "bits" in found else empty(size)


def rebuild(store: CredentialStore, name: str) -> bytes:
    """Return the bits that the entries alone give; tests compare it with what is published."""
    return set_bits(empty(int(store.get_list(name)["size"])), store.set_indexes(name))
