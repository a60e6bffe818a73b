"""Values as cells of CSV that no spreadsheet takes for a formula."""

from __future__ import annotations

import datetime as dt
from typing import Any

from bson import Binary

from statements.query.grouping import plain

RUN = frozenset({"=", "+", "-", "@", "\t", "\r"})
NUL = "\u2400"  # the picture of a NUL: a text file with the character itself is none for many programs
_CONSTANTS = {None: None, True: "true", False: "false"}


def quoted(text: str) -> str:
    """Return a text that no spreadsheet runs: `'` before it, also where one stands there already."""
    return "'" + text if text.lstrip("'")[:1] in RUN else text


def unquoted(text: str) -> str:
    """Return what `quoted` was given."""
    return text[1:] if text[:1] == "'" and text.lstrip("'")[:1] in RUN else text


def csv_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet runs; ids may be bytes, dates without a zone."""
    if isinstance(value, str):
        return quoted(value.replace("\0", NUL) if "\0" in value else value)
    if value is None or value is True or value is False:
        return _CONSTANTS[value]
    if isinstance(value, dt.datetime):
        text = value.isoformat(timespec="milliseconds")
        return text + "Z" if value.tzinfo is None else text.replace("+00:00", "Z")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, list):
        return csv_cell(" ".join(map(str, value)))
    if isinstance(value, Binary):
        return str(value.as_uuid())
    number = plain(value)
    return number if isinstance(number, int | float) else csv_cell(str(number))
