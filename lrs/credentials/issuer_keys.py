"""The keys by which an issuer makes embedded proofs: of its DID (web, key, jwk), or on its own host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lrs.credentials.verifying.verify import (
    SELF_NAMED,
    Failed,
    Inquiry,
    absolute,
    did_url,
    named_key,
    read_json,
)
from rules.credentials.proving.multikey import decode_multikey
from rules.credentials.proving.signing import PublicKey, key_from_jwk

DID_TYPES = "application/did+json, application/json"


def proof_key(issuer: str, method: Any, ask: Inquiry) -> PublicKey:
    """Return the key of a verification method that speaks for an issuer; raise Failed or InvalidToken."""
    if not isinstance(method, str):
        raise Failed("the proof names no verification method")
    if issuer.startswith(SELF_NAMED):
        return key_from_jwk(named_key(issuer, {"kid": method}))
    if issuer.startswith("did:web:"):
        document = read_json(ask.get(did_url(issuer, ask.local), DID_TYPES))
        if document.get("id") != issuer:
            raise Failed(f"the DID document is that of {document.get('id')!r}, not of {issuer}")
        return key_of(listed_method(document, method))
    if not issuer.startswith("https://"):
        raise Failed(f"the issuer {issuer!r} is neither did:web, did:key, did:jwk nor an https address")
    if urlsplit(method).hostname != urlsplit(issuer).hostname:
        raise Failed(f"the key {method} is not on the issuer's host")
    return key_of(read_json(ask.get(method, "application/json")))


def listed_method(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the method of that name if a DID document allows it for assertions; raise Failed."""
    base = str(document.get("id"))
    listed = entries(document, "assertionMethod")
    allowed = {absolute(str(one.get("id") if isinstance(one, dict) else one), base) for one in listed}
    for method in [*entries(document, "verificationMethod"), *listed]:
        if isinstance(method, dict) and absolute(str(method.get("id")), base) == name and name in allowed:
            return method
    raise Failed(f"the key {name!r} is not in the issuer's DID document")


def entries(document: Mapping[str, Any], name: str) -> list[Any]:
    """Return a member that has to be a list; nothing for one that is none."""
    found = document.get(name)
    return found if isinstance(found, list) else []


def key_of(method: Mapping[str, Any]) -> PublicKey:
    """Return the key of a verification method, a Multikey or a JsonWebKey; raise Failed or InvalidToken."""
    if isinstance(method.get("publicKeyJwk"), dict):
        return key_from_jwk(method["publicKeyJwk"])
    if "publicKeyMultibase" in method:
        return decode_multikey(method["publicKeyMultibase"])
    raise Failed(f"the key {method.get('id')!r} is neither a Multikey nor a JsonWebKey")
