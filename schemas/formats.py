"""String formats that a regular expression of JSON Schema cannot say."""

from __future__ import annotations

import re

_GRANDFATHERED_TEXT = (
    "en-gb-oed i-ami i-bnn i-default i-enochian i-hak i-klingon i-lux i-mingo i-navajo i-pwn i-tao i-tay "
    "i-tsu sgn-be-fr sgn-be-nl sgn-ch-de art-lojban cel-gaulish no-bok no-nyn zh-guoyu zh-hakka zh-min "
    "zh-min-nan zh-xiang"
)
_GRANDFATHERED = frozenset(_GRANDFATHERED_TEXT.split())
_LANGUAGE_TAG = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})"  # language and extended language
    r"(?:-[a-z]{4})?"  # script
    r"(?:-(?:[a-z]{2}|[0-9]{3}))?"  # region
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)"
    r"(?P<extensions>(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*)"
    r"(?:-x(?:-[a-z0-9]{1,8})+)?"
)
_PRIVATE_USE = re.compile(r"x(?:-[a-z0-9]{1,8})+")
_SINGLETON = re.compile(r"-([0-9a-wy-z])(?=-)")


def is_language_tag(text: str) -> bool:
    """Tell whether the text is a well-formed RFC 5646 tag: no singleton and no variant stands twice.

    2.2.9.
    """
    if len(text) > 200 or not text.isascii():
        return False
    tag = text.lower()
    if tag in _GRANDFATHERED or _PRIVATE_USE.fullmatch(tag):
        return True
    match = _LANGUAGE_TAG.fullmatch(tag)
    if match is None:
        return False
    singletons = _SINGLETON.findall(match["extensions"])
    variants = match["variants"].split("-")[1:]
    return len(set(singletons)) == len(singletons) and len(set(variants)) == len(variants)
