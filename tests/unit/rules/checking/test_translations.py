"""Translations in rule files: kept, found by language, and warned of where the file no longer says the text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rules.checking.check import check
from rules.checking.load import load
from rules.language.dump import document_hash, dump

CERTIFICATION = """\
kind: Certification
id: sales-pro
version: "3"
title: Sales Professional
evidence: {demo: {verb: completed, activity: "https://acme.example/demo"}}
award: {when: {done: demo}}
validity: {lasts: 12 months}
tests:
  - {name: nothing yet, expect: [{who: ana, at: 2026-01-01, status: in_progress}]}
"""
TIERS = """\
kind: PartnerTiers
id: acme
version: "1"
order: [registered, silver, gold]
tiers:
  silver: {all: [{people_holding: {role: sales}, at_least: 1}]}
  gold: {all: [{people_holding: {role: sales}, at_least: 2}]}
tests:
  - {name: nobody, roster: {north: []}, expect: {north: registered}}
"""
SAID = """\
translations:
  de: {Sales Professional: Vertriebsprofi, Demo: Vorführung, "Our demo": Unsere Vorführung}
  ja: {Sales Professional: 営業プロフェッショナル}
"""


def problems(text: str) -> list[tuple[str, str, str | None]]:
    return [(one.code, one.message, one.suggestion) for one in check([load(text, "a.yaml")], None)]


def test_a_title_a_label_and_a_name_can_be_translated() -> None:
    text = CERTIFICATION.replace("{done: demo}", "{done: demo, label: Our demo}") + SAID
    assert problems(text) == []
    document: Any = load(text, "a.yaml").document
    assert document.translations["ja"] == {"Sales Professional": "営業プロフェッショナル"}
    again = load(dump(document), "a.yaml").document
    assert again == document
    assert document_hash(document) != document_hash(
        load(text.replace("Vertriebsprofi", "Profi"), "a.yaml").document
    )
    plain = load(text.replace(SAID, ""), "a.yaml").document
    assert "translations" not in json.loads(dump(plain)), "a file without any has the hash that it had"


def test_a_tier_is_translated_by_the_word_that_pages_say() -> None:
    assert problems(TIERS + "translations: {de: {Gold: Gold, Silver: Silber}}\n") == []


def test_a_text_that_the_file_does_not_say_is_a_warning_with_the_nearest() -> None:
    text = CERTIFICATION + "translations: {de: {Sales Profesional: Vertriebsprofi}}\n"
    assert problems(text) == [("W504", "the file says Sales Profesional nowhere", "Sales Professional")]


@pytest.mark.parametrize(
    "wrong", ["{DE!: {Demo: x}}", "{de: {Demo: ''}}", "{de: [Demo]}", "[de]", "{de: {}}"]
)
def test_what_is_no_translation_is_refused(wrong: str) -> None:
    loaded = load(CERTIFICATION + f"translations: {wrong}\n", "a.yaml")
    assert loaded.document is None
    assert any(one.code.startswith("E") for one in loaded.problems)
