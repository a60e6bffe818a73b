"""The printable certificate: what it says, that it says when it no longer holds, and names of any script."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import shutil
import subprocess
import zlib

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from lrs.credentials.consent import Display
from lrs.credentials.drawing import glyph_outlines
from lrs.credentials.drawing.badge_art import Badge
from lrs.credentials.drawing.certificate_pdf import LEFT, WIDTH, draw_certificate, placed
from lrs.credentials.public.view import CredentialView
from lrs.credentials.verifying.copy import text_of
from lrs.credentials.verifying.verify import Failed
from lrs.words.catalogues import LANGUAGES, say

FILES = {"credential.jwt": "a.b.c", "credential.json": '{"name": "(Ana) \\\\ 日本"}'}
BADGE = Badge("Sales Professional", "Northwind Academy", "sales-pro", "Professional")
VIEW = CredentialView(
    id="01JZ3T8Q4M5N6P7R8S9TAVBWC1", url="https://lrs.example/credentials/01JZ3T8Q4M5N6P7R8S9TAVBWC1", jwt="",
    issued_at=dt.datetime(2026, 3, 10, tzinfo=dt.UTC),
    claims={}, title="Sales Professional", description="Sells the platform.", criteria=(), criteria_url=None,
    evidence=(), issuer="Northwind Academy", did="did:web:lrs.example", holder="Ana Ferreira", state="active",
    since=dt.date(2026, 3, 10), awarded=dt.date(2025, 3, 10), valid_from=dt.date(2026, 3, 10),
    valid_until=dt.date(2027, 3, 10), periods=2, badge=BADGE, display=Display(), right=None, token=None,
    certification="sales-pro", version="3", person="p",
)  # fmt: skip


def test_the_credential_is_attached_in_both_forms_as_it_is():
    pdf = draw_certificate(VIEW, FILES)
    for name, text in FILES.items():
        assert f"({name})".encode() in pdf
        assert b"stream\n" + text.encode() + b"endstream" in pdf
    assert b"/EmbeddedFiles" in pdf


def test_the_credential_of_a_certificate_is_found_again():
    assert text_of(draw_certificate(VIEW, FILES)) == "a.b.c"
    with pytest.raises(Failed, match="no credential attached"):
        text_of(draw_certificate(VIEW, {}))


def words(view, tmp_path):
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    path = tmp_path / "c.pdf"
    path.write_bytes(draw_certificate(view, FILES))
    done = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True)
    return re.sub(r"\s+", " ", done.stdout)


def test_it_says_what_who_when_and_where_to_check(tmp_path):
    text = words(VIEW, tmp_path)
    for part in ("Sales Professional", "Ana Ferreira", "10 March 2025", "10 March 2026", "10 March 2027",
                 VIEW.url, "did:web:lrs.example"):  # fmt: skip
        assert part in text
    assert "Suspended" not in text


@pytest.mark.parametrize(
    ("state", "notice"), [("suspended", "Suspended since"), ("expired", "Was valid until")]
)
def test_it_says_when_it_no_longer_holds(tmp_path, state, notice):
    assert notice in words(dataclasses.replace(VIEW, state=state), tmp_path)


def test_a_hidden_holder_is_not_named(tmp_path):
    text = words(dataclasses.replace(VIEW, holder=None), tmp_path)
    assert "awarded to" not in text


@pytest.mark.parametrize(
    "name", ["Jürgen Größe", "Сергей Иванов", "Γιώργος", "山田太郎", "やまだ", "홍길동", "عمر", "😀", ""]
)
def test_names_of_any_script_give_a_certificate(name):
    pdf = draw_certificate(dataclasses.replace(VIEW, holder=name, title=name * 30), FILES)
    assert pdf.startswith(b"%PDF")
    assert pdf == draw_certificate(dataclasses.replace(VIEW, holder=name, title=name * 30), FILES)


@pytest.mark.parametrize("language", ["ja", "ar"])
def test_a_script_of_its_own_is_drawn_in_outlines_that_programs_read(language):
    with Flask("x").test_request_context(f"/?lang={language}"):
        pdf = draw_certificate(VIEW, FILES)
    assert f"/Lang ({language})".encode() in pdf
    drawn = b"".join(map(inflated, pdf.split(b"stream\n")[1:]))
    words = say(language, "Check this certificate").encode("utf-16-be").hex().encode()
    assert b"/ActualText <feff" + words + b">" in drawn
    assert b"Heisei" not in pdf, "nothing is left to fonts of the reader"


def inflated(part):
    try:
        return zlib.decompressobj().decompress(part)
    except zlib.error:
        return b""


def test_from_right_to_left_everything_stands_the_other_way_round():
    assert placed(LEFT) == LEFT
    with Flask("x").test_request_context("/?lang=ar"):
        assert placed(LEFT) == WIDTH - LEFT
        assert placed(68, 226) == WIDTH - 68 - 226


def test_without_its_font_a_language_is_known_to_have_no_letters(monkeypatch):
    known = glyph_outlines.open_font
    assert all(map(glyph_outlines.has_letters, LANGUAGES))

    def lacking(face):
        if face in {"japanese", "japanese-serif", "arabic"}:
            raise ModuleNotFoundError(face)
        return known(face)

    monkeypatch.setattr(glyph_outlines, "open_font", lacking)
    assert [one for one in LANGUAGES if not glyph_outlines.has_letters(one)] == ["ja", "ar"]
    assert draw_certificate(dataclasses.replace(VIEW, holder="山田太郎"), FILES).startswith(b"%PDF")


@given(st.text("東京都のソフトウェア、。ょー ", min_size=1, max_size=60).map(str.strip).filter(bool))
def test_japanese_lines_break_between_letters_and_begin_with_none_that_closes(text):
    lines = glyph_outlines.wrap(text, glyph_outlines.Style("sans", 20), 300, 50)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    followed = [line for line in lines[1:] if line[0] in "、。ょー"]
    assert all(f" {line[0]}" in text for line in followed), "but where the author put a blank before it"


def test_arabic_letters_join_and_stand_from_right_to_left():
    drawn = glyph_outlines.visual("سلام 2026")
    assert drawn.startswith("2026 ")
    assert drawn != "سلام 2026"[::-1], "letters have the forms that they take beside one another"
    assert glyph_outlines.visual("Ana 山田") == "Ana 山田"
