"""The languages: English is written in pages and modules, every other one is a catalogue of texts.

`lrs/templates/{portal,console,credentials}/de.json` have a line for each text: English -> German, and for
what is counted English singular -> one form for each of the language's `PLURALS`. A text without a line stays
English; `python -m lrs.words` names such.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Mapping
from typing import Any, Final

from babel import Locale

CATALOGUES: Final = importlib.resources.files("lrs").joinpath("templates")
ROOMS: Final = ("portal", "console", "credentials")
DEFAULT: Final = "en"
LANGUAGES: Final = {
    "en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "ja": "日本語", "ar": "العربية",
}  # fmt: skip
COMPLETE: Final = ("de", "fr", "es", "ja")
"""Languages of every page; the others (Arabic) have those of learners, credentials and notices at least."""
RIGHT_TO_LEFT: Final = frozenset({"ar"})
PLURALS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("one", "other"),
    "de": ("one", "other"),
    "fr": ("one", "other"),
    "es": ("one", "other"),
    "ja": ("other",),
    "ar": ("zero", "one", "two", "few", "many", "other"),
}
"""The CLDR categories that a list of forms has, in its order; one it has not (whole millions) is `other`."""


@functools.cache
def catalogue(name: str) -> dict[str, Any]:
    """Return the texts of a language; English has none, it is what the pages are written in."""
    found: dict[str, Any] = {}
    for room in ROOMS if name != DEFAULT else ():
        file = CATALOGUES.joinpath(room, f"{name}.json")
        found |= json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return found


def say(name: str, text: str, /, **values: Any) -> str:
    """Return a text in a language, with `%(name)s` filled in; one with forms takes that of `n`."""
    found = catalogue(name).get(text, text)
    if isinstance(found, list):
        found = form_of(name, float(values["n"]), found)
    return str(found) % values if values else str(found)


def form_of(name: str, count: float, forms: list[str] | tuple[str, ...]) -> str:
    """Return the form of a list that a count takes in a language (CLDR); `forms` are those of `PLURALS`."""
    known = PLURALS[name]
    category = Locale.parse(name).plural_form(count)
    return forms[known.index(category if category in known else "other")]


def counted(name: str, count: float, one: str, many: str) -> str:
    """Return the form that a count takes of a text with a singular and a plural; `%(n)s` is not filled in."""
    found = catalogue(name).get(one)
    return form_of(name, count, found) if found else form_of(DEFAULT, count, (one, many))
