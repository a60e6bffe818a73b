"""Words as outlines: SVG paths and widths from the Source Sans and Source Serif fonts.

Pictures that carry outlines look the same everywhere, whatever fonts a viewer has. Lines that these fonts
cannot write are drawn with one for Japanese or Arabic; words in a script that none has are given as text for
the viewer's own fonts.
"""

from __future__ import annotations

import functools
import html
import io
import re
import unicodedata
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final, Literal

import arabic_reshaper
from bidi import get_display

Face = Literal[
    "sans", "sans-semibold", "sans-bold", "serif", "serif-semibold", "serif-italic", "japanese",
    "japanese-serif", "arabic",
]  # fmt: skip
FILES: dict[Face, tuple[str, str]] = {
    "sans": ("font_source_sans_pro", "SourceSansPro-Regular.ttf"),
    "sans-semibold": ("font_source_sans_pro", "SourceSansPro-Semibold.ttf"),
    "sans-bold": ("font_source_sans_pro", "SourceSansPro-Bold.ttf"),
    "serif": ("font_source_serif_pro", "SourceSerifPro-Regular.ttf"),
    "serif-semibold": ("font_source_serif_pro", "SourceSerifPro-Semibold.ttf"),
    "serif-italic": ("font_source_serif_pro", "SourceSerifPro-It.ttf"),
    "japanese": ("pylopdf_fonts_jp", "NotoSansJP-Regular.otf"),
    "japanese-serif": ("pylopdf_fonts_jp", "NotoSerifJP-Regular.otf"),
    "arabic": ("fontpkg_amiri", "Amiri-Regular.ttf"),
}
OURS: Final = tuple(face for face in FILES if face.startswith("s"))
SAMPLES: Final = {"ja": "日本語のフォント、", "ar": "العربية"}
"""Letters of the languages that our faces do not write."""
ELLIPSIS = "…"
_WIDE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_CLOSING = "、。」』）】，．！？ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ"  # noqa: RUF001 -- Japanese
PIECES: Final = re.compile(f" ?(?:[ァ-ヿ]+|[{_WIDE}])[{_CLOSING}]*| ?[^ {_WIDE}]+")
"""What is not broken: words, also in katakana, each Han letter or kana; with what may not begin a line."""


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
    folder = files(package)
    with as_file((folder / "files" if (folder / "files").is_dir() else folder) / name) as path:
        return str(path)


@functools.cache
def open_font(face: Face) -> tuple[Any, dict[int, str], Any, float]:
    """Return glyph set, character map, advance widths and units per em of a face; read once per process."""
    from fontTools.ttLib import TTFont  # noqa: PLC0415 -- 10 MB, for who draws

    font = TTFont(io.BytesIO(Path(font_path(face)).read_bytes()), lazy=True)
    return font.getGlyphSet(), font.getBestCmap(), font["hmtx"], float(font["head"].unitsPerEm)


def can_write(text: str, face: Face) -> bool:
    """Say whether a face is installed and has every letter of a text."""
    try:
        letters = open_font(face)[1]
    except (ModuleNotFoundError, OSError):
        return False
    return all(ord(letter) in letters for letter in text)


def face_for(text: str, face: Face) -> Face | None:
    """Return the face that writes a line: the wanted one, else one for its script; None where none does."""
    further: tuple[Face, ...] = (face, "japanese-serif" if "serif" in face else "japanese", "arabic")
    return next((one for one in further if can_write(text, one)), None)


def has_letters(language: str) -> bool:
    """Say whether certificates can be written in a language here."""
    sample = SAMPLES.get(language)
    return sample is None or face_for(visual(sample), "sans") is not None


@functools.lru_cache(maxsize=1024)
def visual(line: str) -> str:
    """Return a line as its letters stand from left to right, Arabic ones joined; any other as it is."""
    if not any(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in line):
        return line
    return str(get_display(arabic_reshaper.reshape(line), base_dir="R"))


def width(text: str, style: Style) -> float:
    """Return the width of one line; letters that no face has count as one em."""
    text = visual(text)
    _, letters, widths, em = open_font(face_for(text, style.face) or style.face)
    advances = (widths[letters[ord(one)]][0] if ord(one) in letters else em for one in text)
    return sum(advances) * style.size / em + style.spacing * max(len(text) - 1, 0)


def wrap(text: str, style: Style, limit: float, lines: int) -> list[str]:
    """Break a text into at most `lines` lines no wider than `limit`; the rest becomes an ellipsis."""
    done: list[str] = []
    words = PIECES.findall(" ".join(text.split()))
    while words and len(done) < lines:
        line = words.pop(0).lstrip()
        while words and width(line + words[0], style) <= limit:
            line += words.pop(0)
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
    text, face = visual(text), face_for(visual(text), style.face)
    if face is None:
        family = (
            "Source Serif Pro, Georgia, serif" if "serif" in style.face else "Source Sans Pro, sans-serif"
        )
        return (
            f'<text x="{x:.1f}" y="{y:.1f}" font-family="{family}" font-size="{style.size:.1f}" '
            f'text-anchor="{anchor}" fill="{fill}">{html.escape(text)}</text>'
        )
    style = Style(face, style.size, style.spacing)
    left = x - width(text, style) * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
    return f'<path fill="{fill}" d="{outline(text, style, left, y)}"/>'


def outline(text: str, style: Style, left: float, y: float) -> str:
    """Return the path data of a line that the face can write."""
    from fontTools.pens.svgPathPen import SVGPathPen  # noqa: PLC0415 -- as above

    pen = SVGPathPen(open_font(style.face)[0], ntos=lambda number: f"{number:.1f}".removesuffix(".0"))
    draw_line(pen, text, style, left, y, upwards=-1)
    return str(pen.getCommands())


def draw_line(pen: Any, text: str, style: Style, left: float, y: float, *, upwards: int = 1) -> None:
    """Draw a line that the face can write with a pen; `upwards` is -1 where y grows downwards."""
    from fontTools.pens.transformPen import TransformPen  # noqa: PLC0415 -- as above

    glyphs, letters, widths, em = open_font(style.face)
    scale = style.size / em
    for letter in text:
        name = letters[ord(letter)]
        glyphs[name].draw(TransformPen(pen, (scale, 0, 0, upwards * scale, left, y)))
        left += widths[name][0] * scale + style.spacing


@functools.cache
def web_font(face: Face) -> bytes:
    """Return a face as WOFF with the letters of European scripts; made once per process."""
    from fontTools.subset import Options, Subsetter, load_font  # noqa: PLC0415 -- as above

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
