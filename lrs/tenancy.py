"""Organizations and clients: who has a store, and which API keys write to it.

orgs    {_id, name, kind, parent, ancestors [nearest last], status, region, domains [{domain, verified_at}],
         attributes, policy, launch_origins, created_at, updated_at, version}
clients {_id key, org, label, controlled_by, scopes, vendor_wide, secrets [{hash, from, until}], expires_at,
         revoked_at, last_used_at, created_at, updated_at, version}
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.refusals import Collision, InvalidField, UnknownThing

Document = dict[str, Any]

VENDOR: Final = "vendor"
OWN_CLIENT = "laurel"  # what Laurel writes itself carries this in place of a client's key
XAPI_SCOPES: Final = (
    "statements/write",
    "statements/read",
    "statements/read/mine",
    "state",
    "profile",
    "define",
    "all/read",
    "all",
)
ADMIN_SCOPES: Final = ("rules", "people", "orgs", "analytics", "gates")
SCOPES: Final = XAPI_SCOPES + ADMIN_SCOPES
# What a scope includes besides itself; administration is never included in an xAPI scope.
INCLUDES: Final[Mapping[str, tuple[str, ...]]] = {
    "all": XAPI_SCOPES,
    "all/read": ("statements/read", "statements/read/mine"),
    "statements/read": ("statements/read/mine",),
}
KINDS: Final = ("vendor", "distributor", "partner")
STATUSES: Final = ("active", "suspended", "closed")
POLICIES: Final = ("roster", "domain", "invitation", "open")
ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
KEY: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")

# OWASP's argon2id parameters: about 20 ms and 19 MiB for one check, so that a flood of wrong secrets does
# not take the machine; generated secrets have 256 bits, so more work per guess would buy nothing.
HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

INDEXES: dict[str, list[IndexModel]] = {
    "orgs": [
        IndexModel([("ancestors", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("domains.domain", ASCENDING)]),
    ],
    "clients": [IndexModel([("org", ASCENDING), ("_id", ASCENDING)])],
    "idempotency": [IndexModel([("created_at", ASCENDING)], expireAfterSeconds=24 * 3600)],
}


def expand_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes with all that they include."""
    held = set(scopes)
    for scope in tuple(held):
        held.update(INCLUDES.get(scope, ()))
    return frozenset(held)


def hash_secret(secret: str) -> str:
    """Return the argon2id hash of a secret; it carries its own salt and parameters."""
    return HASHER.hash(secret)


def verify_secret(hashed: str, secret: str) -> bool:
    """Tell whether the secret belongs to the hash; the comparison takes the same time for all secrets."""
    try:
        return HASHER.verify(hashed, secret)
    except (VerificationError, InvalidHashError):
        return False


