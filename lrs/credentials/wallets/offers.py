"""Offers to wallets, the access tokens that they turn into, and nonces: short-lived, and each good once.

wallet_offers {_id: hash of the code, org, award, person, expires_at, token?: hash, given?: [configuration],
  waiting?: {transaction: hash, configuration, holders}}
wallet_nonces {_id: hash of a nonce that was used, expires_at}

Codes, tokens and transactions are random and kept as SHA-256 only. A nonce is signed and not kept before
it is used, so asking for many costs nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from itsdangerous import BadSignature, URLSafeSerializer
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from rules.errors import RuleError

ORG: Final = "vendor"
Document = dict[str, Any]
OFFER_FOR: Final = dt.timedelta(minutes=10)
TOKEN_FOR: Final = dt.timedelta(minutes=5)
NONCE_FOR: Final = dt.timedelta(minutes=5)
LONGEST: Final = 500  # characters of a code, token or nonce

INDEXES = {
    "wallet_offers": [
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0),
        IndexModel([("org", ASCENDING), ("token", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("person", ASCENDING)]),
    ],
    "wallet_nonces": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)],
}


class WalletRefused(RuleError):
    """A wallet asked for what it may not have; `code` is that of OpenID4VCI 1.0 or RFC 6749 and 6750."""

    def __init__(self, code: str, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class OfferStore:
    """Reads and writes offers; the first of `secrets` signs nonces, all read them."""

    db: Database[Document]
    secrets: tuple[bytes, ...]

    def offer(self, award: str, person: str, now: dt.datetime) -> str:
        """Return the code of a new offer, which takes the place of an earlier one that nobody took."""
        code = secrets.token_urlsafe(32)
        unused = {"org": ORG, "person": person, "award": award, "token": {"$exists": False}}
        self.db["wallet_offers"].delete_many(unused)
        row = {"_id": hashed(code), "org": ORG, "award": award, "person": person}
        self.db["wallet_offers"].insert_one(row | {"expires_at": now + OFFER_FOR})
        return code

    def redeem(self, code: str, now: dt.datetime) -> str:
        """Return an access token for a code; a second use ends the first one's token (RFC 6749, 4.1.2)."""
        token = secrets.token_urlsafe(32)
        fresh = {"_id": hashed(code), "token": {"$exists": False}, "expires_at": {"$gt": now}}
        change = {"$set": {"token": hashed(token), "expires_at": now + TOKEN_FOR}}
        if self.db["wallet_offers"].update_one(fresh, change).modified_count:
            return token
        self.db["wallet_offers"].delete_one({"_id": hashed(code)})
        raise WalletRefused("invalid_grant", "the code is not known, was used already, or is over")

    def of_token(self, token: str, now: dt.datetime) -> Document:
        """Return the offer that a token stands for; raise WalletRefused."""
        query = {"org": ORG, "token": hashed(token), "expires_at": {"$gt": now}}
        found = self.db["wallet_offers"].find_one(query)
        if found is None:
            raise WalletRefused("invalid_token", "the access token is not known, or is over")
        return found

    def give(self, offer: Document, configuration: str) -> None:
        """Note that a configuration is given; raise WalletRefused where it was given before."""
        once = {"_id": offer["_id"], "given": {"$ne": configuration}}
        if not self.db["wallet_offers"].update_one(once, {"$push": {"given": configuration}}).modified_count:
            raise WalletRefused("credential_request_denied", "this offer gave that form already")

    def wait(self, offer: Document, configuration: str, holders: Sequence[str]) -> str:
        """Return the name of a transaction under which a credential can be fetched later."""
        transaction = secrets.token_urlsafe(32)
        waiting = {"transaction": hashed(transaction), "configuration": configuration, "holders": [*holders]}
        self.db["wallet_offers"].update_one({"_id": offer["_id"]}, {"$set": {"waiting": waiting}})
        return transaction

    def waited(self, offer: Document, transaction: str) -> Document:
        """Return what a transaction waits for; raise WalletRefused."""
        waiting: Document = offer.get("waiting") or {}
        if waiting.get("transaction") != hashed(transaction):
            raise WalletRefused("invalid_transaction_id", "the transaction is not known")
        return waiting

    def fetched(self, offer: Document, waiting: Document) -> None:
        """End a transaction; raise WalletRefused where another request just did."""
        mine = {"_id": offer["_id"], "waiting.transaction": waiting["transaction"]}
        done: Document | None = self.db["wallet_offers"].find_one_and_update(
            mine, {"$unset": {"waiting": ""}}, return_document=ReturnDocument.AFTER
        )
        if done is None:
            raise WalletRefused("invalid_transaction_id", "the transaction is over")

    def nonce(self, now: dt.datetime) -> str:
        """Return a fresh nonce."""
        return str(self._serializer().dumps([secrets.token_urlsafe(16), int((now + NONCE_FOR).timestamp())]))

    def use_nonce(self, nonce: str, now: dt.datetime) -> None:
        """Use up a nonce of ours; raise WalletRefused for one that is foreign, over, or used."""
        try:
            _, until = self._serializer().loads(nonce[:LONGEST].encode(errors="replace"))
            self.db["wallet_nonces"].insert_one({"_id": hashed(nonce), "expires_at": now + NONCE_FOR})
        except (BadSignature, DuplicateKeyError) as error:
            raise WalletRefused("invalid_nonce", "the nonce is not ours, or was used already") from error
        if now.timestamp() >= until:
            raise WalletRefused("invalid_nonce", "the nonce is over")

    def _serializer(self) -> URLSafeSerializer:
        return URLSafeSerializer(
            self.secrets[::-1], salt="wallet-nonce", signer_kwargs={"digest_method": hashlib.sha256}
        )


def hashed(text: str) -> str:
    """Return what is kept of a code or token."""
    return hashlib.sha256(text[:LONGEST].encode(errors="replace")).hexdigest()
