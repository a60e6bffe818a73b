"""Catalogues have every text with its values and forms; plurals, dates and numbers follow CLDR."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
from babel import Locale
from flask import Flask, g
from hypothesis import given
from hypothesis import strategies as st

from lrs.words import catalogues, reader, texts, writing
from lrs.words.__main__ import main, missing
from lrs.words.catalogues import COMPLETE, LANGUAGES, PLURALS, RIGHT_TO_LEFT, catalogue

VALUES = re.compile(r"%\((\w+)\)s|%%")
OTHERS = [name for name in LANGUAGES if name != "en"]


def test_rooms_and_languages_are_the_ones_there_are() -> None:
    assert set(texts.PLACES) == set(catalogues.ROOMS)
    assert set(PLURALS) == set(LANGUAGES) == set(writing.DAY) == set(writing.LONG_DAY)
    assert set(COMPLETE) | RIGHT_TO_LEFT == set(OTHERS)
    for place in (*texts.LEARNERS, *(one for places in texts.PLACES.values() for one in places)):
        assert (texts.ROOT / place).exists(), place


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_missing_in_a_language_is_named(name: str) -> None:
    assert missing(name, learners_only=name not in COMPLETE) == {}, f"python -m lrs.words {name} lists them"


@pytest.mark.parametrize("name", OTHERS)
def test_a_catalogue_says_nothing_that_no_page_says_and_each_text_once(name: str) -> None:
    assert sorted(set(catalogue(name)) - set(texts.texts())) == []
    rooms = {
        room: list(json.loads(catalogues.CATALOGUES.joinpath(room, f"{name}.json").read_text("utf-8")))
        for room in catalogues.ROOMS
    }
    assert all(found == sorted(found) for found in rooms.values()), "sorted, so that a text is easily found"
    assert sum(map(len, rooms.values())) == len(catalogue(name)), "a text that several rooms say stands once"


@pytest.mark.parametrize("name", OTHERS)
def test_a_translation_says_the_same_values_in_every_form(name: str) -> None:
    known = texts.texts()
    for english, other in catalogue(name).items():
        forms = other if isinstance(other, list) else [other]
        assert len(forms) == (len(PLURALS[name]) if isinstance(other, list) else 1), english
        assert isinstance(other, list) or not known[english].many, english
        for category, form in zip(PLURALS[name] if isinstance(other, list) else ("",), forms, strict=True):
            said, wanted = sorted(VALUES.findall(form)), sorted(VALUES.findall(english))
            may_leave_out = ["n"] if category in {"zero", "one", "two"} else []
            assert said == wanted or sorted(said + may_leave_out) == wanted, (english, form)
            assert form.strip(), english
            assert (form[:1] == " ") == (english[:1] == " ") or name == "ja", english


@given(count=st.integers(min_value=0, max_value=10**7), name=st.sampled_from(sorted(LANGUAGES)))
def test_a_count_takes_the_form_that_cldr_says(count: int, name: str) -> None:
    category = Locale.parse(name).plural_form(count)
    wanted = category if category in PLURALS[name] else "other"
    assert catalogues.form_of(name, count, list(PLURALS[name])) == wanted


@pytest.mark.parametrize(
    ("name", "count", "said"),
    [
        ("en", 1, "1 person"), ("en", 0, "0 people"), ("de", 1, "1 Person"), ("de", 2, "2 Personen"),
        ("fr", 0, "0 personne"), ("fr", 1, "1 personne"), ("fr", 2, "2 personnes"), ("es", 0, "0 personas"),
        ("ja", 1, "1人"), ("ja", 5, "5人"), ("ar", 0, "لا أحد"), ("ar", 1, "شخص واحد"), ("ar", 2, "شخصان"),
        ("ar", 3, "3 أشخاص"), ("ar", 10, "10 أشخاص"), ("ar", 11, "11 شخصًا"), ("ar", 100, "100 شخص"),
        ("ar", 103, "103 أشخاص"),
    ],
)  # fmt: skip
def test_people_are_counted_as_the_language_counts(name: str, count: int, said: str) -> None:
    with Flask("x").test_request_context(f"/?lang={name}"):
        assert reader.n(count, "%(n)s person", "%(n)s people") == said


@pytest.mark.parametrize(
    ("name", "short", "long", "number", "share"),
    [
        ("en", "4 Mar 2026", "4 March 2026", "1,234.50", "79.5\xa0%"),
        ("de", "4. März 2026", "4. März 2026", "1.234,50", "79,5\xa0%"),
        ("fr", "4 mars 2026", "4 mars 2026", "1\u202f234,50", "79,5\xa0%"),
        ("es", "4 mar 2026", "4 de marzo de 2026", "1.234,50", "79,5\xa0%"),
        ("ja", "2026年3月4日", "2026年3月4日", "1,234.50", "79.5%"),
        ("ar", "4 مارس 2026", "4 مارس 2026", "1,234.50", "79.5%"),
    ],
)
def test_days_and_numbers_are_written_as_the_language_writes_them(
    name: str, short: str, long: str, number: str, share: str
) -> None:
    day = dt.date(2026, 3, 4)
    assert (writing.short_day(name, day), writing.long_day(name, day)) == (short, long)
    assert (writing.number(name, 1234.5), writing.share(name, "79.50 %")) == (number, share)
    assert writing.long_day("fr", day.replace(day=1)) == "1er mars 2026"


def test_a_browser_is_answered_in_its_language_and_a_choice_wins() -> None:
    app = Flask("x")
    with app.test_request_context("/", headers={"Accept-Language": "de-AT, en;q=0.5"}):
        assert reader.t("People") == "Personen"
        assert reader.number(1234567) == "1.234.567"
        assert reader.direction() == "ltr"
    chosen = {"Accept-Language": "de", "Cookie": f"{reader.COOKIE}=en"}
    with app.test_request_context("/", headers=chosen):
        assert reader.t("%(count)s of its people do", count=2) == "2 of its people do"
        assert reader.n(1234, "%(n)s person", "%(n)s people") == "1,234 people"
    with app.test_request_context("/", headers={"Accept-Language": "xx", "Cookie": f"{reader.COOKIE}=../x"}):
        assert reader.language() == "en"


def test_the_address_wins_over_the_user_and_the_user_over_the_browser() -> None:
    app, browser = Flask("x"), {"Accept-Language": "es", "Cookie": f"{reader.COOKIE}=fr"}
    with app.test_request_context("/", headers=browser):
        assert reader.language() == "fr"
        g.users_language = "ja"
        assert reader.language() == "ja"
    with app.test_request_context("//x.example/?a=1&a=%26&lang=ar", headers=browser):
        g.users_language = "ja"
        assert (reader.language(), reader.direction()) == ("ar", "rtl")
        assert reader.here_in("de") == "?a=1&a=%26&lang=de"
        with reader.reading("de"):
            assert reader.language() == "de"
        assert reader.language() == "ar"
    with app.test_request_context("/?lang=../../x", headers=browser):
        assert reader.language() == "fr"


def test_a_text_that_is_missing_stays_english() -> None:
    with Flask("x").test_request_context("/?lang=ar"):
        assert reader.t("A text of tomorrow, %(name)s", name="Ana") == "A text of tomorrow, Ana"
        assert reader.n(2, "%(n)s thing", "%(n)s things") == "2 things"


def test_missing_texts_are_listed_to_be_filled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    short = {key: told for key, told in catalogue("ja").items() if key not in {"People", "%(n)s person"}}
    monkeypatch.setattr("lrs.words.__main__.catalogue", lambda _: short)
    main("ja")
    assert json.loads(capsys.readouterr().out) == {"%(n)s person": ["%(n)s people", "(other)"], "People": ""}


def test_style_sheets_know_no_left_and_no_right() -> None:
    physical = re.compile(
        r"(?:margin|padding|border|text-align:\s*|float:\s*)-?(?:left|right)|(?<![-\w])(?:left|right):"
    )
    for sheet in (texts.ROOT / "static").glob("*.css"):
        found = physical.findall(sheet.read_text("utf-8"))
        assert found == [], f"{sheet.name}: say margin-inline-start, inset-inline-end, text-align: start ..."


def test_each_language_has_every_notice() -> None:
    folder = texts.ROOT / "templates" / "notices"
    known = {sheet.stem: set(json.loads(sheet.read_text("utf-8"))) for sheet in folder.glob("*.json")}
    assert {name: known["en"] ^ keys for name, keys in known.items()} == {name: set() for name in known}
