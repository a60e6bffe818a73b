"""The id of a statement as it is stored.

Apart from the modules that are compiled (`setup.py`), because it derives from a class of the driver.
"""

from __future__ import annotations

import os

from bson.binary import UUID_SUBTYPE, Binary


class StoredId(Binary):
    """A UUID in the 16 bytes that BSON stores: pymongo takes five times as long over a `UUID`."""

    # the driver's own name, on the class: its constructor would check and set it for each object, which takes
    # a fifth of the time of a prepared statement
    _Binary__subtype = UUID_SUBTYPE

    @classmethod
    def of(cls, text: str) -> StoredId:
        """Return the UUID of a checked text."""
        return bytes.__new__(cls, bytes.fromhex(text.replace("-", "")))

    @classmethod
    def new(cls) -> StoredId:
        """Return a random UUID (RFC 4122, version 4)."""
        drawn = bytearray(os.urandom(16))
        drawn[6] = drawn[6] & 0x0F | 0x40
        drawn[8] = drawn[8] & 0x3F | 0x80
        return bytes.__new__(cls, bytes(drawn))

    def __str__(self) -> str:
        """Return the usual text, in lower case."""
        digits = self.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
