"""What a request of a session wrote down is taken back alone, when it was not stored."""

from __future__ import annotations

from typing import Any

from lrs.content.cmi5.gate import _take_back


def test_taking_back_leaves_what_another_request_said_meanwhile() -> None:
    registration: dict[str, Any] = {
        "sessions": [{"id": "s", "unit": "u", "said": {"initialized": "1", "completed": "2", "passed": "3"}, "over": None}],
        "units": [{"id": "u", "said": {"completed": "2", "passed": "3"}}],
    }  # fmt: skip
    _take_back(registration, "s", {"passed": "3"})
    assert registration["sessions"][0]["said"] == {"initialized": "1", "completed": "2"}
    assert registration["units"][0]["said"] == {"completed": "2"}


def test_a_session_goes_on_when_its_end_was_not_stored() -> None:
    registration: dict[str, Any] = {
        "sessions": [{"id": "s", "unit": "u", "said": {"terminated": "4"}, "over": "terminated"}],
        "units": [{"id": "u", "said": {}}],
    }
    _take_back(registration, "s", {"terminated": "4"})
    assert registration["sessions"][0] == {"id": "s", "unit": "u", "said": {}, "over": None}
