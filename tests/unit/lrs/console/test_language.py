"""Every text of the console is in every catalogue, with the same values in it, and no catalogue has more."""

from __future__ import annotations

import datetime as dt
import json
import re

import console_words
import pytest
from flask import Flask

from lrs.console import language

VALUES = re.compile(r"%\((\w+)\)s|%%")
OTHERS = [name for name in language.LANGUAGES if name != "en"]


@pytest.mark.parametrize("name", OTHERS)
def test_a_catalogue_has_every_text_and_no_other(name: str) -> None:
    known, wanted = set(language.catalogue(name)), console_words.texts()
    assert sorted(wanted - known) == []
    assert sorted(known - wanted) == []
    rooms = [
        list(json.loads(language.CATALOGUES.joinpath(room, f"{name}.json").read_text("utf-8")))
        for room in language.ROOMS
    ]
    assert all(texts == sorted(texts) for texts in rooms), "sorted, so that a text is easily found"
    assert sum(map(len, rooms)) == len(known), "a text that both rooms say stands once"


@pytest.mark.parametrize("name", OTHERS)
def test_a_translation_says_the_same_values(name: str) -> None:
    counted = console_words.counted()
    for english, other in language.catalogue(name).items():
        forms = other if english in counted else [other]
        assert len(forms) == (2 if english in counted else 1), english
        for form in forms:
            assert sorted(VALUES.findall(form)) == sorted(VALUES.findall(english)), english


def test_a_browser_is_answered_in_its_language_and_a_choice_wins() -> None:
    app = Flask("x")
    with app.test_request_context("/", headers={"Accept-Language": "de-AT, en;q=0.5"}):
        assert language.t("People") == "Personen"
        assert language.n(1, "%(n)s person", "%(n)s people") == "1 Person"
        assert language.number(1234567) == "1.234.567"
        assert language.spoken_day(dt.date(2026, 3, 4)) == "4. März 2026"
    chosen = {"Accept-Language": "de", "Cookie": f"{language.COOKIE}=en"}
    with app.test_request_context("/", headers=chosen):
        assert language.t("%(count)s of its people do", count=2) == "2 of its people do"
        assert language.n(1234, "%(n)s person", "%(n)s people") == "1,234 people"
        assert language.spoken_day(dt.date(2026, 3, 4)) == "4 Mar 2026"
    with app.test_request_context(
        "/", headers={"Accept-Language": "xx", "Cookie": f"{language.COOKIE}=../x"}
    ):
        assert language.language() == "en"
