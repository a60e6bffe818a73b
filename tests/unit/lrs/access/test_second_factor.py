"""Codes of authenticator apps are those of RFC 6238 and RFC 4226."""

from __future__ import annotations

import base64
import datetime as dt

import pytest

from lrs.access.second_factor import address_of, code_of, step_of

SECRET = base64.b32encode(b"12345678901234567890").decode()  # of the test vectors


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_test_vectors(seconds: int, code: str) -> None:
    """RFC 6238, appendix B, the last six of eight digits."""
    assert code_of(SECRET, step_of(dt.datetime.fromtimestamp(seconds, dt.UTC))) == code


def test_the_address_names_issuer_and_account() -> None:
    assert address_of("ABC", "ada@v.example", "Laurel & Co") == (
        "otpauth://totp/Laurel%20%26%20Co%3Aada%40v.example?secret=ABC&issuer=Laurel%20%26%20Co"
    )
