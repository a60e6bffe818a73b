"""Checking the embedded proofs of a credential, or of a status list (cert#7-9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lrs.credentials.issuer_keys import proof_key
from lrs.credentials.verifying.verify import Failed, Inquiry, instant, issuer_id
from rules.credentials.proving.proofs import SUITES, as_list, verify_proof
from rules.credentials.proving.signing import read_json

MAX_PROOFS = 10


def read_document(text: str) -> dict[str, Any]:
    """Return a JSON object, of which no member is repeated; raise Failed."""
    try:
        found = read_json(text)
    except (ValueError, RecursionError) as error:
        raise Failed(f"the credential is not JSON: {error}"[:200]) from error
    if not isinstance(found, dict):
        raise Failed("the credential is not a JSON object")
    return found


def proofs_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the proofs of a document, of which there has to be one at least; raise Failed."""
    found = as_list(document.get("proof"))
    if not found or len(found) > MAX_PROOFS or not all(isinstance(one, dict) and one for one in found):
        raise Failed(f"between 1 and {MAX_PROOFS} embedded proofs are expected")
    return found


def check_proofs(document: Mapping[str, Any], ask: Inquiry) -> str:
    """Check each proof of a kind that is known, of which there has to be one; raise Failed and others.

    A proof of another kind beside it proves nothing and does no harm.
    """
    issuer = issuer_id(document)
    known = [one for one in proofs_of(document) if str(one.get("cryptosuite")) in SUITES]
    if not known:
        kinds = ", ".join(str(one.get("cryptosuite") or one.get("type")) for one in proofs_of(document))
        raise Failed(f"proofs by {kinds} cannot be checked")
    for proof in known:
        if proof.get("proofPurpose") != "assertionMethod":
            raise Failed(f"a proof for {proof.get('proofPurpose')!r} asserts nothing")
        expires = instant(proof.get("expires"))
        if expires is not None and expires < ask.now:
            raise Failed(f"the proof holds until {proof['expires']}, which is over")
        verify_proof(document, proof, proof_key(issuer, proof.get("verificationMethod"), ask))
    return f"by {known[0]['verificationMethod']} of {issuer}"
