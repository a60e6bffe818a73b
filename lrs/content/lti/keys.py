"""The key by which we prove to platforms who we are: one of our own, apart from those of credentials.

lti_keys {_id (RFC 7638 thumbprint), org (the vendor), public (PEM), sealed (PEM), created_at}: the newest
signs; older ones are published as long as they are there.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pylti1p3.registration import Registration as LtiRegistration
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.foundation import sealing
from lrs.foundation.settings import Settings

Document = dict[str, Any]

PURPOSE: Final = "LTI keys"
BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class ToolKey:
    """A pair of keys as PEM."""

    public: str
    private: str


def tool_key(settings: Settings, db: Database[Document], now: dt.datetime) -> ToolKey:
    """Return the key that signs; the first time it is made. Raises StartFailure for a lost passphrase."""
    found = db.lti_keys.find_one({"org": VENDOR}, sort=[("created_at", -1), ("_id", 1)])
    if found is None:
        add_key(settings, db, now)
        return tool_key(settings, db, now)
    return ToolKey(found["public"], sealing.unseal(settings, PURPOSE, found["sealed"]))


def add_key(settings: Settings, db: Database[Document], now: dt.datetime) -> str:
    """Make a key, which signs from now on; return its id."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    kid = str(LtiRegistration.get_jwk(public.decode())["kid"])
    sealed = sealing.seal(settings, PURPOSE, private.decode())
    db.lti_keys.insert_one(
        {"_id": kid, "org": VENDOR, "public": public.decode(), "sealed": sealed, "created_at": now}
    )
    return kid


def published(settings: Settings, db: Database[Document], now: dt.datetime) -> Document:
    """Return the JSON Web Key Set for platforms."""
    tool_key(settings, db, now)  # the first platform may ask before anybody signed
    rows = db.lti_keys.find({"org": VENDOR}).sort([("created_at", -1), ("_id", 1)])
    return {"keys": [dict(LtiRegistration.get_jwk(row["public"])) for row in rows]}


def reseal(settings: Settings, db: Database[Document], session: ClientSession) -> int:
    """Seal the keys with the passphrase of now; return how many."""
    rows = list(db.lti_keys.find({"org": VENDOR}, session=session))
    for row in rows:
        fresh = sealing.reseal(settings, PURPOSE, row["sealed"])
        db.lti_keys.update_one({"_id": row["_id"]}, {"$set": {"sealed": fresh}}, session=session)
    return len(rows)
