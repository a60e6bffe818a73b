"""Signing: compact JWS by RS256 or ES256, keys as JWK, one interface `sign(kid, bytes)` (cert#7-2).

Tokens are signed by RS256 or ES256, embedded proofs by Ed25519 (`rules/credentials/proving/proofs.py`).

A private key never leaves its `Signer`; what goes out is a signature or a public JWK.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from rules.errors import RuleError

Algorithm = Literal["RS256", "ES256", "EdDSA"]
Use = Literal["token", "proof"]
Jwk = dict[str, str]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

ALGORITHMS: Final[Mapping[Use, tuple[Algorithm, ...]]] = {"token": ("RS256", "ES256"), "proof": ("EdDSA",)}
P256_BYTES = 32
RSA_BITS = 2048
MAX_TOKEN_CHARS = 1_000_000


class InvalidToken(RuleError):
    """A compact JWS is malformed, uses something we do not accept, or its signature is wrong."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class UnknownKey(RuleError):
    """No private key of that name is at hand."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        super().__init__(f"no signing key {kid!r}")


class Signer(Protocol):
    """Whoever keeps the private keys: files, documents, or a hardware module."""

    def current(self, use: Use = "token") -> str:
        """Return the name of the key that signs new tokens, or proofs."""
        ...

    def algorithm(self, kid: str) -> Algorithm:
        """Return the JOSE algorithm of a key; raise UnknownKey."""
        ...

    def sign(self, kid: str, message: bytes) -> bytes:
        """Return the JOSE signature (for ES256 r and s joined, 64 bytes); raise UnknownKey."""
        ...


def make_private_key(algorithm: Algorithm = "RS256") -> PrivateKey:
    """Make a new key: RSA of 2048 bits for RS256, P-256 for ES256, Ed25519 for EdDSA."""
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def algorithm_of(key: PrivateKey | PublicKey) -> Algorithm:
    """Return the JOSE algorithm that a key is used with."""
    if isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return "EdDSA"
    return "RS256" if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey) else "ES256"


def sign_with(key: PrivateKey, message: bytes) -> bytes:
    """Sign by the algorithm of the key; the ES256 form is r and s of 32 bytes each (RFC 7518, 3.4)."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(P256_BYTES, "big") + s.to_bytes(P256_BYTES, "big")


