"""`more` tokens: an encrypted cursor that only the client which got it can use, for a day (1.0.3 Data 2.5).

The key lives in MongoDB, so that every process and every restart can read what another wrote. There is a
new key each day; a token names its key by the day, so yesterday's tokens are read until they end.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import secrets
from hashlib import blake2b
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.database import Database

from lrs.foundation.context import Services
from lrs.xapi.errors import InvalidRequest, UnknownMore

Document = dict[str, Any]
INDEXES: dict[str, list[IndexModel]] = {
    "more_keys": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)]
}

VALID_FOR: Final = dt.timedelta(hours=25)  # at least 24 hours are promised
KEPT_FOR: Final = dt.timedelta(days=3)
DAY: Final = dt.timedelta(days=1)
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
NONCE: Final = 12
OWNER: Final = 16


class MoreTokens:
    """Writes and reads the tokens of one database; keeps the keys of the last days in the process."""

    def __init__(self, db: Database[Document]) -> None:
        self._keys = db["more_keys"]
        self._known: dict[int, AESGCM] = {}

    def write(self, cursor: bytes, owner: str, now: dt.datetime) -> str:
        """Return a token that gives `cursor` back to the same owner; short, safe in a URL."""
        day = (now - EPOCH) // DAY
        ends = int((now + VALID_FOR).timestamp())
        nonce = secrets.token_bytes(NONCE)
        plain = ends.to_bytes(5, "big") + _digest(owner) + cursor
        head = day.to_bytes(3, "big")
        return base64.urlsafe_b64encode(
            head + nonce + self._key(day, now).encrypt(nonce, plain, head)
        ).decode().rstrip("=")  # fmt: skip

    def read(self, token: str, owner: str, now: dt.datetime) -> bytes:
        """Return the cursor; InvalidRequest for a tampered token, UnknownMore for a foreign or old one."""
        try:
            packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidRequest("more", "this is not a link that this server made") from error
        day = int.from_bytes(packed[:3], "big")
        age = (now - EPOCH) // DAY - day
        if not 0 <= age < 10_000:
            raise InvalidRequest("more", "this is not a link that this server made")
        if age >= KEPT_FOR // DAY:
            raise UnknownMore("the link is older than a day; send the query again")
        try:
            plain = self._key(day, now).decrypt(packed[3 : 3 + NONCE], packed[3 + NONCE :], packed[:3])
        except (InvalidTag, ValueError) as error:
            raise InvalidRequest("more", "this is not a link that this server made") from error
        if plain[5 : 5 + OWNER] != _digest(owner):
            raise UnknownMore("the link was made for other credentials")
        if int.from_bytes(plain[:5], "big") < now.timestamp():
            raise UnknownMore("the link is older than a day; send the query again")
        return plain[5 + OWNER :]

    def _key(self, day: int, now: dt.datetime) -> AESGCM:
        """Return the key of a day; the first process that asks makes it."""
        if day not in self._known:
            stored = self._keys.find_one_and_update(
                {"_id": day},
                {"$setOnInsert": {"key": secrets.token_bytes(32), "expires_at": now + KEPT_FOR}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
            assert stored is not None  # noqa: S101 -- upsert and AFTER
            self._known = {old: key for old, key in self._known.items() if old > day - 4}
            self._known[day] = AESGCM(stored["key"])
        return self._known[day]


def more_tokens(services: Services) -> MoreTokens:
    """Return the token writer of an application."""
    return MoreTokens(services.db)


def _digest(owner: str) -> bytes:
    return blake2b(owner.encode(), digest_size=OWNER).digest()
