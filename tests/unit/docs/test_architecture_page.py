"""docs/architecture.md: every room and every file it sends a reader to exists, and no room is left out."""

from __future__ import annotations

import re

from specification import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE.partition("## Where to start a change")[2], re.MULTILINE)[
    2:
]


def test_a_reader_is_sent_to_files_that_exist() -> None:
    assert len(ROWS) >= 25
    for what, where in ROWS:
        places = re.findall(r"`([\w./-]+)`", where)
        assert places, what
        assert [place for place in places if not (ROOT / place).exists()] == [], what


def test_every_room_is_on_the_page() -> None:
    rooms = {
        init.parent.relative_to(ROOT).as_posix()
        for package in ("lrs", "rules", "statements")
        for init in (ROOT / package).glob("*/__init__.py")
    }
    rows = PAGE.partition("## Rooms")[2].partition("## Three paths")[0]
    assert {*re.findall(r"`((?:lrs|rules|statements)/\w+)`", rows)} == rooms


def test_the_page_stays_a_page() -> None:
    assert len(PAGE.split("\n")) <= 130
