"""Bitstring Status List v1.0: order of bits, encoding, bounds (cert#7-3)."""

from __future__ import annotations

import base64
import gzip

import pytest
from factories_credentials import NOW
from hypothesis import given
from hypothesis import strategies as st

from rules.credentials.proving.status_list import (
    SIZE,
    InvalidStatusList,
    build_entry,
    build_list,
    decode,
    empty,
    encode,
    get_bit,
    join,
    set_bits,
)

INDEXES = st.sets(st.integers(0, SIZE - 1), max_size=50)


def test_index_0_is_the_leftmost_bit():
    assert set_bits(empty(), [0])[0] == 0b1000_0000
    assert set_bits(empty(), [9])[:2] == bytes([0, 0b0100_0000])


@given(INDEXES)
def test_bits_survive_encoding(indexes):
    bits = decode(encode(set_bits(empty(), indexes)))
    assert {i for i in range(SIZE) if bits[i // 8] and get_bit(bits, i)} == indexes


@given(INDEXES, INDEXES)
def test_joining_never_clears_a_bit(left, right):
    assert join(set_bits(empty(), left), set_bits(empty(), right)) == set_bits(empty(), left | right)


def test_encoding_is_gzip_in_multibase_base64url_without_padding():
    text = encode(empty())
    assert text[0] == "u"
    assert "=" not in text
    assert gzip.decompress(base64.urlsafe_b64decode(text[1:] + "===")) == bytes(SIZE // 8)


def test_the_specifications_empty_list_is_read():
    text = "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA"
    assert decode(text) == empty()


@pytest.mark.parametrize("index", [-1, SIZE])
def test_an_index_outside_the_list_is_refused(index):
    with pytest.raises(InvalidStatusList):
        get_bit(empty(), index)


@pytest.mark.parametrize("text", ["", "zabc", "u", "u!!", "uAAAA", encode(empty())[:-8]])
def test_malformed_lists_are_refused(text):
    with pytest.raises(InvalidStatusList):
        decode(text)


def test_a_compressed_bomb_is_refused():
    with pytest.raises(InvalidStatusList, match="larger"):
        decode(encode(bytes(1_000_000)), limit=100_000)


def test_the_list_is_valid_for_a_day_with_a_ttl_of_five_minutes():
    url = "https://lrs.example/status/1"
    claims = build_list(url, "did:web:lrs.example", empty(), NOW)
    subject = claims["credentialSubject"]
    assert (claims["validFrom"], claims["validUntil"]) == ("2026-06-01T12:00:00Z", "2026-06-02T12:00:00Z")
    assert claims["exp"] - claims["nbf"] == 86_400
    assert (subject["ttl"], subject["statusPurpose"]) == (300_000, "revocation")
    assert (claims["jti"], claims["iss"], claims["sub"]) == (claims["id"], claims["issuer"], subject["id"])


def test_an_entry_is_one_object_whose_index_is_a_string_and_whose_id_is_not_the_list():
    entry = build_entry("https://lrs.example/status/1", 94567)
    assert entry["statusListIndex"] == "94567"
    assert entry["id"] != entry["statusListCredential"] == "https://lrs.example/status/1"
