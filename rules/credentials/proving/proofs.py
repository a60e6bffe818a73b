"""Embedded proofs: Data Integrity 1.0 by `eddsa-rdfc-2022`; three other kinds are checked too (cert#7-9).

What is signed are the hashes of two canonical texts: the proof's options under the document's contexts, and
the document without its proofs (Data Integrity EdDSA Cryptosuites 1.0). The texts are RDF, or the JSON itself
where a suite is named `jcs` (RFC 8785). A proof never covers another.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import rfc8785

from rules.credentials.proving.contexts import NotCanonical
from rules.credentials.proving.multikey import from_multibase, multibase
from rules.credentials.proving.signing import InvalidToken, PublicKey, Signer, algorithm_of, verify_signature
from rules.credentials.proving.status_list import rfc3339

CLAIMS: Final = (
    "iss",
    "jti",
    "sub",
    "nbf",
    "exp",
)  # of the token alone: the credential says each in a member of its own
SUITES: Final = {
    "eddsa-rdfc-2022": "EdDSA", "eddsa-jcs-2022": "EdDSA",
    "ecdsa-rdfc-2019": "ES256", "ecdsa-jcs-2019": "ES256",
}  # fmt: skip


def without_claims(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the credential that a token's claims hold."""
    return {name: value for name, value in claims.items() if name not in CLAIMS}


def with_proof(
    credential: Mapping[str, Any], signer: Signer, key: str, method: str, created: dt.datetime
) -> dict[str, Any]:
    """Return a credential with its embedded proof; `method` is the full name of the signer's key in did.json.

    The same arguments give the same bytes. Raises NotCanonical for what would not be signed whole,
    UnknownKey.
    """
    from rules.credentials.proving.canonical_templates import canonical_of_shape  # noqa: PLC0415 -- 12 MB, for few

    proof = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-rdfc-2022",
        "created": rfc3339(created.astimezone(dt.UTC)),
        "verificationMethod": method,
        "proofPurpose": "assertionMethod",
    }
    options = {"@context": credential["@context"]} | proof
    signed = digest(canonical_of_shape(options)) + digest(canonical_of_shape(credential))
    return {**credential, "proof": proof | {"proofValue": multibase(signer.sign(key, signed))}}


def verify_proof(document: Mapping[str, Any], proof: Mapping[str, Any], key: PublicKey) -> None:
    """Check one proof of a document by a key; raise InvalidToken, NotCanonical, UnknownContext."""
    from rules.credentials.proving.canonical import canonical, refuse_own_contexts  # noqa: PLC0415 -- 12 MB, for few

    suite = str(proof.get("cryptosuite"))
    if proof.get("type") != "DataIntegrityProof" or suite not in SUITES:
        raise InvalidToken(f"a proof of {proof.get('type')} {suite} cannot be checked")
    if SUITES[suite] != algorithm_of(key):
        raise InvalidToken(f"the key is not one for {suite}")
    body = {name: value for name, value in document.items() if name != "proof"}
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    if "-jcs-" in suite:
        refuse_own_contexts(body)
        own = as_list(options.get("@context"))
        if own != as_list(body.get("@context"))[: len(own)]:
            raise InvalidToken("the contexts of the proof are not those with which the document begins")
        if own:
            body["@context"] = options["@context"]
        signed = digest(json_text(options)) + digest(json_text(body))
    else:
        options["@context"] = document.get("@context")
        signed = digest(canonical(options)) + digest(canonical(body))
    verify_signature(key, from_multibase(proof.get("proofValue")), signed)


def json_text(document: Mapping[str, Any]) -> bytes:
    """Return a document as canonical JSON (RFC 8785); raise NotCanonical."""
    try:
        return rfc8785.dumps(dict(document))
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"not to be written as canonical JSON: {error}"[:200]) from error


def as_list(value: Any) -> list[Any]:
    """Return a value that may stand alone as a list, nothing for None."""
    return [] if value is None else value if isinstance(value, list) else [value]


def digest(text: bytes) -> bytes:
    """Return the SHA-256 of a canonical text."""
    return hashlib.sha256(text).digest()
