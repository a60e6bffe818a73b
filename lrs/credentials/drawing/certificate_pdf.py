"""The printable certificate: A4 landscape, drawn with reportlab, with a QR code of the live page.

It is written in the reader's language; from right to left everything stands the other way round. The
credential itself is attached in both forms, so a file alone can be checked (PDF 2.0 associated files).
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping

import segno
from fontTools.pens.reportLabPen import ReportLabPen
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
from lrs.credentials.drawing.glyph_outlines import (
    OURS,
    Face,
    Style,
    balanced,
    draw_line,
    face_for,
    font_path,
    open_font,
    shorten,
    visual,
    width,
)
from lrs.credentials.public.view import CredentialView
from lrs.words.reader import direction, language, spoken_date, t

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
    canvas = Canvas(stream, pagesize=(WIDTH, HEIGHT), invariant=1, lang=language())
    canvas.setTitle(f"{view.title}, {view.holder or t('Credential')}")
    canvas.setAuthor(view.issuer)
    canvas.setSubject(f"{t('Credential')} {view.id}")
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


def placed(x: float, wide: float = 0.0) -> float:
    """Return where something that wide begins: x from the side that is read first."""
    return WIDTH - x - wide if direction() == "rtl" else x


def draw_badge_picture(canvas: Canvas, picture: bytes) -> None:
    """Draw the badge in the third that is read first."""
    with Image.open(io.BytesIO(picture)) as opened:
        reader = ImageReader(opened.convert("RGBA"))
    canvas.drawImage(reader, placed(68, 226), 222, 226, 226, mask="auto", preserveAspectRatio=True)


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
    canvas.line(placed(LEFT), y + 8, placed(LEFT + 70), y + 8)
    if view.holder:
        y -= 22
        write(canvas, t("awarded to"), Style("serif-italic", 15), y, SOFT, room=room)
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
    cells = [(t("Awarded"), spoken_date(view.awarded))]
    if view.periods > 1:
        cells.append((t("Renewed"), spoken_date(view.valid_from)))
    until = spoken_date(view.valid_until) if view.valid_until else t("without end")
    cells.append((t("Valid until"), until))
    for number, (label, value) in enumerate(cells):
        x = LEFT + 142 * number
        write(canvas, label, Style("sans", 11), y, SOFT, room=140, x=x)
        write(canvas, value, Style("sans-semibold", 14), y - 19, INK, room=140, x=x)


def draw_foot(canvas: Canvas, view: CredentialView) -> None:
    """Draw the QR code and say where the credential is checked."""
    code = segno.make(view.url, error="m", micro=False)
    size = 78.0
    draw_code(canvas, code, placed(LEFT, size), 62, size)
    x, y = LEFT + size + 16, 122.0
    room = WIDTH - x - 66
    write(canvas, t("Check this certificate"), Style("sans-semibold", 12), y, INK, room=room, x=x)
    address = next((one for one in (10.5, 9.5, 8.5, 7.5) if width(view.url, Style("sans", one)) <= room), 6.5)
    write(canvas, view.url, Style("sans", address), y - 17, INK, room=room, x=x)
    issued = t("Issued by %(issuer)s as %(did)s", issuer=view.issuer, did=view.did)
    write(canvas, issued, Style("sans", 9.5), y - 33, SOFT, room=room, x=x)
    printed = t("A print shows the day it was made; the page shows what holds now.")
    write(canvas, printed, Style("sans", 9.5), y - 47, SOFT, room=room, x=x)
    left = placed(LEFT, WIDTH - 66 - LEFT)
    canvas.linkURL(view.url, (left, 62, left + WIDTH - 66 - LEFT, 140))


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
    canvas.roundRect(placed(76, 210), 176, 210, 30, 6, stroke=0, fill=1)
    style = Style("sans-semibold", 13)
    said = shorten(view.validity, style, 200)
    write(canvas, said, style, 186, PALE, room=200, x=181 - width(said, style) / 2)


def write(
    canvas: Canvas, text: str, style: Style, y: float, colour: Color, *, room: float, x: float = LEFT
) -> None:
    """Write one line from x, cut to its room."""
    said = shorten(text, style, room)
    line = visual(said)
    x = placed(x, width(said, style))
    face = face_for(line, style.face)
    canvas.setFillColor(colour)
    if face is not None and face not in OURS:
        draw_outlines(canvas, said, line, Style(face, style.size, style.spacing), x=x, y=y)
        return
    name, line = (font(face), line) if face is not None else font_for(line, style.face)
    written = canvas.beginText(x, y)
    written.setFont(name, style.size)
    written.setCharSpace(style.spacing)
    written.textOut(line)
    canvas.drawText(written)


def draw_outlines(canvas: Canvas, said: str, line: str, style: Style, *, x: float, y: float) -> None:
    """Draw a line of a script that reportlab has no font for; programs that read or copy it find the text.

    Only the glyphs of the line come into the file. A blank that is not seen stands where it begins, for
    readers count text by what is written.
    """
    words = said.encode("utf-16-be").hex()
    canvas._code.append(f"/Span <</ActualText <feff{words}>>> BDC")  # noqa: SLF001 -- reportlab has no word for it
    blank = canvas.beginText(x, y)
    blank.setFont(font("sans"), style.size)
    blank.setTextRenderMode(3)
    blank.textOut(" ")
    blank.setTextRenderMode(0)
    canvas.drawText(blank)
    path = canvas.beginPath()
    path.closePath = path.close  # the name by which fontTools' pen calls it
    pen = ReportLabPen(open_font(style.face)[0], path)
    draw_line(pen, line, style, x, y)
    canvas.drawPath(path, stroke=0, fill=1)
    canvas._code.append("EMC")  # noqa: SLF001 -- as above


def font_for(text: str, face: Face) -> tuple[str, str]:
    """Return a font and the text it can write: East Asian letters come from the reader's own fonts.

    Letters that neither has become question marks.
    """
    for letters, name in EAST_ASIAN:
        if any(letters[0] <= letter <= letters[1] for letter in text):
            return reader_font(name), text
    return font(face), "".join(one if face_for(one, face) == face else "?" for one in text)


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
