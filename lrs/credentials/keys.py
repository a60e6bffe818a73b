"""The issuer's keys: encrypted PEM documents behind a `Signer`, and the did:web name.

signing_keys: {_id: "vendor:k1", org, n, kid: "k1", alg, jwk, pem, created_at, retired_at?}. The newest key of
each use that is not retired signs: RS256 or ES256 tokens, Ed25519 embedded proofs. Retired public keys stay
published for ever: old credentials verify (cert#7-2).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote, urlsplit

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.foundation.sealing import passphrases
from lrs.foundation.settings import Settings, StartFailure
from rules.credentials.document import Issuer
from rules.credentials.proving.multikey import encode_multikey
from rules.credentials.proving.signing import (
    ALGORITHMS,
    Algorithm,
    InvalidToken,
    Jwk,
    PrivateKey,
    UnknownKey,
    Use,
    algorithm_of,
    key_from_jwk,
    lock,
    make_private_key,
    public_jwk,
    sign_with,
    unlock,
)

ORG = "vendor"
Document = dict[str, Any]

INDEXES = {"signing_keys": [IndexModel([("org", ASCENDING), ("n", DESCENDING)], unique=True)]}


class KeyInUse(StartFailure):
    """The last key that can sign must not be retired."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What everybody may know of a key."""

    kid: str
    alg: Algorithm
    jwk: Jwk
    created_at: dt.datetime
    retired_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class KeyStore:
    """Keys in MongoDB, their private halves locked with the passphrase; a `Signer`."""

    db: Database[Document]
    passphrase: bytes
    default: Algorithm = "RS256"
    former: tuple[bytes, ...] = ()  # passphrases that open too
    unlocked: dict[str, PrivateKey] = field(default_factory=dict)

    def current(self, use: Use = "token") -> str:
        """Return the newest key of that use that is not retired; the first one is made when asked for.

        The newest number is read before the key is looked for: whoever made one since then has taken the
        next.
        """
        while True:
            newest = self._keys().find_one({"org": ORG}, {"n": 1}, sort=[("n", DESCENDING)])
            live = {"org": ORG, "retired_at": None, "alg": {"$in": ALGORITHMS[use]}}
            found = self._keys().find_one(live, {"kid": 1}, sort=[("n", DESCENDING)])
            if found is not None:
                return str(found["kid"])
            made = make_private_key(self.default if use == "token" else "EdDSA")
            document = self._document(newest["n"] + 1 if newest else 1, made, dt.datetime.now(dt.UTC))
            with contextlib.suppress(DuplicateKeyError):
                self._keys().insert_one(document)

    def algorithm(self, kid: str) -> Algorithm:
        """Return the algorithm of a key; raise UnknownKey."""
        return algorithm_of(self._unlock(kid))

    def sign(self, kid: str, message: bytes) -> bytes:
        """Sign with that key; raise UnknownKey, or StartFailure when the passphrase does not open it."""
        return sign_with(self._unlock(kid), message)

    def add(self, algorithm: Algorithm, now: dt.datetime, key: PrivateKey | None = None) -> PublicKey:
        """Add a key, made here or given; it signs from now on."""
        private = key or make_private_key(algorithm)
        while True:
            newest = self._keys().find_one({"org": ORG}, sort=[("n", DESCENDING)])
            if newest is not None:
                self._unlock(newest["kid"])  # a second passphrase beside the first would help nobody
            document = self._document(newest["n"] + 1 if newest else 1, private, now)
            try:
                self._keys().insert_one(document)
            except DuplicateKeyError:
                continue
            return to_public(document)

    def _document(self, n: int, private: PrivateKey, now: dt.datetime) -> Document:
        return {
            "_id": f"{ORG}:k{n}", "org": ORG, "n": n, "kid": f"k{n}", "alg": algorithm_of(private),
            "jwk": public_jwk(private), "pem": lock(private, self.passphrase), "created_at": now,
        }  # fmt: skip

    def retire(self, kid: str, now: dt.datetime) -> PublicKey:
        """Let a key sign no more; its public half stays published. Refused for the last one of its use."""
        key = self.public(kid)
        same = next(names for names in ALGORITHMS.values() if key.alg in names)
        live = {"org": ORG, "retired_at": None, "alg": {"$in": same}}
        others = self._keys().count_documents(live | {"kid": {"$ne": kid}})
        if key.retired_at is None and not others:
            raise KeyInUse(
                f"{kid} is the only key that signs",
                f"add another one first: lrs credentials keys add --algorithm {key.alg}",
            )
        self._keys().update_one(
            {"org": ORG, "kid": kid, "retired_at": None}, {"$set": {"retired_at": now}, "$unset": {"pem": ""}}
        )
        self.unlocked.pop(kid, None)
        return self.public(kid)

    def public(self, kid: str) -> PublicKey:
        """Return the public half of a key; raise UnknownKey."""
        found = self._keys().find_one({"org": ORG, "kid": kid})
        if found is None:
            raise UnknownKey(kid)
        return to_public(found)

    def all(self) -> list[PublicKey]:
        """Return every key, the one that signs tokens first, retired ones last.

        Some verifiers of tokens take the first method of a DID document for a status list.
        """
        keys = [to_public(one) for one in self._keys().find({"org": ORG}).sort("n", DESCENDING)]
        return sorted(keys, key=lambda key: (key.retired_at is not None, key.alg in ALGORITHMS["proof"]))

    def _keys(self) -> Any:
        return self.db["signing_keys"]

    def _unlock(self, kid: str) -> PrivateKey:
        if kid in self.unlocked:
            return self.unlocked[kid]
        found = self._keys().find_one({"org": ORG, "kid": kid})
        if found is None or "pem" not in found:
            raise UnknownKey(kid)
        for passphrase in (self.passphrase, *self.former):
            with contextlib.suppress(InvalidToken):
                return self.unlocked.setdefault(kid, unlock(found["pem"], passphrase))
        raise StartFailure(
            f"the signing key {kid} in the database is locked with another passphrase",
            "set LRS_KEY_PASSPHRASE, or bring back the file key-passphrase of the data folder",
        )

    def relock(self, session: ClientSession) -> int:
        """Lock every private key with the passphrase of now; return how many. Raises StartFailure."""
        locked = list(self._keys().find({"org": ORG, "pem": {"$exists": True}}, {"kid": 1}, session=session))
        for one in locked:
            pem = lock(self._unlock(one["kid"]), self.passphrase)
            self._keys().update_one({"_id": one["_id"]}, {"$set": {"pem": pem}}, session=session)
        return len(locked)


