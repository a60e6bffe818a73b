"""Compact JWS: exactly the header of cert#7, and refusal of everything that does not fit the key."""

from __future__ import annotations

import hmac
import json

import jwt as pyjwt
import pytest
from factories_credentials import EC_KEY, RSA_KEY, SIGNER, MemorySigner

from rules.credentials.proving.signing import (
    InvalidToken,
    UnknownKey,
    b64,
    compact,
    lock,
    public_jwk,
    read_compact,
    thumbprint,
    unb64,
    unlock,
    verify,
)

KEYS = {"RS256": ("k1", RSA_KEY), "ES256": ("k2", EC_KEY)}


@pytest.mark.parametrize("algorithm", KEYS)
def test_header_has_exactly_alg_kid_and_typ(algorithm):
    token = read_compact(compact(SIGNER, KEYS[algorithm][0], {"a": 1}, kid="did:web:x#k"))
    assert token.header == {"alg": algorithm, "kid": "did:web:x#k", "typ": "JWT"}


@pytest.mark.parametrize("algorithm", KEYS)
def test_another_library_accepts_our_signature(algorithm):
    name, key = KEYS[algorithm]
    text = compact(SIGNER, name, {"hello": "wörld"})
    public = pyjwt.PyJWK(public_jwk(key)).key
    assert pyjwt.decode(text, public, algorithms=[algorithm]) == {"hello": "wörld"}


@pytest.mark.parametrize("algorithm", KEYS)
def test_we_accept_another_librarys_signature(algorithm):
    key = KEYS[algorithm][1]
    token = read_compact(pyjwt.encode({"a": 1}, key, algorithm=algorithm))
    verify(token, public_jwk(key))


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("algorithm", KEYS)
def test_a_changed_byte_is_refused(algorithm, part):
    name, key = KEYS[algorithm]
    parts = compact(SIGNER, name, {"a": 1}).split(".")
    data = bytearray(unb64(parts[part]))
    place = data.index(b"J"[0]) if part == 0 else len(data) - 2
    data[place] ^= 1
    with pytest.raises(InvalidToken):
        verify(read_compact(".".join([*parts[:part], b64(bytes(data)), *parts[part + 1 :]])), public_jwk(key))


@pytest.mark.parametrize("named", ["none", None, ["RS256"], {"kty": "RSA"}, 5])
def test_the_key_decides_the_algorithm_not_the_header(named):
    header = b64(json.dumps({"alg": named, "typ": "JWT"}).encode())
    body = b64(b'{"a":1}')
    with pytest.raises(InvalidToken, match="does not fit the key"):
        verify(read_compact(f"{header}.{body}."), public_jwk(RSA_KEY))


def test_public_key_as_hmac_secret_is_refused():
    signed = f"{b64(json.dumps({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{b64(b'{}')}"
    secret = json.dumps(public_jwk(RSA_KEY)).encode()
    text = f"{signed}.{b64(hmac.digest(secret, signed.encode(), 'sha256'))}"
    with pytest.raises(InvalidToken, match="does not fit the key"):
        verify(read_compact(text), public_jwk(RSA_KEY))


def test_critical_header_members_are_refused():
    text = pyjwt.encode({"a": 1}, RSA_KEY, algorithm="RS256", headers={"crit": ["b64"], "b64": True})
    with pytest.raises(InvalidToken, match="critical"):
        verify(read_compact(text), public_jwk(RSA_KEY))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "a.b.c.d",
        "é.é.é",
        "e30.e30",
        "e30.W10.e30",
        "eyJhIjoxLCJhIjoyfQ.e30.e30",
        "e3.e30.",
        "." * 2,
    ],
)
def test_malformed_tokens_are_refused(text):
    with pytest.raises(InvalidToken):
        verify(read_compact(text), public_jwk(RSA_KEY))


def test_overlong_tokens_are_refused():
    with pytest.raises(InvalidToken, match="longer"):
        read_compact("a" * 1_000_001)


@pytest.mark.parametrize(
    "jwk",
    [{}, {"kty": "oct", "k": "AA"}, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "RSA", "n": 5, "e": 3},
     {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
     {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}],
)  # fmt: skip
def test_unusable_public_keys_are_refused(jwk):
    with pytest.raises(InvalidToken):
        verify(read_compact(compact(SIGNER, "k1", {"a": 1})), jwk)


def test_private_keys_are_kept_encrypted():
    pem = lock(RSA_KEY, b"open sesame")
    assert b"ENCRYPTED" in pem
    assert public_jwk(unlock(pem, b"open sesame")) == public_jwk(RSA_KEY)
    with pytest.raises(InvalidToken):
        unlock(pem, b"wrong")


def test_a_missing_key_is_named():
    with pytest.raises(UnknownKey, match="k9"):
        compact(SIGNER, "k9", {})
    with pytest.raises(UnknownKey):
        MemorySigner({}).current()


def test_thumbprint_of_rfc_7638_example():
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n"
        "3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgd"
        "AZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur"
        "-kEgU8awapJzKnqDKgw"
    )
    assert thumbprint({"kty": "RSA", "n": n, "e": "AQAB"}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
