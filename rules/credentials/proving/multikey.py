"""Public keys as Multikey: multibase base58-btc of a type and the key (Controlled Identifiers 1.0)."""

from __future__ import annotations

from typing import Any, Final

import base58
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rules.credentials.proving.signing import InvalidToken, PublicKey

ED25519: Final = b"\xed\x01"
P256: Final = b"\x80\x24"
MAX_CHARS: Final = 200


def encode_multikey(key: PublicKey) -> str:
    """Return an Ed25519 or P-256 key as `z…`; raise InvalidToken for another kind."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return multibase(ED25519 + key.public_bytes_raw())
    if isinstance(key, ec.EllipticCurvePublicKey):
        return multibase(P256 + key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))
    raise InvalidToken("only Ed25519 and P-256 keys are written as Multikey")


def decode_multikey(text: Any) -> PublicKey:
    """Read an Ed25519 or P-256 key; raise InvalidToken for anything else."""
    data = from_multibase(text)
    try:
        if data.startswith(ED25519):
            return ed25519.Ed25519PublicKey.from_public_bytes(data[2:])
        if data.startswith(P256):
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data[2:])
    except ValueError as error:
        raise InvalidToken("the Multikey is malformed") from error
    raise InvalidToken("the Multikey is neither Ed25519 nor P-256")


def multibase(data: bytes) -> str:
    """Return bytes as multibase base58-btc."""
    return "z" + base58.b58encode(data).decode()


def from_multibase(text: Any) -> bytes:
    """Read multibase base58-btc of at most 200 characters; raise InvalidToken."""
    if not isinstance(text, str) or not text.startswith("z") or len(text) > MAX_CHARS:
        raise InvalidToken("not multibase base58-btc")
    try:
        return bytes(base58.b58decode(text[1:]))
    except ValueError as error:
        raise InvalidToken("not multibase base58-btc") from error
