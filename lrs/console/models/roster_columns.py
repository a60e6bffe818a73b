"""The first line of somebody else's roster: which of its columns is which of ours, guessed and then said."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Final

from lrs.foundation.errors import InvalidField
from lrs.people.roster import COLUMNS

MOST: Final = 60  # columns of a file
ALSO: Final = {
    "email": (
        "mail",
        "e mail",
        "email address",
        "e mail address",
        "mail address",
        "work email",
        "mailadresse",
    ),
    "ifi": ("identifier", "id", "account"),
    "name": ("full name", "display name", "person", "employee", "nom", "nombre", "vollname"),
    "role": ("job", "job title", "title", "function", "position", "rolle"),
    "from": ("start", "start date", "since", "joined", "hire date", "begin", "von", "eintritt"),
    "until": ("end", "end date", "left", "to", "termination date", "bis", "austritt"),
    "primary": ("main", "primary organization"),
}
"""What a column of ours is called elsewhere."""


def heads(text: str) -> list[str]:
    """Return the names in the first line; raises InvalidField where it is no CSV."""
    try:
        found = next(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True), [])
    except csv.Error as error:
        raise InvalidField("csv", str(error)) from error
    if len(found) > MOST:
        raise InvalidField("csv", f"has more than {MOST} columns")
    return [one.strip() for one in found]


def needs_mapping(names: Sequence[str]) -> bool:
    """Tell whether somebody has to say which column is which."""
    return any(one.lower() not in COLUMNS for one in names)


def guess(name: str) -> str:
    """Return the column of ours that a name most likely means, empty where it says nothing to us."""
    plain = re.sub(r"[^a-z]+", " ", name.lower()).strip()
    return next((ours for ours in COLUMNS if plain == ours or plain in ALSO[ours]), "")


def renamed(text: str, columns: Sequence[str]) -> str:
    """Return a CSV with our names in its first line, of the columns that have one; raises InvalidField."""
    if len(columns) != len(heads(text)) or any(one and one not in COLUMNS for one in columns):
        raise InvalidField("columns", "name one of ours, or none, for each column of the file")
    kept = [place for place, one in enumerate(columns) if one]
    out = io.StringIO()
    writer = csv.writer(out)
    try:
        for line, row in enumerate(
            csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        ):
            values = columns if line == 0 else row
            whole = len(row) == len(columns)
            writer.writerow([values[place] for place in kept] if whole else row)
    except csv.Error as error:
        raise InvalidField("csv", str(error)) from error
    return out.getvalue()
