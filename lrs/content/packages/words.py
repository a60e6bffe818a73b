"""What a package says of itself in words: language maps, language tags, numbers; bounded and cleaned.

Texts are kept as text. Whoever shows them escapes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from lrs.content.packages.model import LanguageMap
from lrs.content.packages.xml_tree import Node

TITLE_LENGTH: Final = 500
TEXT_LENGTH: Final = 4_000
MOST_LANGUAGES: Final = 100
UNDETERMINED: Final = "und"
LONGEST_NUMBER: Final = 40
NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
TAG: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")


def clean(text: str, longest: int = TITLE_LENGTH) -> str:
    """Return a text on one line, without control characters, cut to `longest` characters."""
    spaced = " ".join(text.split())
    return "".join(sign for sign in spaced if sign.isprintable())[:longest]


def language_tag(written: str) -> str:
    """Return a language tag in its usual spelling, `und` for none or for what is none (`x-none`)."""
    tag = written.strip().replace("_", "-")
    if not TAG.fullmatch(tag) or tag.lower() == UNDETERMINED:
        return UNDETERMINED
    first, *rest = tag.split("-")
    return "-".join([first.lower(), *(each.upper() if len(each) == 2 else each for each in rest)])


def language_map(nodes: Iterable[Node], longest: int = TITLE_LENGTH, *, name: str = "lang") -> LanguageMap:
    """Return the texts of elements that carry their language in an attribute; empty texts are left out."""
    texts: dict[str, str] = {}
    for node in nodes:
        text = clean(node.text, longest)
        if text and len(texts) < MOST_LANGUAGES:
            texts.setdefault(language_tag(node.get(name)), text)
    return texts


def languages_in(*maps: LanguageMap) -> tuple[str, ...]:
    """Return the languages of the maps in order of first appearance, `und` left out."""
    found = {tag: None for texts in maps for tag in texts if tag != UNDETERMINED}
    return tuple(found)


def plain_text(text: str, longest: int = TITLE_LENGTH) -> LanguageMap:
    """Return a text of no known language as a language map."""
    cleaned = clean(text, longest)
    return {UNDETERMINED: cleaned} if cleaned else {}


def number(text: str) -> float | None:
    """Return a number as XML Schema writes decimals, None where the text is none."""
    written = text.strip()
    return float(written) if len(written) <= LONGEST_NUMBER and NUMBER.fullmatch(written) else None


def truth(text: str, *, default: bool) -> bool:
    """Return an xs:boolean; `default` for anything else."""
    return {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower(), default)
