"""`more` tokens: bound to the client, a day long, readable by every process, never by guessing."""

import datetime as dt
from typing import Any

import pytest
from pymongo.database import Database

from lrs.xapi.errors import InvalidRequest, UnknownMore
from lrs.xapi.more_links import MoreTokens

NOW = dt.datetime(2026, 11, 22, 23, 59, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def test_a_token_gives_its_cursor_back_in_every_process_for_a_day(db: Database[dict[str, Any]]) -> None:
    token = MoreTokens(db).write(b"cursor", "me", NOW)
    again = MoreTokens(db)
    assert again.read(token, "me", NOW) == again.read(token, "me", NOW + 24 * HOUR) == b"cursor"
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(("owner", "hours"), [("you", 0), ("me", 26), ("me", 24 * 30)])
def test_a_foreign_or_old_token_is_unknown(db: Database[dict[str, Any]], owner: str, hours: int) -> None:
    token = MoreTokens(db).write(b"cursor", "me", NOW)
    with pytest.raises(UnknownMore):
        MoreTokens(db).read(token, owner, NOW + hours * HOUR)


def test_a_changed_token_is_refused_wherever_it_was_changed(db: Database[dict[str, Any]]) -> None:
    tokens = MoreTokens(db)
    token = tokens.write(b"cursor", "me", NOW)
    for at in range(len(token) - 1):  # the last letter has bits that carry nothing
        for other in {"A", "B"} - {token[at]}:
            changed = token[:at] + other + token[at + 1 :]
            with pytest.raises((InvalidRequest, UnknownMore)):
                assert tokens.read(changed, "me", NOW) != b"cursor"


@pytest.mark.parametrize("text", ["", "a", "%", "ä", "AAAA", "x" * 5000, "===="])
def test_what_is_no_token_is_refused(db: Database[dict[str, Any]], text: str) -> None:
    with pytest.raises(InvalidRequest):
        MoreTokens(db).read(text, "me", NOW)


def test_each_day_has_its_own_key_that_ends_by_itself(db: Database[dict[str, Any]]) -> None:
    tokens = MoreTokens(db)
    for day in range(3):
        tokens.write(b"", "me", NOW + day * 24 * HOUR)
    stored = list(db.more_keys.find().sort("_id"))
    assert len({one["key"] for one in stored}) == 3
    assert all(one["expires_at"] > NOW + 24 * HOUR for one in stored)
