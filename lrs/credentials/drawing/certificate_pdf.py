"""The printable certificate: A4 landscape, drawn with reportlab, with a QR code of the live page.

The credential itself is attached in both forms, so a file alone can be checked (PDF 2.0 associated files).
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping

import segno
from PIL import Image
from reportlab import rl_config
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfdoc, pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from lrs.credentials.drawing.badge_art import badge_png
from lrs.credentials.drawing.glyph_outlines import Face, Style, balanced, can_write, font_path, shorten, width
from lrs.credentials.public.view import CredentialView
from rules.wording.phrases import spoken_date

WIDTH, HEIGHT = landscape(A4)
MARGIN = 34.0
INK, SOFT, PALE = HexColor("#16211d"), HexColor("#55635d"), HexColor("#fdfcf8")
GOLD = HexColor("#b98a2f")
PIXELS = 900  # of the badge, about 290 dots per inch
LEFT = 330.0  # where the words begin


@functools.cache
def font(face: Face) -> str:
    """Register a face with reportlab once and return its name there."""
    pdfmetrics.registerFont(TTFont(f"laurel-{face}", font_path(face)))
    return f"laurel-{face}"


def draw_certificate(
    view: CredentialView, attached: Mapping[str, str], picture: bytes | None = None
) -> bytes:
    """Return the certificate as PDF with these files in it; `picture` replaces the drawn badge."""
    stream = io.BytesIO()
    rl_config.useA85 = 0  # text encoding of pictures is for printers of old, and takes most of the time
    canvas = Canvas(stream, pagesize=(WIDTH, HEIGHT), invariant=1)
    canvas.setTitle(f"{view.title}, {view.holder or 'credential'}")
    canvas.setAuthor(view.issuer)
    canvas.setSubject(f"Credential {view.id}")
    colour = HexColor(view.badge.palette.middle)
    draw_frame(canvas, colour)
    draw_badge_picture(canvas, picture or badge_png(view.badge, PIXELS))
    draw_words(canvas, view, colour)
    draw_foot(canvas, view)
    if view.words.tone != "good":
        draw_notice(canvas, view)
    canvas.showPage()
    attach(canvas, attached)
    canvas.save()
    return stream.getvalue()


MEDIA = {"jwt": "/application#2Fvc+jwt", "json": "/application#2Fvc"}


def attach(canvas: Canvas, files: Mapping[str, str]) -> None:
    """Attach texts under their names, as they are: no filter, so that any program finds them."""
    document = canvas._doc  # noqa: SLF001 -- reportlab draws pages only
    names = []
    for name, text in files.items():
        kind = {"Type": "/EmbeddedFile", "Subtype": MEDIA[name.rpartition(".")[2]]}
        stream = pdfdoc.PDFStream(pdfdoc.PDFDictionary(kind), text.encode(), filters=[])
        embedded = pdfdoc.PDFDictionary({"F": document.Reference(stream)})
        label = pdfdoc.PDFString(name)
        entry = {"Type": "/Filespec", "F": label, "UF": label, "EF": embedded, "AFRelationship": "/Data"}
        names += [label, document.Reference(pdfdoc.PDFDictionary(entry))]
    listed = pdfdoc.PDFDictionary({"Names": pdfdoc.PDFArray(names)})
    document.Catalog.Names = pdfdoc.PDFDictionary({"EmbeddedFiles": listed})


def draw_frame(canvas: Canvas, colour: Color) -> None:
    """Draw paper, a broad band at the left and a fine double frame."""
    canvas.setFillColor(PALE)
    canvas.rect(0, 0, WIDTH, HEIGHT, stroke=0, fill=1)
    canvas.setStrokeColor(colour)
    canvas.setLineWidth(2.2)
    canvas.rect(MARGIN - 12, MARGIN - 12, WIDTH - 2 * MARGIN + 24, HEIGHT - 2 * MARGIN + 24)
    canvas.setStrokeColor(GOLD)
    canvas.setLineWidth(0.7)
    canvas.rect(MARGIN - 6, MARGIN - 6, WIDTH - 2 * MARGIN + 12, HEIGHT - 2 * MARGIN + 12)


def draw_badge_picture(canvas: Canvas, picture: bytes) -> None:
    """Draw the badge in the left third."""
    with Image.open(io.BytesIO(picture)) as opened:
        reader = ImageReader(opened.convert("RGBA"))
    canvas.drawImage(reader, 68, 222, 226, 226, mask="auto", preserveAspectRatio=True)


def draw_words(canvas: Canvas, view: CredentialView, colour: Color) -> None:
    """Write issuer, title, holder and dates, top down."""
    room = WIDTH - LEFT - 76
    y = HEIGHT - 122.0
    write(canvas, view.issuer.upper(), Style("sans-semibold", 12.5, 1.6), y, colour, room=room)
    title, lines = fit(view.title, room)
    y -= title.size * 1.2
    for line in lines:
        write(canvas, line, title, y, INK, room=room)
        y -= title.size * 1.14
    y -= 4
    canvas.setStrokeColor(GOLD)
    canvas.setLineWidth(1)
    canvas.line(LEFT, y + 8, LEFT + 70, y + 8)
    if view.holder:
        y -= 22
        write(canvas, "awarded to", Style("serif-italic", 15), y, SOFT, room=room)
        y -= 36
        write(canvas, view.holder, Style("serif", 31), y, INK, room=room)
    y -= 32
    for line in (
        balanced(view.description, Style("sans", 13), room, 3) if view.description != view.title else []
    ):
        write(canvas, line, Style("sans", 13), y, SOFT, room=room)
        y -= 18
    draw_dates(canvas, view, min(y - 22, 212.0))


def fit(title: str, room: float) -> tuple[Style, list[str]]:
    """Return the largest style in which the title stands in two lines."""
    style = Style("serif-semibold", 40)
    lines = [title]
    for size in (40, 36, 32, 28, 24):
        style = Style("serif-semibold", size)
        lines = balanced(title, style, room, 2)
        if not any(line.endswith("…") for line in lines):
            break
    return style, lines


def draw_dates(canvas: Canvas, view: CredentialView, y: float) -> None:
    """Write the dates side by side."""
    cells = [("Awarded", spoken_date(view.awarded))]
    if view.periods > 1:
        cells.append(("Renewed", spoken_date(view.valid_from)))
    cells.append(("Valid until", spoken_date(view.valid_until) if view.valid_until else "without end"))
    for number, (label, value) in enumerate(cells):
        x = LEFT + 142 * number
        write(canvas, label, Style("sans", 11), y, SOFT, room=140, x=x)
        write(canvas, value, Style("sans-semibold", 14), y - 19, INK, room=140, x=x)


def draw_foot(canvas: Canvas, view: CredentialView) -> None:
    """Draw the QR code and say where the credential is checked."""
    code = segno.make(view.url, error="m", micro=False)
    size = 78.0
    draw_code(canvas, code, LEFT, 62, size)
    x, y = LEFT + size + 16, 122.0
    room = WIDTH - x - 66
    write(canvas, "Check this certificate", Style("sans-semibold", 12), y, INK, room=room, x=x)
    address = next((one for one in (10.5, 9.5, 8.5, 7.5) if width(view.url, Style("sans", one)) <= room), 6.5)
    write(canvas, view.url, Style("sans", address), y - 17, INK, room=room, x=x)
    write(canvas, f"Issued by {view.issuer} as {view.did}", Style("sans", 9.5), y - 33, SOFT, room=room, x=x)
    write(canvas, "A print shows the day it was made; the page shows what holds now.",
          Style("sans", 9.5), y - 47, SOFT, room=room, x=x)  # fmt: skip
    canvas.linkURL(view.url, (LEFT, 62, WIDTH - 66, 140))


def draw_code(canvas: Canvas, code: segno.QRCode, x: float, y: float, size: float) -> None:
    """Draw a QR code as rectangles."""
    rows = [list(row) for row in code.matrix]
    cell = size / len(rows)
    path = canvas.beginPath()
    for down, row in enumerate(rows):
        for right, dark in enumerate(row):
            if dark:
                path.rect(x + right * cell, y + size - (down + 1) * cell, cell, cell)
    canvas.setFillColor(INK)
    canvas.drawPath(path, stroke=0, fill=1)


def draw_notice(canvas: Canvas, view: CredentialView) -> None:
    """Write across the foot of the badge that the credential is not in force as the print may suggest."""
    colour = HexColor("#8f1d2c") if view.words.tone == "bad" else HexColor("#8a5a00")
    canvas.setFillColor(colour)
    canvas.roundRect(76, 176, 210, 30, 6, stroke=0, fill=1)
    canvas.setFillColor(PALE)
    style = Style("sans-semibold", 13)
    canvas.setFont(font(style.face), style.size)
    canvas.drawCentredString(181, 186, shorten(view.validity, style, 200))


def write(
    canvas: Canvas, text: str, style: Style, y: float, colour: Color, *, room: float, x: float = LEFT
) -> None:
    """Write one line from x, cut to its room."""
    name, line = font_for(shorten(text, style, room), style.face)
    canvas.setFillColor(colour)
    written = canvas.beginText(x, y)
    written.setFont(name, style.size)
    written.setCharSpace(style.spacing)
    written.textOut(line)
    canvas.drawText(written)


def font_for(text: str, face: Face) -> tuple[str, str]:
    """Return a font and the text it can write: East Asian letters come from the reader's own fonts.

    Letters that neither has become question marks.
    """
    if can_write(text, face):
        return font(face), text
    for letters, name in EAST_ASIAN:
        if any(letters[0] <= letter <= letters[1] for letter in text):
            return reader_font(name), text
    return font(face), "".join(one if can_write(one, face) else "?" for one in text)


# Hangul, kana and Han letters, each with a font that PDF readers bring along.
EAST_ASIAN = (
    (("\uac00", "\ud7a3"), "HYSMyeongJo-Medium"),
    (("\u3040", "\u30ff"), "HeiseiMin-W3"),
    (("\u3400", "\u9fff"), "STSong-Light"),
)


@functools.cache
def reader_font(name: str) -> str:
    """Register a font that the reader's program has."""
    pdfmetrics.registerFont(UnicodeCIDFont(name))
    return name
