"""Badge art: a medal with a laurel wreath drawn from title, level and issuer; the card of link previews.

The same words always give the same picture. SVG is the master, PNG is rendered from it.
"""

from __future__ import annotations

import functools
import hashlib
import html
import math
import re
from dataclasses import dataclass

from lrs.credentials.drawing.glyph_outlines import ELLIPSIS, Style, balanced, shorten, write

SIZE = 600  # units of a badge, a square
MIDDLE = SIZE / 2
WREATH = 224.0
GOLD = ("#fdf3cf", "#e9c46a", "#b98a2f")


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one badge: from the light at the top to the depth at the rim, and a pale tint for pages."""

    light: str
    middle: str
    deep: str


PALETTES = (
    Palette("#2f7d6b", "#14584c", "#0a332d"),  # laurel
    Palette("#3c6fb4", "#1f4480", "#10264d"),  # harbour
    Palette("#7a57a8", "#4c2f7c", "#2a1848"),  # iris
    Palette("#b4524f", "#822c37", "#4a141f"),  # garnet
    Palette("#3f8596", "#1d5868", "#0c323d"),  # lagoon
    Palette("#59606f", "#353b48", "#1b1f29"),  # slate
    Palette("#a8663a", "#743e1f", "#42210f"),  # copper
    Palette("#5c8344", "#375a2a", "#1d3417"),  # olive
)
RANKS = {"associate": 1, "foundation": 1, "professional": 2, "specialist": 2, "advanced": 3, "expert": 3,
         "architect": 4, "master": 4}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Badge:
    """The words of a badge; `seed` (the certification's id) chooses the colours."""

    title: str
    issuer: str
    seed: str
    level: str | None = None

    @property
    def palette(self) -> Palette:
        """Return the colours of this badge."""
        return PALETTES[hashlib.sha256(self.seed.encode()).digest()[0] % len(PALETTES)]

    @property
    def rank(self) -> int:
        """Return how many stars the level has, 0 for a level that is not known."""
        return RANKS.get((self.level or "").lower(), 0)


@functools.lru_cache(maxsize=256)
def draw_badge(badge: Badge) -> str:
    """Return the badge as SVG of 600 by 600 units; its words are outlines, a title element names it."""
    name = html.escape(f"{badge.title}, {badge.issuer}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" height="{SIZE}" '
        f'role="img" aria-label="{name}"><title>{name}</title>'
        f"{definitions(badge.palette)}{medal(badge)}</svg>"
    )


def definitions(palette: Palette) -> str:
    """Return the gradients."""
    return (
        '<defs><radialGradient id="body" cx=".5" cy=".28" r=".8">'
        f'<stop offset="0" stop-color="{palette.light}"/><stop offset=".55" stop-color="{palette.middle}"/>'
        f'<stop offset="1" stop-color="{palette.deep}"/></radialGradient>'
        '<linearGradient id="gold" x1="0" y1="0" x2="0" y2="1">'
        f'<stop offset="0" stop-color="{GOLD[0]}"/><stop offset=".45" stop-color="{GOLD[1]}"/>'
        f'<stop offset="1" stop-color="{GOLD[2]}"/></linearGradient>'
        '<linearGradient id="rim" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#f3dc9a"/>'
        '<stop offset=".35" stop-color="#d9b257"/><stop offset=".6" stop-color="#f1d993"/>'
        '<stop offset="1" stop-color="#b48733"/></linearGradient>'
        '<linearGradient id="sheen" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#fff" '
        'stop-opacity=".2"/><stop offset=".5" stop-color="#fff" stop-opacity="0"/></linearGradient></defs>'
    )


def medal(badge: Badge) -> str:
    """Return rim, body, wreath and words of a badge in a square of 600 units."""
    circle = f'cx="{MIDDLE}" cy="{MIDDLE}"'
    return (
        f'<path d="{rosette(297, 291, 72)}" fill="url(#rim)"/>'
        f'<circle {circle} r="284" fill="{badge.palette.deep}"/>'
        f'<circle {circle} r="279" fill="url(#body)"/>'
        f'<circle {circle} r="271" fill="none" stroke="url(#gold)" stroke-width="1.6"/>'
        f'<circle {circle} r="279" fill="url(#sheen)"/>'
        f"{wreath()}{words(badge)}"
    )


def rosette(outer: float, inner: float, waves: int) -> str:
    """Return a closed path of soft waves around the middle."""
    points = []
    for step in range(waves * 8):
        angle = 2 * math.pi * step / (waves * 8)
        radius = (outer + inner) / 2 + (outer - inner) / 2 * math.cos(angle * waves)
        points.append(place(radius, angle))
    return "M" + "L".join(points) + "Z"


def place(radius: float, angle: float) -> str:
    """Return the point at an angle from the top, clockwise, around the middle."""
    x, y = MIDDLE + radius * math.sin(angle), MIDDLE - radius * math.cos(angle)
    return f"{x:.1f} {y:.1f}"


def wreath() -> str:
    """Return two branches of laurel that rise from the foot of the medal and leave its top open."""
    leaves = "".join(branch(side) for side in (-1, 1))
    return f'<g fill="url(#gold)">{leaves}{berries()}</g>'


def branch(side: int) -> str:
    """Return one branch: a stem on the wreath's circle, leaves in pairs that grow smaller to the tip."""
    start, end, pairs = math.radians(172), math.radians(38), 13
    stem = f"M{place(WREATH, side * start)}A{WREATH} {WREATH} 0 0 {int(side < 0)} {place(WREATH, side * end)}"
    parts = [f'<path d="{stem}" fill="none" stroke="url(#gold)" stroke-width="2.4" stroke-linecap="round"/>']
    for pair in range(pairs):
        share = pair / (pairs - 1)
        angle = start + (end - start) * share
        length = 44 - 15 * share
        parts += [leaf(side * angle, length, side * turn) for turn in (36, -36)]
    parts.append(leaf(side * (end + 0.01), 30, 0))
    return "".join(parts)


def leaf(angle: float, length: float, turn: float) -> str:
    """Return one leaf that starts on the stem, points along it and leans by `turn` degrees."""
    x, y = MIDDLE + WREATH * math.sin(angle), MIDDLE - WREATH * math.cos(angle)
    along = math.degrees(angle) + (180 if angle > 0 else 0)
    belly = length * 0.21
    shape = (
        f"M0 0C{length * 0.3:.1f} {-belly:.1f} {length * 0.7:.1f} {-belly:.1f} {length:.1f} 0"
        f"C{length * 0.7:.1f} {belly:.1f} {length * 0.3:.1f} {belly:.1f} 0 0Z"
    )
    return f'<path d="{shape}" transform="translate({x:.1f} {y:.1f}) rotate({along + turn:.1f})"/>'


def berries() -> str:
    """Return the knot at the foot."""
    foot = MIDDLE + WREATH
    return "".join(
        f'<circle cx="{MIDDLE + dx}" cy="{foot + dy:.1f}" r="{r}"/>'
        for dx, dy, r in ((0, 1, 7), (-15, -1.5, 4.6), (15, -1.5, 4.6))
    )


def words(badge: Badge) -> str:
    """Return level, title, stars and issuer, centred as one block."""
    title, lines = fit_title(badge.title)
    leading = title.size * 1.12
    top = MIDDLE + title.size * 0.32 - leading * (len(lines) - 1) / 2
    parts = [write(line, title, MIDDLE, top + leading * n, fill="#fffdf6") for n, line in enumerate(lines)]
    if badge.level:
        small = Style("sans-semibold", 19, 4.5)
        parts.append(write(shorten(badge.level.upper(), small, 230), small, MIDDLE, 176, fill=GOLD[1]))
    parts.append(stars(badge.rank, 200 if badge.level else 178))
    parts.append('<rect x="255" y="407" width="90" height="1.6" fill="url(#gold)" opacity=".8"/>')
    issuer = Style("sans", 20, 0.6)
    for n, line in enumerate(balanced(badge.issuer, issuer, 230, 2)):
        parts.append(write(line, issuer, MIDDLE, 438 + 24 * n, fill="#f4ead0"))
    return "".join(parts)


def fit_title(title: str) -> tuple[Style, list[str]]:
    """Return the largest style, and the lines, in which a title stands without being cut."""
    style, lines = Style("serif-semibold", 28), [title]
    for size in range(58, 25, -3):
        style = Style("serif-semibold", size)
        lines = balanced(title, style, 340, 2 if size > 49 else 3 if size > 37 else 4)
        if not any(line.endswith(ELLIPSIS) for line in lines):
            break
    return style, lines


def stars(count: int, y: float) -> str:
    """Return a row of small stars."""
    left = MIDDLE - (count - 1) * 13
    return "".join(f'<path d="{star(left + 26 * n, y, 8.5)}" fill="url(#gold)"/>' for n in range(count))


def star(x: float, y: float, size: float) -> str:
    """Return a five-pointed star around a point."""
    points = []
    for step in range(10):
        radius = size if step % 2 == 0 else size * 0.42
        angle = math.pi * step / 5
        points.append(f"{x + radius * math.sin(angle):.1f} {y - radius * math.cos(angle):.1f}")
    return "M" + "L".join(points) + "Z"


def draw_card(badge: Badge, holder: str | None, line: str) -> str:
    """Return the link-preview card of 1200 by 630 units: badge, title, holder if shown, one more line."""
    title = Style("serif-semibold", 62)
    lines = balanced(badge.title, title, 560, 3)
    top = 300 - 36 * (len(lines) - 1) - (26 if holder else 0)
    ink, soft = "#16211d", "#55635d"
    parts = [
        write(shorten(badge.issuer, Style("sans-semibold", 26, 1), 560), Style("sans-semibold", 26, 1), 560,
              top - 84, fill=badge.palette.middle, anchor="start"),
        *(write(text, title, 560, top + 72 * n, fill=ink, anchor="start") for n, text in enumerate(lines)),
    ]  # fmt: skip
    below = top + 72 * (len(lines) - 1) + 72
    if holder:
        name = Style("sans-semibold", 38)
        parts.append(write(shorten(holder, name, 560), name, 560, below, fill=ink, anchor="start"))
        below += 52
    small = Style("sans", 28)
    parts.append(write(shorten(line, small, 560), small, 560, below, fill=soft, anchor="start"))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 630" width="1200" height="630">'
        f"{definitions(badge.palette)}"
        '<rect width="1200" height="630" fill="#fbfaf6"/>'
        f'<rect width="14" height="630" fill="{badge.palette.middle}"/>'
        f'<g transform="translate(76 105) scale(.7)">{medal(badge)}</g>{"".join(parts)}</svg>'
    )


def render_png(svg: str, size: int) -> bytes:
    """Return a picture of that width in pixels."""
    import resvg_py  # noqa: PLC0415 -- for who draws

    return bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size))


@functools.lru_cache(maxsize=64)
def badge_png(badge: Badge, size: int = SIZE) -> bytes:
    """Return the badge as PNG."""
    return render_png(draw_badge(badge), size)


def is_plain_svg(text: str) -> bool:
    """Say whether a supplied SVG has nothing active: no script, handler, foreign object or outside link."""
    return not re.search(
        r"<\s*(script|foreignObject|iframe|embed|object|animate|set)\b|\son\w+\s*=|javascript:|<!ENTITY|"
        r"(href|src)\s*=\s*[\"'](?!#|data:image/(png|jpeg|webp);)", text, re.IGNORECASE,
    )  # fmt: skip
