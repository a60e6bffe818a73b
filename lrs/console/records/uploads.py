"""Statements from a file: tried first, with what is wrong row by row, then imported into a store."""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from flask import Response, request
from werkzeug.utils import secure_filename

from lrs.access.organizations import VENDOR, get_org
from lrs.api.rights import editor, vendor_only
from lrs.console.forms import sent
from lrs.console.organizations.people import org_names
from lrs.console.shell import LONGEST_STATEMENTS, MIB, Pages, show
from lrs.exchange.arriving.import_files import open_source
from lrs.exchange.arriving.importing import ImportProgress, Line, Source, import_statements
from lrs.exchange.arriving.storing import Trial, quietly, store_into
from lrs.exchange.compressed import GZIP
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.messaging.old_news import silence
from lrs.words.reader import mark, t
from statements.errors import StatementError

Document = dict[str, Any]
MOST_MB: Final = LONGEST_STATEMENTS // MIB  # of a file, unpacked too
MOST_ROWS: Final = 20_000  # more is for the command, which goes on where it stopped
SHOWN: Final = 200  # refused rows on the page
CARRIED: Final = 400_000  # bytes of a text that the page keeps from the trial to the import
BLOCK: Final = 1 << 20
NUMBERS: Final = re.compile(r"\d+")
CONTROLLED: Final = {
    "vendor": mark("the vendor's: criteria believe it"),
    "partner": mark("a partner's: criteria may ask for more"),
}

blueprint = Pages("console_uploads", __name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a file, or would: rows stored or storable, of them known before, and those refused."""

    is_trial: bool
    org: str
    stored: int
    known: int
    refused: tuple[tuple[str, str], ...]  # place and reason


@blueprint.get("/console/statements/upload", scope="statements/write")
def upload() -> Response:
    """Show the form for a file of statements."""
    vendor_only()
    return _page(None)


@blueprint.post("/console/statements/upload", scope="statements/write")
def bring() -> Response:
    """Try a file of statements, or import it; rows that are refused keep no other from being stored."""
    vendor_only()
    form = sent("org", "controlled", "action", "quiet")
    org = str(get_org(current_services().db, form.get("org", VENDOR))["_id"])
    if (controlled := form.get("controlled", "vendor")) not in CONTROLLED:
        raise InvalidField("controlled", f"is one of {', '.join(CONTROLLED)}")
    with tempfile.TemporaryDirectory() as folder:
        path = _kept(Path(folder))
        is_trial = form.get("action") != "import"
        outcome = _tried(path, org) if is_trial else _imported(path, org, controlled, quiet="quiet" in form)
        text = path.read_bytes() if is_trial and path.stat().st_size <= CARRIED else b""
    return _page(outcome, form, text.decode("utf-8", "replace"), path.name)


def _tried(path: Path, org: str) -> Outcome:
    trial = Trial(current_services(), org)
    report = _run(path, trial)
    return Outcome(True, org, report.stored, trial.known, _places(report))


def _imported(path: Path, org: str, controlled: Any, *, quiet: bool) -> Outcome:
    services, noted = current_services(), editor()
    store = store_into(services, org, controlled)
    if quiet:
        store = quietly(store, lambda ifis: silence(services.db, ifis, services.now()))
    report = _run(path, store)
    told = {"stored": report.stored, "refused": len(report.refused), "controlled_by": controlled}

    def note(_: Any) -> None:
        noted.note("statements.import", "file", path.name, org=org, after=told)

    noted.change(note)
    return Outcome(False, org, report.stored, 0, _places(report))


def _run(path: Path, store: Any) -> ImportProgress:
    try:
        return import_statements(Bounded(open_source(path)), store, ImportProgress())
    except (StatementError, EOFError, UnicodeDecodeError) as error:
        raise InvalidField("file", str(error)) from error


def _places(report: ImportProgress) -> tuple[tuple[str, str], ...]:
    """Return what was refused by its place in the file: what is no JSON is found before all else."""
    places = [(one.place, one.reason) for one in report.refused]
    return tuple(sorted(places, key=lambda one: int(NUMBERS.findall(one[0])[-1])))


@dataclass(frozen=True, slots=True)
class Bounded:
    """A source that ends after MOST_ROWS rows with a refusal that says so."""

    source: Source

    def lines(self, position: str) -> Iterator[Line]:
        """Yield the rows of the source, no more than a page may bring."""
        for number, line in enumerate(self.source.lines(position)):
            if number == MOST_ROWS:
                fault = t(
                    "a page brings %(count)s rows; `lrs statements import` brings any number", count=MOST_ROWS
                )
                yield Line(line.place, b"", line.position, fault=fault)
                return
            yield line


def _kept(folder: Path) -> Path:
    """Return a file with what was sent, unpacked; raises InvalidField for nothing, or too much."""
    file = request.files.get("file")
    if file is not None and file.filename:
        name, stream = secure_filename(file.filename)[-80:] or "statements", file.stream
    else:
        text = request.form.get("text", "")
        if not text.strip():
            raise InvalidField("file", "choose a file, or write statements into the field")
        name = secure_filename(request.form.get("name", ""))[-80:] or "text.json"
        stream = io.BytesIO(text.encode("utf-8", "replace"))
    path = folder / name.removesuffix(".gz")
    with path.open("wb") as target:
        _unpack(stream, target)
    return path


def _unpack(stream: IO[bytes], target: IO[bytes]) -> None:
    """Write what a stream has, unpacked; raises InvalidField for more than MOST_MB, or a broken file."""
    packed = stream.read(2) == GZIP
    stream.seek(0)
    size = 0
    try:
        with gzip.open(stream, "rb") if packed else contextlib.nullcontext(stream) as source:
            while block := source.read(BLOCK):
                size += len(block)
                if size > MOST_MB * MIB:
                    said = f"has more than {MOST_MB} MB; `lrs statements import` brings any size"
                    raise InvalidField("file", said)
                target.write(block)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidField("file", f"cannot be unpacked: {error}") from error


def _page(outcome: Outcome | None, form: Document | None = None, text: str = "", name: str = "") -> Response:
    return show(
        "upload.html", outcome=outcome, form=form or {}, text=text, name=name, orgs=org_names(),
        controlled=CONTROLLED, most_mb=MOST_MB, most_rows=MOST_ROWS, shown=SHOWN, home=VENDOR,
    )  # fmt: skip
