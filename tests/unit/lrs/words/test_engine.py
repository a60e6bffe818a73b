"""What the engine says is told in the reader's language, with its own values; what has no form stays English."""

from __future__ import annotations

import pytest
from flask import Flask, g

from lrs.words import catalogues
from lrs.words import engine as engine_words

SAMPLES = {
    "n": "3", "of": "5", "share": "79.5 %", "day": "2026-12-31", "due": "2027-01-31", "word": "best", "date": "3 March 2026",
    "span": "12 months", "rest": "nothing yet", "first_part": "done",
}  # fmt: skip


def german(text: str) -> str:
    with Flask("x").test_request_context("/"):
        g.language = "de"
        return engine_words.engine(text)


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("nothing yet", "noch nichts"),
        ("best 91 % of 1 attempt, 2026-11-10", "bester 91\xa0% von 1 Versuch, 10. Nov. 2026"),
        ("2 of 3", "2 von 3"),
        ("80 % or better, first attempt", "80\xa0% oder besser, erster Versuch"),
        ("in this order within 12 months", "in dieser Reihenfolge innerhalb von 12 Monate"),
        ("nothing yet, but cheating on 2026-01-02 disqualifies", "noch nichts, aber cheating am 2. Jan. 2026 schließt aus"),
        ("late", "verspätet"),
        ("Overview: nothing yet, required done (v4 award.when.all[0])", "Overview: noch nichts, verlangt erledigt (v4 award.when.all[0])"),
        ("Something that nobody foresaw", "Something that nobody foresaw"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_sentence_is_told_in_german(english: str, said: str) -> None:
    assert german(english) == said


@pytest.mark.parametrize("form", engine_words.FORMS)
def test_every_form_is_found_again_in_what_it_says(form: str) -> None:
    names = engine_words.NAME.findall(form)
    text = form % {name: SAMPLES.get(name, "Sales exam") for name in names}
    wanted = catalogues.catalogue("de")[form]
    assert engine_words.NAME.findall(wanted) or not names
    assert german(text) != text or wanted == form


def test_english_stays_as_the_engine_says_it() -> None:
    with Flask("x").test_request_context("/"):
        g.language = "en"
        assert engine_words.engine("nothing yet") == "nothing yet"
        assert engine_words.engine(None) == ""
        told = engine_words.engine("Renewal is accepted until 2026-12-21.")
        assert told == "Renewal is accepted until 21 Dec 2026.", "days are the reader's"
        for kept in ("2026-13-01", "at 2026-12-21T10:00:00Z"):
            assert engine_words.engine(kept) == kept


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("Overview", "Überblick"),
        ("Overview needs Demo and Exam, 80 % or better.", "Überblick braucht Vorführung und Prüfung."),
        ("Exam, 80 % or better", "Prüfung"),
        ("Demo, another than last time", "Vorführung, ein anderes als beim letzten Mal"),
        ("Overview needs Demo and Something.", "Überblick braucht Demo and Something."),
        ("If Demo is done by 2027-11-01 the overview still counts (12-month span).",
         "Ist Vorführung bis 1. Nov. 2027 erledigt, zählt noch: Überblick (Spanne 12 Monate)."),
        ("Passed on 3 March 2026", "Bestanden am 3. März 2026"),
        ("passed 2026-13-41", "bestanden 2026-13-41"), ("Passed on 31 February 2026", "Bestanden am 31 February 2026"),
    ],
)  # fmt: skip
def test_names_of_rules_are_told_as_the_rules_say(english: str, said: str) -> None:
    with Flask("x").test_request_context("/"):
        g.language = "de"
        own = {"Overview": "Überblick", "Demo": "Vorführung", "Exam, 80 % or better": "Prüfung"}
        g.rule_names = ("de", own)
        assert engine_words.engine(english) == said
        assert engine_words.called("gold-plus") == "Gold plus"
        assert engine_words.named({"a": "Demo", "b": "Else"}) == {"a": "Vorführung", "b": "Else"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("role sales", "role sales"),
        ("role sales, product edge", "role sales, product edge"),
        ("role sales, product {deal.product}", "role sales, the product asked about"),
        ("certification sales-pro", "sales-pro"),
        ("Two engineers, at least", "Two engineers, at least"),
    ],
)
def test_what_a_tier_or_gate_asks_people_to_hold_is_told_without_braces(said: str, told: str) -> None:
    assert engine_words.demanded(said) == told