def create_org(  # one keyword per property of an organization
    db: Database[Document],
    org: str,
    *,
    name: str,
    now: dt.datetime,
    kind: str = "partner",
    parent: str | None = VENDOR,
    region: str | None = None,
    policy: str = "open",
    attributes: Mapping[str, Any] | None = None,
    launch_origins: Iterable[str] = (),
    session: ClientSession | None = None,
) -> Document:
    """Insert an organization and return its document; raises InvalidField, UnknownThing or Collision."""
    if not ID.fullmatch(org):
        raise InvalidField("id", "must be 1 to 64 of a-z, 0-9 and '-', not at an end")
    document: Document = {
        "_id": org,
        "name": name,
        "kind": kind,
        "parent": parent,
        "ancestors": [] if parent is None else ancestors_below(db, parent, session),
        "status": "active",
        "region": region,
        "domains": [],
        "attributes": dict(attributes or {}),
        "policy": policy,
        "launch_origins": list(launch_origins),
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    try:
        db.orgs.insert_one(document, session=session)
    except DuplicateKeyError as error:
        raise Collision(f"organization {org!r} exists") from error
    return document


def ancestors_below(db: Database[Document], parent: str, session: ClientSession | None = None) -> list[str]:
    """Return the ancestors that a child of `parent` has, the root first; raises UnknownThing."""
    return [*get_org(db, parent, session)["ancestors"], parent]


def get_org(db: Database[Document], org: str, session: ClientSession | None = None) -> Document:
    """Return the organization; raises UnknownThing."""
    found = db.orgs.find_one({"_id": org}, session=session)
    if found is None:
        raise UnknownThing("organization", org)
    return found


def subtree(db: Database[Document], org: str) -> list[str]:
    """Return the organization and all below it, sorted."""
    below = db.orgs.find({"ancestors": org}, {"_id": 1})
    return sorted({org, *(found["_id"] for found in below)})


def check_scope_names(scopes: Iterable[str]) -> list[str]:
    """Return the scopes sorted; raises InvalidField for an unknown one."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown:
        raise InvalidField("scopes", f"unknown scope {unknown[0]!r}; known are {', '.join(SCOPES)}")
    return wanted


def new_key() -> str:
    """Return a fresh client key: public, unique, safe in a URL and in Basic authentication."""
    return secrets.token_hex(10)


def new_secret() -> str:
    """Return a fresh secret of 256 random bits."""
    return secrets.token_urlsafe(32)


def create_client(  # one keyword per property of a client
    db: Database[Document],
    org: str,
    *,
    now: dt.datetime,
    scopes: Iterable[str],
    controlled_by: str = "partner",
    label: str | None = None,
    vendor_wide: bool = False,
    expires_at: dt.datetime | None = None,
    key: str | None = None,
    secret: str | None = None,
    session: ClientSession | None = None,
) -> tuple[Document, str]:
    """Insert a client; return its document and the secret, which is kept nowhere but as its hash.

    Raises InvalidField for an unknown scope or a malformed key, UnknownThing for the organization,
    Collision where the key exists.
    """
    wanted = check_scope_names(scopes)
    key, secret = key or new_key(), secret or new_secret()
    if not KEY.fullmatch(key) or key in {"launch", OWN_CLIENT}:  # the user name of launch tokens
        raise InvalidField(
            "key", "must be 1 to 128 of A-Z, a-z, 0-9 and . _ ~ -, and not `launch` or `laurel`"
        )
    document: Document = {
        "_id": key,
        "org": get_org(db, org, session)["_id"],
        "label": label,
        "controlled_by": controlled_by,
        "scopes": wanted,
        "vendor_wide": vendor_wide,
        "secrets": [{"hash": hash_secret(secret), "from": now, "until": None}],
        "expires_at": expires_at,
        "revoked_at": None,
        "last_used_at": None,
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    try:
        db.clients.insert_one(document, session=session)
    except DuplicateKeyError as error:
        raise Collision(f"client {key!r} exists") from error
    return document, secret


def bootstrap(
    db: Database[Document], key: str | None, secret: str | None, now: dt.datetime
) -> tuple[str, str] | None:
    """On a database without clients, make the vendor and one client with every scope.

    Missing key or secret are generated. Returns (key, secret) when they were made, to be shown once,
    else None; of several processes that start at once, one makes them.
    """
    if db.clients.find_one({}, {"_id": 1}) is not None:
        return None
    with suppress(Collision):  # another process was faster, or an earlier start ended here
        create_org(db, VENDOR, name="Vendor", kind="vendor", parent=None, now=now)
    try:
        client, plain = create_client(
            db,
            VENDOR,
            now=now,
            scopes=SCOPES,
            controlled_by="vendor",
            label="bootstrap",
            vendor_wide=True,
            key=key,
            secret=secret,
        )
    except Collision:
        return None
    return client["_id"], plain


def client_is_live(client: Mapping[str, Any], now: dt.datetime) -> bool:
    """Tell whether the client is neither revoked nor expired at `now`."""
    expires = client.get("expires_at")
    return client.get("revoked_at") is None and (expires is None or now < expires)


def live_hashes(client: Mapping[str, Any], now: dt.datetime) -> list[str]:
    """Return the hashes of the secrets that are valid at `now`; two while a rotation overlaps."""
    return [
        entry["hash"]
        for entry in client["secrets"]
        if entry["from"] <= now and (entry["until"] is None or now < entry["until"])
    ]
