"""The printable certificate: what it says, that it says when it no longer holds, and names of any script."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import shutil
import subprocess

import pytest

from lrs.credentials.consent import Display
from lrs.credentials.drawing.badge_art import Badge
from lrs.credentials.drawing.certificate_pdf import draw_certificate
from lrs.credentials.public.view import CredentialView
from lrs.credentials.verifying.copy import text_of
from lrs.credentials.verifying.verify import Failed

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
