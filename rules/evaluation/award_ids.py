"""Award ids: 26 characters of Crockford base 32 that follow from person, certification and ordinal.

The id does not hold the award instant: evidence that arrives late may move the instant of an award that was
already made, and its credential keeps its address (cert#7, one stable id per award).
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

from hashlib import sha256
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PAIRS: Final = tuple(high + low for high in ALPHABET for low in ALPHABET)


def award_id(person: str, certification: str, ordinal: int) -> str:
    """Return the id of the n-th award (from 1) of a certification to a person; the same in every replay."""
    digest = sha256(f"award:{person}:{certification}:{ordinal}".encode()).digest()[:16]
    return encode(int.from_bytes(digest, "big"))


def encode(number: int) -> str:
    """Return a 128-bit number as ULID text."""
    return "".join([PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)])
