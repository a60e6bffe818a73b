"""A credential as SD-JWT VC: a token whose holder tells of some claims or not (RFC 9901, SD-JWT VC).

And its status list in the form that goes with it (Token Status List): the same bits, in the other order.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from rules.credentials.proving.signing import Signer, b64, compact

TYPE: Final = "dc+sd-jwt"
LIST_TYPE: Final = "statuslist+jwt"
SELECTIVE: Final = ("awarded_date", "identifier", "evidence", "result")
"""What the holder may keep to themselves."""
REVERSED: Final = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def new_salt() -> str:
    """Return a fresh salt of 128 bits."""
    return b64(secrets.token_bytes(16))


def build_sd_jwt(
    claims: Mapping[str, Any],
    signer: Signer,
    key: str,
    *,
    issuer: str,
    kid: str,
    vct: str,
    status: str,
    holder: Mapping[str, Any],
    salt: Callable[[], str] = new_salt,
) -> str:
    """Return the SD-JWT of the claims of a credential's token, bound to a holder's public JWK.

    `issuer` is the https address whose `/.well-known/jwt-vc-issuer` names the keys, `vct` the type, `status`
    the address of the Token Status List that has the index of the credential's own entry.
    """
    subject = claims["credentialSubject"]
    achievement = subject["achievement"]
    told = {
        "awarded_date": claims.get("awardedDate"),
        "identifier": subject.get("identifier"),
        "evidence": claims.get("evidence"),
        "result": subject.get("result"),
    }
    disclosures = [disclosure(salt(), name, told[name]) for name in SELECTIVE if told[name] is not None]
    index = int(claims["credentialStatus"]["statusListIndex"])
    body: dict[str, Any] = {
        "iss": issuer,
        "vct": vct,
        "iat": claims["nbf"],
        "nbf": claims["nbf"],
        "cnf": {"jwk": dict(holder)},
        "status": {"status_list": {"idx": index, "uri": status}},
        "name": claims["name"],
        "credential": claims["id"],
        "achievement": {name: achievement[name] for name in ("id", "name", "version")},
        "_sd_alg": "sha-256",
        "_sd": sorted(b64(hashlib.sha256(one.encode()).digest()) for one in disclosures),
    }
    if "exp" in claims:
        body["exp"] = claims["exp"]
    token = compact(signer, key, body, kid=kid, typ=TYPE)
    return "~".join([token, *disclosures, ""])


def disclosure(salt: str, name: str, value: Any) -> str:
    """Return a claim that its holder may tell, as text."""
    return b64(json.dumps([salt, name, value], ensure_ascii=False).encode())


def build_token_list(
    url: str, bits: bytes, now: dt.datetime, ttl: dt.timedelta, lasts: dt.timedelta
) -> dict[str, Any]:
    """Return the claims of a Token Status List with the bits of one of ours, whose index 0 is leftmost."""
    at = int(now.timestamp())
    packed = zlib.compress(bits.translate(REVERSED), 9)
    return {
        "sub": url,
        "iat": at,
        "exp": at + int(lasts.total_seconds()),
        "ttl": int(ttl.total_seconds()),
        "status_list": {"bits": 1, "lst": b64(packed)},
    }
