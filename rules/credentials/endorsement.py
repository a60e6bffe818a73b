"""An EndorsementCredential (Open Badges 3.0): somebody stands behind a credential of somebody else."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from rules.credentials.document import CONTEXTS, Issuer
from rules.credentials.proving.status_list import rfc3339

SCHEMA: Final = (
    "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_endorsementcredential_schema.json"
)


def build_endorsement(
    name: str, endorser: Issuer, *, endorsed: str, title: str, comment: str, now: dt.datetime
) -> dict[str, Any]:
    """Return the credential, without its proof, by which an endorser stands behind the credential `endorsed`.

    `name` is its URN; `title` what the endorsed credential is called; `now` has whole seconds.
    """
    return {
        "@context": list(CONTEXTS),
        "id": name,
        "type": ["VerifiableCredential", "EndorsementCredential"],
        "name": f"Endorsement of {title}",
        "issuer": {"id": endorser.did, "type": ["Profile"], "name": endorser.name},
        "validFrom": rfc3339(now),
        "credentialSubject": {
            "id": endorsed,
            "type": ["EndorsementSubject"],
            "endorsementComment": comment,
        },
        "credentialSchema": [{"id": SCHEMA, "type": "1EdTechJsonSchemaValidator2019"}],
    }
