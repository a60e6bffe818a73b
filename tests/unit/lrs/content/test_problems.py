"""What a browser says of a problem: without people, with its place in the package, from whatever is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrs.content.origin.cleaning import LONGEST, browser_of, place_of, without_numbers, without_people
from lrs.content.origin.problems import Problem
from lrs.content.player.commits import BadCommit
from lrs.content.player.problems import MOST_AT_ONCE, read_problems

PAGE = "http://v1-tag.localhost:8081/v/v1/scormcontent/lib/player%20a.js"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Cannot read 'x' of ANA WINTER", "Cannot read 'x' of …"),
        ("no such learner: ana", "no such learner: …"),
        ("banana is undefined", "banana is undefined"),
        ("mail to ana.w@north.example failed", "mail to … failed"),
        ("failed: https://a.example/xapi?auth=Basic%20x#y", "failed: https://a.example/xapi"),
        ("two\nlines\x00 ", "two lines"),
    ],
)
def test_a_text_is_told_without_the_learner(text: str, clean: str) -> None:
    assert without_people(text, ["Ana Winter", "Ana"]) == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("registration 1b0d4f0e-8d0b-4c39-9f0e-6f6f2a1f7c11 is over", "registration … is over"),
        ("employee 4711001", "employee …"),
        ("error 404 in slide 12", "error 404 in slide 12"),
        (
            "TypeError: getElementsByTagName is not a function",
            "TypeError: getElementsByTagName is not a function",
        ),
    ],
)
def test_numbers_that_may_be_somebodys_are_taken_out(text: str, clean: str) -> None:
    assert without_numbers(text) == clean


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (PAGE, "scormcontent/lib/player a.js"),
        (f"{PAGE}?token=secret", "scormcontent/lib/player a.js"),
        (f"{PAGE}:12", "scormcontent/lib/player a.js:12"),
        (f"{PAGE}:12:7", "scormcontent/lib/player a.js:12"),
        ("https://lrs.elsewhere.example/data/xAPI/statements?agent=x", "https://lrs.elsewhere.example"),
        ("http://v1.localhost:8081/player/scorm.js:3", "(player) scorm.js:3"),
        ("http://v1.localhost:8081/play/SECRET/commit", "(player)"),
        ("inline", ""),
        ("", ""),
        ("http://[", ""),
    ],
)
def test_a_place_is_a_file_of_the_package_or_another_site(address: str, place: str) -> None:
    assert place_of(address, "v1") == place


AGENTS = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
    "Safari/537.36 Edg/126.0.0.0": "Edge 126, Windows",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.71 "
    "Mobile Safari/537.36": "Chrome 126, Android",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1": "Safari 17, iOS",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Safari/605.1.15": "Safari 17, macOS",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0": "Firefox 127, Linux",
    "curl/8.5": "another browser",
    "": "another browser",
}


@pytest.mark.parametrize(("agent", "name"), AGENTS.items())
def test_a_browser_is_told_by_name_major_version_and_system(agent: str, name: str) -> None:
    assert browser_of(agent) == name


@given(st.text(max_size=3000), st.lists(st.text(min_size=3, max_size=20), max_size=4))
@settings(deadline=None)
def test_whatever_is_said_stays_short_and_printable(text: str, names: list[str]) -> None:
    for made in (without_numbers(without_people(text, names)), browser_of(text)):
        assert len(made) <= LONGEST
        assert made.isprintable()
    assert isinstance(place_of(text, "v1"), str)


def body(*rows: Any) -> bytes:
    return json.dumps({"problems": list(rows)}).encode()


def test_a_report_is_read() -> None:
    row = {"kind": "script", "what": "x is not defined", "place": PAGE}
    assert read_problems(body(row)) == [Problem("script", "x is not defined", PAGE)]
    assert read_problems(body()) == []


@pytest.mark.parametrize(
    "sent",
    [
        b"{",
        b"[]",
        b'{"problems": {}}',
        body("x"),
        body({"kind": "gossip", "what": "", "place": ""}),
        body({"kind": "script", "what": 7, "place": ""}),
        body({"kind": ["script"], "what": "", "place": ""}),
        body(*[{"kind": "script", "what": str(n), "place": ""} for n in range(MOST_AT_ONCE + 1)]),
    ],
)
def test_what_is_no_report_is_refused(sent: bytes) -> None:
    with pytest.raises(BadCommit):
        read_problems(sent)
