"""The issuer's keys: encrypted PEM documents behind `rules.signing.Signer`, and the issuer's did:web name.

signing_keys: {_id: "vendor:k1", org, n, kid: "k1", alg, jwk, pem, created_at, retired_at?}. The newest key
that is not retired signs; retired public keys stay published for ever, so that old credentials verify (7-2).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlsplit

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.settings import Settings, StartFailure
from rules.credential_document import Issuer
from rules.signing import (
    Algorithm,
    InvalidToken,
    Jwk,
    PrivateKey,
    UnknownKey,
    algorithm_of,
    lock,
    make_private_key,
    public_jwk,
    sign_with,
    unlock,
)

ORG = "vendor"
PASSPHRASE_FILE = "key-passphrase"  # noqa: S105 -- the name of a file
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
    """Keys in MongoDB, their private halves locked with the passphrase; a `rules.signing.Signer`."""

    db: Database[Document]
    passphrase: bytes
    default: Algorithm = "RS256"
    unlocked: dict[str, PrivateKey] = field(default_factory=dict)

    def current(self) -> str:
        """Return the name of the newest key that is not retired; the first one is made when asked for."""
        found = self._keys().find_one({"org": ORG, "retired_at": None}, sort=[("n", DESCENDING)])
        if found is None:
            return self._first()
        return str(found["kid"])

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

    def _first(self) -> str:
        """Make the first key of a new deployment, unless another process just did; return its name."""
        private = make_private_key(self.default)
        document = self._document(1, private, dt.datetime.now(dt.UTC))
        with contextlib.suppress(DuplicateKeyError):
            self._keys().insert_one(document)
        newest = self._keys().find_one({"org": ORG, "retired_at": None}, sort=[("n", DESCENDING)])
        if newest is None:
            raise UnknownKey("current")
        return str(newest["kid"])

    def _document(self, n: int, private: PrivateKey, now: dt.datetime) -> Document:
        return {
            "_id": f"{ORG}:k{n}", "org": ORG, "n": n, "kid": f"k{n}", "alg": algorithm_of(private),
            "jwk": public_jwk(private), "pem": lock(private, self.passphrase), "created_at": now,
        }  # fmt: skip

    def retire(self, kid: str, now: dt.datetime) -> PublicKey:
        """Let a key sign no more; its public half stays published. Refused for the last one that signs."""
        key = self.public(kid)
        others = self._keys().count_documents({"org": ORG, "retired_at": None, "kid": {"$ne": kid}})
        if key.retired_at is None and not others:
            raise KeyInUse(
                f"{kid} is the only key that signs", "add another one first: lrs credentials keys add"
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
        """Return every key, the signing one first, retired ones last."""
        keys = [to_public(one) for one in self._keys().find({"org": ORG}).sort("n", DESCENDING)]
        return sorted(keys, key=lambda key: key.retired_at is not None)

    def _keys(self) -> Any:
        return self.db["signing_keys"]

    def _unlock(self, kid: str) -> PrivateKey:
        if kid in self.unlocked:
            return self.unlocked[kid]
        found = self._keys().find_one({"org": ORG, "kid": kid})
        if found is None or "pem" not in found:
            raise UnknownKey(kid)
        try:
            key = unlock(found["pem"], self.passphrase)
        except InvalidToken as error:
            raise StartFailure(
                f"the signing key {kid} in the database is locked with another passphrase",
                "set LRS_KEY_PASSPHRASE, or bring back the file key-passphrase of the data folder",
            ) from error
        return self.unlocked.setdefault(kid, key)


def to_public(found: Document) -> PublicKey:
    """Make the public view of a key's document."""
    retired = found.get("retired_at")
    return PublicKey(found["kid"], found["alg"], found["jwk"], found["created_at"], retired)


def key_store(settings: Settings, db: Database[Document]) -> KeyStore:
    """Return the keys of this deployment."""
    return KeyStore(db, passphrase(settings), cast("Algorithm", settings.signing_algorithm))


def passphrase(settings: Settings) -> bytes:
    """Return the passphrase of the keys: `LRS_KEY_PASSPHRASE`, else a file of the data folder made once."""
    if settings.key_passphrase:
        return settings.key_passphrase.encode()
    path = settings.data_folder / PASSPHRASE_FILE
    try:
        return read_or_make(path)
    except OSError as error:
        raise StartFailure(
            f"{path} cannot be read or made: {error.strerror}",
            "set LRS_KEY_PASSPHRASE, or let LRS_DATA_FOLDER name a folder that can be written",
        ) from error


def read_or_make(path: Path) -> bytes:
    """Return a secret file's content; make it, readable by its owner only, when there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        own = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        own.touch(mode=0o600)
        own.write_text(secrets.token_urlsafe(32))
        try:
            os.link(own, path)  # atomic, and refused where another process was first
        except FileExistsError:
            pass
        finally:
            own.unlink()
    return path.read_bytes().strip()


def link_secret(settings: Settings) -> bytes:
    """Return the secret that signs holders' links, apart from what locks the keys."""
    return hmac.digest(passphrase(settings), b"laurel holder links", hashlib.sha256)


def issuer(settings: Settings) -> Issuer:
    """Return who signs: did:web of the public address, its port escaped, and of the tenant if set (7-2)."""
    parts = urlsplit(settings.public_url)
    path = [part for part in parts.path.split("/") if part] + (
        [settings.issuer_tenant] if settings.issuer_tenant else []
    )
    did = ":".join(["did:web", quote(parts.netloc, safe=""), *(quote(part, safe="") for part in path)])
    return Issuer(
        did, settings.issuer_name, settings.public_url, "url" if settings.kid_form == "url" else "did"
    )


def did_document(who: Issuer, keys: list[PublicKey]) -> Document:
    """Return the did:web document: a JsonWebKey per key, each in `assertionMethod`, the signing one first."""
    methods = [
        {
            "id": f"{who.did}#{key.kid}",
            "type": "JsonWebKey",
            "controller": who.did,
            "publicKeyJwk": key.jwk | {"kid": key.kid},
        }
        for key in keys
    ]
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://www.w3.org/ns/cid/v1"],
        "id": who.did,
        "alsoKnownAs": [who.base],
        "verificationMethod": methods,
        "assertionMethod": [method["id"] for method in methods],
    }
