"""The files of a credential: baked PNG and SVG, link-preview card; drawn art or a supplied picture."""

from __future__ import annotations

import functools
import io
from pathlib import Path

from lrs.credentials.drawing.badge_art import (
    Badge,
    badge_png,
    draw_badge,
    draw_card,
    is_plain_svg,
    render_png,
)
from lrs.credentials.public.view import CredentialView
from lrs.foundation.settings import Settings
from rules.credentials.baking import NotBaked, bake_png, bake_svg

PIXELS = 600
MAX_PICTURE = 5_000_000


def baked_png(view: CredentialView, settings: Settings, text: str) -> bytes:
    """Return the badge as PNG with the credential in it, of which `text` is one form."""
    return bake_png(plain_png(view, settings), text)


def baked_svg(view: CredentialView, settings: Settings, text: str) -> bytes:
    """Return the badge as SVG with the credential in it: a supplied SVG, else drawn art."""
    supplied = supplied_svg(view, settings)
    try:
        return bake_svg((supplied or draw_badge(view.badge)).encode(), text)
    except NotBaked:
        return bake_svg(draw_badge(view.badge).encode(), text)


def plain_png(view: CredentialView, settings: Settings, size: int = PIXELS) -> bytes:
    """Return the badge as PNG: supplied, else drawn."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 -- for who supplies pictures

    path = picture_path(view, settings)
    if path is None:
        return badge_png(view.badge, size)
    if path.suffix.lower() == ".svg":
        supplied = supplied_svg(view, settings)
        return render_png(supplied, size) if supplied else badge_png(view.badge, size)
    try:
        with Image.open(path, formats=["PNG", "JPEG", "WEBP"]) as picture:
            picture.thumbnail((size, size))
            stream = io.BytesIO()
            picture.convert("RGBA").save(stream, "PNG")
            return stream.getvalue()
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return badge_png(view.badge, size)


def card_png(view: CredentialView) -> bytes:
    """Return the picture that link previews show, 1200 by 630 pixels."""
    return render_card(view.badge, view.holder, view.validity)


@functools.lru_cache(maxsize=64)
def render_card(badge: Badge, holder: str | None, line: str) -> bytes:
    """Return a card; drawing one takes a tenth of a second, and link previews ask for it many times."""
    return render_png(draw_card(badge, holder, line), 1200)


def supplied_svg(view: CredentialView, settings: Settings) -> str | None:
    """Return the supplied SVG if there is one without anything active in it."""
    path = picture_path(view, settings)
    if path is None or path.suffix.lower() != ".svg":
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    return text if is_plain_svg(text) else None


def picture_path(view: CredentialView, settings: Settings) -> Path | None:
    """Return the file that `badge.image` names below `badges/` of the data folder, if it is there."""
    if not view.image:
        return None
    folder = (settings.data_folder / "badges").resolve()
    path = (folder / view.image).resolve()
    usable = path.is_relative_to(folder) and path.is_file() and path.stat().st_size <= MAX_PICTURE
    return path if usable else None
