"""Holders' links and names: what a token allows, and how a name is shown."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.credentials.consent import Display, Links, seen_by, shown_name
from lrs.credentials.issuer import links_of
from lrs.foundation.settings import Settings
from lrs.messaging.notice_texts import Line, message

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
AWARD = "01JZ3T8Q4M5N6P7R8S9TAVBWCX"
LINKS = Links((b"secret",))


@pytest.mark.parametrize(("right", "days"), [("holder", 365), ("view", 30)])
def test_a_link_holds_for_its_award_and_time(right, days):
    token = LINKS.make(AWARD, right, NOW)
    assert LINKS.right(token, AWARD, NOW + dt.timedelta(days=days - 1)) == right
    assert LINKS.right(token, AWARD, NOW + dt.timedelta(days=days)) is None
    assert LINKS.right(token, "01JZ3T8Q4M5N6P7R8S9TAVBWC0", NOW) is None
    assert Links((b"other",)).right(token, AWARD, NOW) is None


@given(st.text(max_size=100))
def test_no_other_text_is_a_token(text):
    assert LINKS.right(text, AWARD, NOW) is None


@given(st.integers(0, 200), st.characters())
def test_a_changed_token_opens_nothing(place, letter):
    token = LINKS.make(AWARD, "holder", NOW)
    place %= len(token) - 1  # the last letter of base64url has bits that mean nothing
    changed = token[:place] + letter + token[place + 1 :]
    assert changed == token or LINKS.right(changed, AWARD, NOW) is None


@pytest.mark.parametrize(
    ("name", "shown", "expected"),
    [
        ("Ana Ferreira", "full", "Ana Ferreira"), ("Ana Ferreira", "initials", "A. F."),
        ("ana", "initials", "A."), ("Ana Ferreira", "hidden", None), (None, "full", None), ("", "initials", None),
    ],
)  # fmt: skip
def test_a_name_is_shown_as_far_as_allowed(name, shown, expected):
    assert shown_name(name, Display(shown=True, name=shown)) == expected


def test_a_link_shows_what_the_choice_hides():
    assert seen_by(Display(), None) == Display()
    assert seen_by(Display(), "view").evidence


@pytest.mark.parametrize(("to", "opens"), [("holder", True), ("partner_admin", False)])
def test_only_the_holders_mail_carries_the_holders_link(to, opens):
    settings = Settings(public_url="https://lrs.example", key_passphrase="test")
    values = {
        "link": f"/credentials/{AWARD}",
        "award_of": to,
        "certification": "Sales",
        "expires": "x",
        "days": "7",
    }
    line = Line("before_expiry", values)
    sent = message(settings, to="ana@example.com", name="Ana", language="en", lines=[line], now=NOW, key="k")
    text = sent.get_body(("plain",)).get_content()
    address = next(word for word in text.split() if "/credentials/" in word)
    token = address.partition("?token=")[2]
    assert links_of(settings).right(token, AWARD, NOW) == ("holder" if opens else None)
    assert address.startswith(f"https://lrs.example/credentials/{AWARD}")
