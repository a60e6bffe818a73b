"""Files that may be compressed by gzip, whatever their name says."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import BinaryIO, TextIO, cast

GZIP = b"\x1f\x8b"


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading its content; a broken gzip member raises OSError or EOFError."""
    with path.open("rb") as file:
        compressed = file.read(2) == GZIP
    return cast("BinaryIO", gzip.open(path, "rb")) if compressed else path.open("rb")


def open_text(path: Path) -> TextIO:
    """Open a text in UTF-8, line ends as they are, a byte order mark passed over."""
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="")
