"""Verifying a credential of ours, in both its forms, from what is published here, as a stranger would."""

from __future__ import annotations

import json

from lrs.credentials.embedded import embedded
from lrs.credentials.embedded_proofs import check_proofs, read_document
from lrs.credentials.issuer import issuer_of
from lrs.credentials.keys import did_document, issuer, key_store
from lrs.credentials.public.view import CredentialView
from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.verify import Inquiry, Verification, run
from lrs.foundation.context import Services
from lrs.foundation.fetching import Fetched, FetchRefused
from rules.credentials.status_publishing import current_list
from rules.errors import RuleError


def verify_here(services: Services, view: CredentialView) -> Verification:
    """Verify a credential of ours from what we publish, without a round trip to ourselves."""
    who = issuer(services.settings)
    credential_issuer = issuer_of(services.settings, services.db)

    def get(url: str, _: str) -> Fetched:
        if url.startswith(f"{who.base}/status/"):
            name = url.removeprefix(f"{who.base}/status/")
            return Fetched(
                url, "application/vc+jwt", current_list(credential_issuer, name, services.now()).jwt.encode()
            )
        if url.endswith("/did.json"):
            body = json.dumps(did_document(who, key_store(services.settings, services.db).all()))
            return Fetched(url, "application/did+json", body.encode())
        if url.startswith(f"{who.base}/keys/"):
            jwk = key_store(services.settings, services.db).public(url.rpartition("/")[2]).jwk
            return Fetched(url, "application/jwk+json", json.dumps(jwk).encode())
        raise FetchRefused(url, "not published here")

    def get_or_refuse(url: str, accept: str) -> Fetched:
        try:
            return get(url, accept)
        except RuleError as error:
            raise FetchRefused(url, "not published here") from error

    ask = Inquiry(get_or_refuse, services.now())
    report = verify_credential(view.jwt.encode(), ask)
    run(report, "proof", lambda: check_proofs(read_document(embedded(services, view)), ask))
    return report
