"""Copies that were made by earlier builds verify for ever: `old_credentials.json` is never made anew."""

from __future__ import annotations

import base64
import datetime as dt
import json

import pytest
from places import TESTS

from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.fetching import Fetched

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
OLD = json.loads((TESTS / "old_credentials.json").read_text())
COPIES = {
    "jwt": OLD["jwt"].encode(),
    "png": base64.b64decode(OLD["png"]),  # the chunk before IEND, where it lay until 2026-11-29
    "svg": OLD["svg"].encode(),
}


def report(data):
    return verify_credential(data, Inquiry(lambda url, _: Fetched(url, "", OLD["files"][url].encode()), NOW))


@pytest.mark.parametrize("form", COPIES)
def test_an_old_copy_verifies(form):
    assert [one.outcome for one in report(COPIES[form]).checks] == ["ok"] * 6


def test_an_old_copy_that_was_revoked_or_changed_is_refused():
    assert "bit 8" in next(
        one.detail for one in report(OLD["revoked"].encode()).checks if one.outcome == "failed"
    )
    head, body, signature = OLD["jwt"].split(".")
    assert not report(f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}".encode()).is_valid
