"""Badge art: the same words give the same picture, every word fits, nothing from a title becomes markup."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lrs.credentials.drawing.badge_art import (
    PALETTES,
    Badge,
    badge_png,
    draw_badge,
    draw_card,
    fit_title,
    is_plain_svg,
)
from lrs.credentials.drawing.glyph_outlines import Style, balanced, shorten, width
from lrs.credentials.public.branding import DARK, LIGHT, contrast, ink_on

BADGE = Badge("Sales Professional", "Northwind", "sales-pro", "Professional")


def test_the_same_words_give_the_same_picture():
    assert draw_badge(BADGE) == draw_badge(
        Badge("Sales Professional", "Northwind", "sales-pro", "Professional")
    )
    assert draw_badge(BADGE) != draw_badge(
        Badge("Sales Professional", "Northwind", "other-1", "Professional")
    )


def test_the_picture_names_itself_and_holds_outlines_not_text():
    root = ET.fromstring(draw_badge(BADGE))
    assert root.find("{*}title").text == "Sales Professional, Northwind"
    assert root.findall(".//{*}text") == []


def test_the_png_is_a_square_with_clear_corners():
    with Image.open(io.BytesIO(badge_png(BADGE, 300))) as picture:
        assert picture.size == (300, 300)
        assert picture.convert("RGBA").getpixel((0, 0))[3] == 0


@given(st.text(max_size=120), st.text(max_size=60))
@settings(max_examples=60)
def test_any_title_is_well_formed_and_never_markup(title, issuer):
    legal = [
        one
        for one in title + issuer
        if one in "\t\n\r" or (" " <= one < "\ud800") or "\ue000" <= one <= "\ufffd"
    ]
    badge = Badge("".join(legal), '<&">', "x", "<b>")
    ET.fromstring(draw_badge(badge))
    ET.fromstring(draw_card(badge, "<Ana>", "&"))


@given(st.text(alphabet="abcdefghij ABC", max_size=150))
@settings(max_examples=60)
def test_lines_never_leave_their_room(text):
    style, lines = fit_title(text)
    assert all(width(line, style) <= 340.001 for line in lines)
    assert width(shorten(text, style, 200), style) <= 200.001 or shorten(text, style, 200) == "…"


def test_no_word_is_lost_when_there_is_room():
    lines = balanced("Implementation Architect for Regulated Industries", Style("sans", 20), 300, 3)
    assert " ".join(lines) == "Implementation Architect for Regulated Industries"


@pytest.mark.parametrize("palette", PALETTES)
def test_titles_can_be_read_on_every_palette(palette):
    assert contrast(palette.middle, "#fffdf6") >= 4.5


@pytest.mark.parametrize(("colour", "ink"), [("#000000", LIGHT), ("#f2b705", DARK), ("#0f4c81", LIGHT)])
def test_ink_is_the_one_that_reads_better(colour, ink):
    assert ink_on(colour) == ink
    assert contrast(colour, ink) >= 4.5


def test_contrast_of_black_on_white_is_21():
    assert round(contrast("#000000", "#ffffff"), 2) == 21


@pytest.mark.parametrize(
    "svg",
    ["<svg><script>1</script></svg>", "<svg onload='x()'/>", "<svg><a href='javascript:x'/></svg>",
     "<svg><image href='https://evil.example/x.png'/></svg>", "<svg><foreignObject/></svg>",
     '<!DOCTYPE s [<!ENTITY a "b">]><svg/>', "<svg><use xlink:href='//evil/x#y'/></svg>"],
)  # fmt: skip
def test_active_pictures_are_not_taken(svg):
    assert not is_plain_svg(svg)
    assert is_plain_svg(draw_badge(BADGE))
