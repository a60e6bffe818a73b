"""A credential of ours as JSON with an embedded proof, made when somebody asks for it (cert#7-9)."""

from __future__ import annotations

from typing import Any

from lrs.credentials.issuer import issuer_of
from lrs.credentials.keys import key_store
from lrs.credentials.public.view import CredentialView
from lrs.foundation.context import Services
from rules.credentials.proving.proofs import with_proof, without_claims
from rules.credentials.proving.signing import encode_json


def embedded(services: Services, view: CredentialView) -> str:
    """Return what was signed as token with a proof by the present key; the same key gives the same text."""
    return encode_json(embedded_document(services, view)).decode()


def embedded_document(services: Services, view: CredentialView) -> dict[str, Any]:
    """Return the same as members, not as text."""
    credential_issuer = issuer_of(services.settings, services.db)
    key = key_store(services.settings, services.db).public(credential_issuer.signer.current("proof"))
    return with_proof(
        without_claims(view.claims),
        credential_issuer.signer,
        key.kid,
        credential_issuer.issuer.method(key.kid),
        max(view.issued_at, key.created_at),
    )
