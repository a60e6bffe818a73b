"""What a rule file calls its titles, labels and names in other languages (cert#2.2, W504)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rules.checking.load import Loaded
from rules.checking.nodes import mapping
from rules.errors import Problem
from rules.language.suggestions import nearest


def check_translations(loaded: Loaded) -> Iterator[Problem]:
    """Yield a warning for each translation of a text that the file does not say, as a label since changed."""
    translations = mapping(loaded.data.get("translations"))
    if not translations:
        return
    said = {text for key, value in loaded.data.items() if key != "translations" for text in _texts(value)}
    folded = set(map(_folded, said))
    for language, texts in translations.items():
        for text in mapping(texts):
            if _folded(text) not in folded:
                message, path = f"the file says {text} nowhere", ("translations", language, text)
                hint = nearest(text, sorted(said))
                yield loaded.positions.problem(path, "W504", message, hint, warning=True)


def _folded(text: str) -> str:
    """Return a text without what parts an id from its words: `sales_exam` is told as `Sales exam`."""
    return text.lower().replace("_", " ").replace("-", " ")


def _texts(data: Any) -> Iterator[str]:
    """Yield every key and text in plain data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from _texts(value)
