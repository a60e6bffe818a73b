"""Proofs that a wallet holds a key: JWTs over the issuer's name and nonce (OpenID4VCI 1.0, appendix F.1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from lrs.credentials.verifying.verify import SELF_NAMED, Failed, named_key
from lrs.credentials.wallets.offers import WalletRefused
from rules.credentials.proving.signing import (
    InvalidToken,
    Token,
    b64,
    encode_json,
    key_from_jwk,
    public_jwk,
    read_compact,
    verify,
)

KIND: Final = "openid4vci-proof+jwt"
ALGORITHMS: Final = ("ES256", "EdDSA", "RS256")
MOST: Final = 5  # keys of one request
LONGEST: Final = 10_000  # characters of a proof
SKEW: Final = dt.timedelta(minutes=5)
PUBLIC: Final = ("kty", "crv", "x", "y", "n", "e")  # members of a public key


def read_proofs(body: Mapping[str, Any]) -> list[Token]:
    """Return the proofs of a credential request, one for each key; raise WalletRefused.

    Wallets of earlier drafts send one as `proof` instead of several as `proofs`.
    """
    proofs, single = body.get("proofs"), body.get("proof")
    texts = proofs.get("jwt") if isinstance(proofs, dict) else None
    if texts is None and isinstance(single, dict) and single.get("proof_type") == "jwt":
        texts = [single.get("jwt")]
    if not isinstance(texts, list) or not 1 <= len(texts) <= MOST:
        raise WalletRefused("invalid_proof", f"between 1 and {MOST} proofs of the kind jwt are expected")
    if not all(isinstance(text, str) and len(text) <= LONGEST for text in texts):
        raise WalletRefused("invalid_proof", "a proof is no JWT, or too long")
    try:
        return [read_compact(text) for text in texts]
    except InvalidToken as error:
        raise WalletRefused("invalid_proof", error.reason) from error


def nonce_of(proofs: list[Token]) -> str:
    """Return the nonce of the proofs of one request, which is the same in all; raise WalletRefused."""
    found = {
        proof.claims.get("nonce") if isinstance(proof.claims.get("nonce"), str) else "" for proof in proofs
    }
    if len(found) != 1 or found == {""}:
        raise WalletRefused("invalid_nonce", "the proofs do not say one nonce")
    return str(found.pop())


def holder_of(proof: Token, issuer: str, now: dt.datetime) -> str:
    """Return the DID of the key that a proof holds, after checking it; raise WalletRefused."""
    header, claims = proof.header, proof.claims
    audience, issued = claims.get("aud"), claims.get("iat")
    if header.get("typ") != KIND:
        raise WalletRefused("invalid_proof", f"the header does not say typ {KIND}")
    if issuer not in (audience if isinstance(audience, list) else [audience]):
        raise WalletRefused("invalid_proof", f"the proof is not for {issuer}")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        raise WalletRefused("invalid_proof", "the proof does not say when it was made")
    at, skew = now.timestamp(), SKEW.total_seconds()
    if not at - skew <= issued <= at + skew:  # compared, for a whole number may be too large to reckon with
        raise WalletRefused("invalid_proof", "the proof was not made within five minutes of now")
    try:
        did, jwk = key_of(header)
        verify(proof, jwk)
    except (Failed, InvalidToken) as error:
        raise WalletRefused("invalid_proof", str(error)) from error
    return did


def key_of(header: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return DID and JWK of the key that a header names or holds; raise Failed or InvalidToken."""
    jwk, kid = header.get("jwk"), header.get("kid")
    if isinstance(jwk, dict) and kid is None:
        if "d" in jwk or "k" in jwk:
            raise Failed("the proof holds a private key")
        whole = public_jwk(key_from_jwk(jwk))
        public: dict[str, str] = {str(name): whole[name] for name in PUBLIC if name in whole}
        return f"did:jwk:{b64(encode_json(public))}", public
    if isinstance(kid, str) and kid.startswith(SELF_NAMED) and jwk is None:
        did = kid.partition("#")[0]
        return did, named_key(did, header)
    raise Failed("the header has to name one key: a jwk, or a kid of did:key or did:jwk")


def jwk_of(did: str) -> dict[str, Any]:
    """Return the public key that the DID of a holder is, as a JWK."""
    jwk = named_key(did, {"kid": did})
    return {name: jwk[name] for name in PUBLIC if name in jwk}
