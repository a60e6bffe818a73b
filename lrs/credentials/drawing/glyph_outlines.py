"""Words as outlines: SVG paths and widths from the Source Sans and Source Serif fonts.

Pictures that carry outlines look the same everywhere, whatever fonts a viewer has. Words in a script that
these fonts lack are given as text for the viewer's own fonts.
"""

from __future__ import annotations

import functools
import html
import io
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.subset import Options, Subsetter, load_font
from fontTools.ttLib import TTFont

Face = Literal["sans", "sans-semibold", "sans-bold", "serif", "serif-semibold", "serif-italic"]
FILES: dict[Face, tuple[str, str]] = {
    "sans": ("font_source_sans_pro", "SourceSansPro-Regular.ttf"),
    "sans-semibold": ("font_source_sans_pro", "SourceSansPro-Semibold.ttf"),
    "sans-bold": ("font_source_sans_pro", "SourceSansPro-Bold.ttf"),
    "serif": ("font_source_serif_pro", "SourceSerifPro-Regular.ttf"),
    "serif-semibold": ("font_source_serif_pro", "SourceSerifPro-Semibold.ttf"),
    "serif-italic": ("font_source_serif_pro", "SourceSerifPro-It.ttf"),
}
ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Style:
    """A face in a size (units of the picture) with extra space between letters."""

    face: Face
    size: float
    spacing: float = 0.0


@functools.cache
def font_path(face: Face) -> str:
    """Return the file of a face, as reportlab wants it."""
    package, name = FILES[face]
    with as_file(files(package) / "files" / name) as path:
        return str(path)


@functools.cache
def open_font(face: Face) -> tuple[Any, dict[int, str], Any, float]:
    """Return glyph set, character map, advance widths and units per em of a face; read once per process."""
    font = TTFont(io.BytesIO(Path(font_path(face)).read_bytes()), lazy=True)
    return font.getGlyphSet(), font.getBestCmap(), font["hmtx"], float(font["head"].unitsPerEm)


def can_write(text: str, face: Face) -> bool:
    """Say whether a face has every letter of a text."""
    letters = open_font(face)[1]
    return all(ord(letter) in letters for letter in text)


def width(text: str, style: Style) -> float:
    """Return the width of one line; letters that the face lacks count as one em."""
    _, letters, widths, em = open_font(style.face)
    advances = (widths[letters[ord(one)]][0] if ord(one) in letters else em for one in text)
    return sum(advances) * style.size / em + style.spacing * max(len(text) - 1, 0)


def wrap(text: str, style: Style, limit: float, lines: int) -> list[str]:
    """Break a text into at most `lines` lines no wider than `limit`; the rest becomes an ellipsis."""
    done: list[str] = []
    words = text.split()
    while words and len(done) < lines:
        line = words.pop(0)
        while words and width(f"{line} {words[0]}", style) <= limit:
            line += f" {words.pop(0)}"
        done.append(line)
    if words:
        done[-1] += ELLIPSIS
    return [shorten(line, style, limit) for line in done]


def balanced(text: str, style: Style, limit: float, lines: int) -> list[str]:
    """Break a text like `wrap`, into lines of nearly equal width."""
    best = wrap(text, style, limit, lines)
    narrow = limit
    while narrow > limit * 0.3:
        narrow *= 0.94
        tried = wrap(text, style, narrow, lines)
        if len(tried) > len(best) or any(line.endswith(ELLIPSIS) for line in tried):
            break
        best = tried
    return best


def shorten(line: str, style: Style, limit: float) -> str:
    """Cut a line that is too wide and end it in an ellipsis."""
    if width(line, style) <= limit:
        return line
    cut = line.rstrip(ELLIPSIS)
    while cut and width(cut + ELLIPSIS, style) > limit:
        cut = cut[:-1]
    return cut.rstrip() + ELLIPSIS


def write(text: str, style: Style, x: float, y: float, *, fill: str, anchor: str = "middle") -> str:
    """Return SVG that shows a line with its baseline at y; `anchor` is start, middle or end."""
    if not can_write(text, style.face):
        family = (
            "Source Serif Pro, Georgia, serif" if "serif" in style.face else "Source Sans Pro, sans-serif"
        )
        return (
            f'<text x="{x:.1f}" y="{y:.1f}" font-family="{family}" font-size="{style.size:.1f}" '
            f'text-anchor="{anchor}" fill="{fill}">{html.escape(text)}</text>'
        )
    left = x - width(text, style) * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
    return f'<path fill="{fill}" d="{outline(text, style, left, y)}"/>'


def outline(text: str, style: Style, left: float, y: float) -> str:
    """Return the path data of a line that the face can write."""
    glyphs, letters, widths, em = open_font(style.face)
    scale = style.size / em
    pen = SVGPathPen(glyphs, ntos=lambda number: f"{number:.1f}".removesuffix(".0"))
    for letter in text:
        name = letters[ord(letter)]
        glyphs[name].draw(TransformPen(pen, (scale, 0, 0, -scale, left, y)))
        left += widths[name][0] * scale + style.spacing
    return str(pen.getCommands())


@functools.cache
def web_font(face: Face) -> bytes:
    """Return a face as WOFF with the letters of European scripts; made once per process."""
    options = Options(flavor="woff", layout_features=["kern", "liga", "lnum", "tnum", "mark"], hinting=False)
    options.drop_tables += ["DSIG"]
    font = load_font(io.BytesIO(Path(font_path(face)).read_bytes()), options)
    cutter = Subsetter(options)
    cutter.populate(
        unicodes=[*range(0x20, 0x250), *range(0x370, 0x530), *range(0x2010, 0x2040), 0x20AC, 0x2122]
    )
    cutter.subset(font)
    stream = io.BytesIO()
    font.flavor = "woff"
    font.save(stream)
    return stream.getvalue()
