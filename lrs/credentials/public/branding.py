"""How a partner looks on public pages: a colour and a logo, kept within contrast rules.

brands {_id: organization id, org: the same, colour, logo, logo_type, updated_at}
"""

from __future__ import annotations

import datetime as dt
import io
import re
from dataclasses import dataclass
from typing import Any, Final

from pymongo import IndexModel
from pymongo.database import Database

from lrs.foundation.errors import InvalidField, UnknownThing

Document = dict[str, Any]

INDEXES: dict[str, list[IndexModel]] = {"brands": []}
COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
LIGHT, DARK = "#ffffff", "#16211d"
LEAST_CONTRAST: Final = 4.5  # WCAG 2.2, 1.4.3 level AA
MAX_LOGO: Final = 500_000
LOGO_SIZE: Final = (640, 320)
MAX_PIXELS: Final = 8_000_000  # a small file can unpack to gigabytes


@dataclass(frozen=True, slots=True)
class Brand:
    """A partner's ground colour, the ink that can be read on it, and whether there is a logo."""

    colour: str
    ink: str
    has_logo: bool


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def ink_on(colour: str) -> str:
    """Return white or near-black, whichever reads better on a colour."""
    return max((LIGHT, DARK), key=lambda ink: contrast(colour, ink))


def get_brand(db: Database[Document], org: str) -> Brand | None:
    """Return the brand of an organization."""
    return brands_of(db, [org]).get(org)


def brands_of(db: Database[Document], orgs: list[str]) -> dict[str, Brand]:
    """Return the brands of these organizations."""
    found = db["brands"].find({"_id": {"$in": orgs}}, {"colour": 1, "logo_type": 1})
    return {
        one["_id"]: Brand(one["colour"], ink_on(one["colour"]), one.get("logo_type") is not None)
        for one in found
    }


def get_logo(db: Database[Document], org: str) -> bytes:
    """Return the logo as PNG; raise UnknownThing."""
    found = db["brands"].find_one({"_id": org}, {"logo": 1})
    if found is None or not found.get("logo"):
        raise UnknownThing("logo", org)
    return bytes(found["logo"])


def set_brand(
    db: Database[Document], org: str, *, colour: str, logo: bytes | None, now: dt.datetime
) -> Brand:
    """Keep colour and logo; raise InvalidField for a colour that no ink can be read on, or no picture."""
    shade = colour.strip().lower()
    if not COLOUR.fullmatch(shade):
        raise InvalidField("colour", "must be like #14584c")
    ink = ink_on(shade)
    if contrast(shade, ink) < LEAST_CONTRAST:
        raise InvalidField("colour", f"no text can be read on {shade}; choose a darker or lighter one")
    change: Document = {"org": org, "colour": shade, "updated_at": now}
    if logo is not None:
        change |= {"logo": clean_logo(logo), "logo_type": "image/png"}
    db["brands"].update_one({"_id": org}, {"$set": change}, upsert=True)
    return Brand(shade, ink, logo is not None or "logo" in (db["brands"].find_one({"_id": org}) or {}))


def clean_logo(data: bytes) -> bytes:
    """Return a picture drawn anew as PNG of at most 640 by 320, without anything else that the file held."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 -- for who supplies pictures

    if len(data) > MAX_LOGO:
        raise InvalidField("logo", f"must not be larger than {MAX_LOGO} bytes")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"]) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise InvalidField("logo", f"must not have more than {MAX_PIXELS} pixels")
            picture.thumbnail(LOGO_SIZE)
            stream = io.BytesIO()
            picture.convert("RGBA").save(stream, "PNG", optimize=True)
    except (
        UnidentifiedImageError, OSError, Image.DecompressionBombError, Image.DecompressionBombWarning,
    ) as error:  # fmt: skip
        raise InvalidField("logo", "must be a PNG, JPEG or WebP picture") from error
    return stream.getvalue()
