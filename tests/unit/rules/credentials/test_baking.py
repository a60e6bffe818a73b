"""Baking into PNG and SVG as cert#7-7 has it, and reading pictures from strangers."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rules.credentials.baking import (
    OPEN_BADGES_3,
    PNG_SIGNATURE,
    NotBaked,
    bake_png,
    bake_svg,
    read_chunks,
    unbake,
    unbake_png,
    unbake_svg,
    write_chunk,
)

KEYWORD, NAMESPACE = OPEN_BADGES_3.keyword, OPEN_BADGES_3.namespace
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl-_"
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><g/></svg>'


def png():
    stream = io.BytesIO()
    Image.new("RGBA", (4, 4), "navy").save(stream, "PNG")
    return stream.getvalue()


def test_png_carries_one_uncompressed_itxt_right_behind_ihdr():
    kinds = [kind for kind, _ in read_chunks(bake_png(png(), TOKEN))]
    assert kinds[:2] == [b"IHDR", b"iTXt"]
    assert kinds.count(b"iTXt") == 1
    data = dict(read_chunks(bake_png(png(), TOKEN)))[b"iTXt"]
    assert data == KEYWORD + b"\0\0\0\0\0" + TOKEN.encode()


def test_another_library_reads_the_baked_png():
    with Image.open(
        io.BytesIO(bake_png(png(), TOKEN))
    ) as picture:  # before load(): only what precedes the image data
        assert picture.text["openbadgecredential"] == TOKEN


@pytest.mark.parametrize(
    ("bake", "unbaked", "source"), [(bake_png, unbake_png, png()), (bake_svg, unbake_svg, SVG)]
)
def test_baking_again_replaces(bake, unbaked, source):
    twice = bake(bake(source, "a.b.c"), TOKEN)
    assert unbaked(twice) == unbake(twice) == TOKEN
    assert twice == bake(source, TOKEN)


@pytest.mark.parametrize("junk", [b"", write_chunk(b"IDAT", b"x"), write_chunk(b"IHDR", b"x")])
def test_what_does_not_begin_with_ihdr_and_end_in_iend_is_not_baked(junk):
    with pytest.raises(NotBaked, match="begin with IHDR and end in IEND"):
        bake_png(PNG_SIGNATURE + junk, TOKEN)


def test_svg_carries_the_element_as_first_child_of_svg():
    baked = bake_svg(SVG, TOKEN).decode()
    assert f'xmlns:openbadges="{NAMESPACE}"' in baked
    assert f'height="1"><openbadges:credential verify="{TOKEN}"/><g/></svg>' in baked


@pytest.mark.parametrize(
    "picture",
    [
        f'<svg xmlns:openbadges="{NAMESPACE}"> <openbadges:credential verify="{TOKEN}"> </openbadges:credential></svg>',
        f'<svg xmlns:openbadges="urn:x"><c:credential xmlns:c="{NAMESPACE}" verify="{TOKEN}"/></svg>',
        f'<svg><ob:credential xmlns:ob="{NAMESPACE}" verify="{TOKEN}"/></svg>',
        f'<svg><defs/><g><c xmlns="{NAMESPACE}"><credential verify="{TOKEN}">x</credential></c></g></svg>',
    ],
)
def test_other_bakers_svgs_are_read_and_replaced(picture):
    assert unbake_svg(picture.encode()) == TOKEN
    again = bake_svg(picture.encode(), "x.y.z")
    assert unbake_svg(again) == "x.y.z"
    assert TOKEN.encode() not in again


def test_compressed_text_of_other_bakers_is_read():
    data = KEYWORD + b"\0\1\0en\0\0" + zlib.compress(TOKEN.encode())
    chunks = list(read_chunks(png()))
    picture = PNG_SIGNATURE + b"".join(
        write_chunk(*one) for one in [*chunks[:-1], (b"iTXt", data), chunks[-1]]
    )
    assert unbake_png(picture) == TOKEN


def baked_with(data):
    return PNG_SIGNATURE + write_chunk(b"iTXt", KEYWORD + b"\0" + data) + write_chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "picture",
    [
        b"", b"GIF89a", png(), png()[:-3], png()[:20], PNG_SIGNATURE + struct.pack(">I4s", 2**31, b"IHDR"),
        baked_with(b""), baked_with(b"\0\0"), baked_with(b"\1\0\0\0nonsense"),
        baked_with(b"\1\0\0\0" + zlib.compress(bytes(3_000_000))), baked_with(b"\0\0\0\0" + "é".encode()),
        SVG, b"<svg", b"<html/>", b"<svg/>", b"<svg><credential verify='a.b.c'/></svg>",
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>',
        f'<svg><c:credential xmlns:c="{NAMESPACE}"/></svg>'.encode(),
        f'<svg><c:credential xmlns:c="{NAMESPACE}" verify="é.é.é"/></svg>'.encode(),
    ],
)  # fmt: skip
def test_pictures_without_a_readable_credential_are_refused(picture):
    with pytest.raises(NotBaked):
        unbake(picture)


@pytest.mark.parametrize(
    "picture", [b"", b"<svg/>", b"<html></html>", b"<svg>", b'<!DOCTYPE s [<!ENTITY a "b">]><svg/>']
)
def test_what_is_no_svg_is_not_baked(picture):
    with pytest.raises(NotBaked):
        bake_svg(picture, TOKEN)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_damage_is_a_refusal_not_a_crash(junk, place):
    for whole in (bake_png(png(), TOKEN), bake_svg(SVG, TOKEN)):
        with contextlib.suppress(NotBaked):
            unbake(whole[:place] + junk + whole[place:])


JSON = '{"name": "日本 ]]> & <b> \\"\\u0001"}'


@pytest.mark.parametrize(
    ("bake", "unbaked", "source"), [(bake_png, unbake_png, png()), (bake_svg, unbake_svg, SVG)]
)
def test_json_is_baked_as_it_is_whatever_it_holds(bake, unbaked, source):
    assert json.loads(unbaked(bake(source, JSON))) == json.loads(JSON)
    assert unbaked(bake(bake(source, TOKEN), JSON)) == unbaked(bake(source, JSON))
    assert unbaked(bake(bake(source, JSON), TOKEN)) == TOKEN
    assert bake(bake(source, JSON), TOKEN) == bake(source, TOKEN)


def test_json_stands_in_the_element_without_verify():
    baked = bake_svg(SVG, '{"a": 1}').decode()
    assert '<openbadges:credential><![CDATA[{"a": 1}]]></openbadges:credential><g/></svg>' in baked
    with Image.open(io.BytesIO(bake_png(png(), '{"a": "é"}'))) as picture:
        assert picture.text["openbadgecredential"] == '{"a": "é"}'
