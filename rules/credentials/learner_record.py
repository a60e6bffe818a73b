"""A Comprehensive Learner Record 2.0: one document that holds the signed credentials of one person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rules.credentials.document import CONTEXTS, Issuer
from rules.credentials.proving.status_list import rfc3339

CONTEXT: Final = "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json"
SCHEMA: Final = "https://purl.imsglobal.org/spec/clr/v2p0/schema/json/clr_v2p0_clrcredential_schema.json"
MOST: Final = 100  # credentials in one record


def build_record(
    credentials: Sequence[Mapping[str, Any]],
    issuer: Issuer,
    *,
    name: str,
    now: dt.datetime,
    status: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the claims of a record of at least one credential, each with its embedded proof.

    `name` is the URN of the record; all credentials have one subject, who is that of the record; `now` has
    whole seconds. Each credential keeps its own status and dates; the record's say that it was not withdrawn.
    """
    subject = credentials[0]["credentialSubject"]["id"]
    body: dict[str, Any] = {
        "@context": [CONTEXTS[0], CONTEXT, *CONTEXTS[1:]],
        "id": name,
        "type": ["VerifiableCredential", "ClrCredential"],
        "name": f"Learner record, {issuer.name}",
        "issuer": {"id": issuer.did, "type": ["Profile"], "name": issuer.name, "url": issuer.base},
        "validFrom": rfc3339(now),
        "credentialSubject": {
            "id": subject,
            "type": ["ClrSubject"],
            "verifiableCredential": [dict(one) for one in credentials],
        },
        "credentialStatus": dict(status),
        "credentialSchema": [{"id": SCHEMA, "type": "1EdTechJsonSchemaValidator2019"}],
    }
    return body | {"iss": issuer.did, "jti": name, "sub": subject, "nbf": int(now.timestamp())}
