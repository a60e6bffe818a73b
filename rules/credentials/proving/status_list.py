"""Bitstring Status Lists: bits, their encoding, and the signed list as a credential (cert#7-3).

Bitstring Status List v1.0: index 0 is the leftmost bit, the string is compressed by GZIP and written as
multibase base64url (`u`). A set bit is never cleared.
"""

from __future__ import annotations

import datetime as dt
import gzip
import zlib
from collections.abc import Iterable
from typing import Any

from rules.credentials.proving.signing import InvalidToken, b64, unb64
from rules.errors import RuleError

SIZE = 131_072  # entries of one list, the least the specification allows
FULL_SHARE = 0.75  # a new list starts when this share of the indexes is used
TTL = dt.timedelta(minutes=5)
LIFETIME = dt.timedelta(hours=24)
REPUBLISH_AFTER = dt.timedelta(hours=12)
MAX_BYTES = 16 * 1024 * 1024  # of somebody else's list, decompressed
VC_CONTEXT = "https://www.w3.org/ns/credentials/v2"


class InvalidStatusList(RuleError):
    """A status list is malformed, or does not fit the entry that names it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def set_bits(bits: bytes, indexes: Iterable[int]) -> bytes:
    """Return a copy with these bits set; no bit is ever cleared."""
    changed = bytearray(bits)
    for index in indexes:
        changed[index // 8] |= 0x80 >> index % 8
    return bytes(changed)


def get_bit(bits: bytes, index: int) -> bool:
    """Return whether a bit is set, counted from the leftmost; raise InvalidStatusList outside the string."""
    if not 0 <= index < 8 * len(bits):
        raise InvalidStatusList(f"index {index} lies outside the list of {8 * len(bits)} entries")
    return bool(bits[index // 8] & (0x80 >> index % 8))


def get_value(bits: bytes, index: int, size: int) -> int:
    """Return the number in an entry of `size` bits; raise InvalidStatusList outside the string."""
    start = index * size
    if not 0 <= start <= 8 * len(bits) - size:
        raise InvalidStatusList(f"index {index} lies outside the list of {8 * len(bits) // size} entries")
    first, last = start // 8, (start + size - 1) // 8
    window = int.from_bytes(bits[first : last + 1], "big")
    return window >> (8 * (last + 1) - start - size) & (1 << size) - 1


def join(left: bytes, right: bytes) -> bytes:
    """Return the bits set in either of two strings of one length."""
    size = max(len(left), len(right))
    joined = int.from_bytes(left.ljust(size, b"\0"), "big") | int.from_bytes(right.ljust(size, b"\0"), "big")
    return joined.to_bytes(size, "big")


def empty(size: int = SIZE) -> bytes:
    """Return a string of `size` clear bits."""
    return bytes(size // 8)


def encode(bits: bytes) -> str:
    """Compress by GZIP and write as multibase base64url."""
    return "u" + b64(gzip.compress(bits, mtime=0))


def decode(text: str, limit: int = MAX_BYTES) -> bytes:
    """Read an encoded list; raise InvalidStatusList when malformed or larger than `limit` bytes."""
    if not text.startswith("u"):
        raise InvalidStatusList("the list is not multibase base64url (u)")
    inflate = zlib.decompressobj(wbits=31)
    try:
        bits = inflate.decompress(unb64(text[1:].rstrip("=")), limit)
    except (zlib.error, InvalidToken) as error:
        raise InvalidStatusList("the list is not GZIP") from error
    if inflate.unconsumed_tail or not inflate.eof:
        raise InvalidStatusList(f"the list is cut off or larger than {limit} bytes")
    return bits


def build_list(url: str, issuer: str, bits: bytes, now: dt.datetime) -> dict[str, Any]:
    """Return the claims of a signed list, valid for 24 hours from `now` (whole seconds)."""
    start = now.astimezone(dt.UTC).replace(microsecond=0)
    end = start + LIFETIME
    return {
        "@context": [VC_CONTEXT],
        "id": url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer,
        "validFrom": rfc3339(start),
        "validUntil": rfc3339(end),
        "credentialSubject": {
            "id": f"{url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": encode(bits),
            "ttl": int(TTL.total_seconds() * 1000),
        },
        "iss": issuer,
        "jti": url,
        "sub": f"{url}#list",
        "nbf": int(start.timestamp()),
        "exp": int(end.timestamp()),
    }


def build_entry(url: str, index: int) -> dict[str, Any]:
    """Return the `credentialStatus` of a credential: one object, its id unlike the list's URL (cert#7-3)."""
    return {
        "id": f"{url}#{index}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": str(index),
        "statusListCredential": url,
    }


def rfc3339(instant: dt.datetime) -> str:
    """Write an aware instant with whole seconds; UTC as Z, another offset as it is."""
    text = instant.isoformat(timespec="seconds")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