def to_public(found: Document) -> PublicKey:
    """Make the public view of a key's document."""
    retired = found.get("retired_at")
    return PublicKey(found["kid"], found["alg"], found["jwk"], found["created_at"], retired)


def key_store(settings: Settings, db: Database[Document]) -> KeyStore:
    """Return the keys of this deployment."""
    first, *former = passphrases(settings)
    return KeyStore(db, first, cast("Algorithm", settings.signing_algorithm), tuple(former))


def link_secrets(settings: Settings) -> tuple[bytes, ...]:
    """Return the secrets of holders' links, apart from what locks the keys; the first one signs."""
    return tuple(hmac.digest(one, b"laurel holder links", hashlib.sha256) for one in passphrases(settings))


def issuer(settings: Settings) -> Issuer:
    """Return who signs: did:web of the public address, its port escaped, and of a tenant (cert#7-2)."""
    parts = urlsplit(settings.public_url)
    path = [part for part in parts.path.split("/") if part] + (
        [settings.issuer_tenant] if settings.issuer_tenant else []
    )
    did = ":".join(["did:web", quote(parts.netloc, safe=""), *(quote(part, safe="") for part in path)])
    return Issuer(
        did, settings.issuer_name, settings.public_url, "url" if settings.kid_form == "url" else "did"
    )


def did_document(who: Issuer, keys: list[PublicKey]) -> Document:
    """Return the did:web document: every key in `assertionMethod`, the signing ones first."""
    methods = [method for key in keys for method in methods_of(who, key)]
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://www.w3.org/ns/cid/v1"],
        "id": who.did,
        "alsoKnownAs": [who.base],
        "verificationMethod": methods,
        "assertionMethod": [method["id"] for method in methods],
    }


def methods_of(who: Issuer, key: PublicKey) -> list[Document]:
    """Return the verification methods of a key: a JsonWebKey, for Ed25519 a Multikey before it.

    Proofs name the Multikey. One method must not hold a key in two forms (Controlled Identifiers 1.0).
    """
    name = f"{who.did}#{key.kid}"
    own: Document = {"controller": who.did}
    jwk = own | {"type": "JsonWebKey", "publicKeyJwk": key.jwk | {"kid": key.kid}}
    if key.alg != "EdDSA":
        return [{"id": name} | jwk]
    multikey = own | {"type": "Multikey", "publicKeyMultibase": encode_multikey(key_from_jwk(key.jwk))}
    return [{"id": name} | multikey, {"id": f"{name}-jwk"} | jwk]