def lock(key: PrivateKey, passphrase: bytes) -> bytes:
    """Return the key as an encrypted PKCS #8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )


def unlock(pem: bytes, passphrase: bytes | None) -> PrivateKey:
    """Read a PEM private key; raise InvalidToken if the passphrase is wrong or the key is of another kind."""
    try:
        key = serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError) as error:
        raise InvalidToken("the private key cannot be read: wrong passphrase, or not a PEM key") from error
    if isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise InvalidToken("the private key is neither RSA, P-256 nor Ed25519")


def public_jwk(key: PrivateKey | PublicKey, kid: str | None = None) -> Jwk:
    """Return the public half as a JWK (RFC 7517) with `alg` and `use`, and `kid` if given."""
    public = key.public_key() if isinstance(key, PrivateKey) else key
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        jwk = {"kty": "RSA", "n": encode_number(numbers.n), "e": encode_number(numbers.e)}
    elif isinstance(public, ed25519.Ed25519PublicKey):
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}
    else:
        point = public.public_numbers()
        axes = (("x", point.x), ("y", point.y))
        jwk = {"kty": "EC", "crv": "P-256"}
        jwk |= {axis: b64(value.to_bytes(P256_BYTES, "big")) for axis, value in axes}
    jwk |= {"alg": algorithm_of(public), "use": "sig"}
    return jwk | ({"kid": kid} if kid else {})


def key_from_jwk(jwk: Mapping[str, Any]) -> PublicKey:
    """Read a public RSA (from 2048 bits), P-256 or Ed25519 JWK; raise InvalidToken for anything else."""
    try:
        if jwk.get("kty") == "RSA":
            numbers = rsa.RSAPublicNumbers(decode_number(jwk["e"]), decode_number(jwk["n"]))
            if numbers.n.bit_length() < RSA_BITS:
                raise InvalidToken("the RSA key is shorter than 2048 bits")
            return numbers.public_key()
        if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256":
            x, y = decode_number(jwk["x"]), decode_number(jwk["y"])
            return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        if jwk.get("kty") == "OKP" and jwk.get("crv") == "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(unb64(jwk["x"]))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidToken("the public key is malformed") from error
    raise InvalidToken("the public key is neither RSA, P-256 nor Ed25519")


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the RFC 7638 thumbprint, base64url of SHA-256."""
    names = {"RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}.get(jwk["kty"], ("crv", "kty", "x", "y"))
    text = json.dumps({name: jwk[name] for name in names}, separators=(",", ":"), sort_keys=True)
    return b64(hashlib.sha256(text.encode()).digest())


def compact(
    signer: Signer, key: str, claims: Mapping[str, Any], *, kid: str | None = None, typ: str = "JWT"
) -> str:
    """Sign claims as a compact JWS with exactly the header members alg, kid and typ (cert#7).

    `key` names the key in the signer, `kid` is what the header says (default the same).
    """
    header = {"alg": signer.algorithm(key), "kid": kid or key, "typ": typ}
    body = f"{b64(encode_json(header))}.{b64(encode_json(claims))}"
    return f"{body}.{b64(signer.sign(key, body.encode()))}"


@dataclass(frozen=True, slots=True)
class Token:
    """A compact JWS taken apart; nothing in it is trusted before `verify`."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def read_compact(text: str) -> Token:
    """Take a compact JWS apart; raise InvalidToken when it is not one of two JSON objects and a signature."""
    if len(text) > MAX_TOKEN_CHARS:
        raise InvalidToken("the token is longer than 1,000,000 characters")
    parts = text.strip().split(".")
    if len(parts) != 3:
        raise InvalidToken("not a compact JWS of three parts")
    header, claims = (
        decode_object(part, name) for part, name in zip(parts, ("header", "payload"), strict=False)
    )
    return Token(header, claims, f"{parts[0]}.{parts[1]}".encode(), unb64(parts[2]))


def verify(token: Token, jwk: Mapping[str, Any]) -> None:
    """Check the signature; the key decides the algorithm, the header has only to agree (RFC 8725, 3.1)."""
    key = key_from_jwk(jwk)
    expected = algorithm_of(key)
    # a list: what somebody else's header holds need not be hashable
    names = [expected, "Ed25519"] if expected == "EdDSA" else [expected]  # the newer name (RFC 9864)
    if token.header.get("alg") not in names or jwk.get("alg", expected) not in names:
        raise InvalidToken(f"algorithm {token.header.get('alg')!r} does not fit the key ({expected})")
    if "crit" in token.header:
        raise InvalidToken("the header has critical members that are not understood")
    verify_signature(key, token.signature, token.signed)


def verify_signature(key: PublicKey, signature: bytes, signed: bytes) -> None:
    """Check a JOSE signature over bytes; raise InvalidToken when it does not match."""
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, signed)
        else:
            key.verify(der_signature(signature), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise InvalidToken("the signature does not match") from error


def der_signature(joined: bytes) -> bytes:
    """Turn r and s of 32 bytes each into DER; raise InvalidToken for another length."""
    if len(joined) != 2 * P256_BYTES:
        raise InvalidToken("an ES256 signature has 64 bytes")
    r, s = (int.from_bytes(half, "big") for half in (joined[:P256_BYTES], joined[P256_BYTES:]))
    return encode_dss_signature(r, s)


def b64(data: bytes) -> str:
    """Encode as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Decode strict base64url without padding; raise InvalidToken."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidToken("not base64url") from error
    if b64(data) != text:
        raise InvalidToken("not canonical base64url")
    return data


def encode_json(value: Mapping[str, Any]) -> bytes:
    """Encode compactly in UTF-8, members in the given order."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def decode_object(part: str, name: str) -> dict[str, Any]:
    """Decode one base64url JSON object of a token; raise InvalidToken; a repeated member is refused."""
    try:
        value = read_json(unb64(part))
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"the {name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidToken(f"the {name} is not a JSON object")
    return cast("dict[str, Any]", value)


def read_json(text: bytes | str) -> Any:
    """Return JSON; raise ValueError for a repeated member and for half of a pair of surrogates."""
    value = json.loads(text, object_pairs_hook=unique_members)
    json.dumps(value, ensure_ascii=False).encode()
    return value


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of members; raise ValueError when a name is repeated."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def encode_number(number: int) -> str:
    """Encode a positive integer as RFC 7518 Base64urlUInt."""
    return b64(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def decode_number(text: str) -> int:
    """Decode a Base64urlUInt."""
    return int.from_bytes(unb64(text), "big")
