"""Lengths of time in SCORM 1.2 and ISO 8601, in seconds."""

from __future__ import annotations

import re
from typing import Final

TIMESPAN: Final = re.compile(r"(\d{1,4}):(\d{1,2}):(\d{1,2}(?:\.\d{1,2})?)")
ISO: Final = re.compile(
    r"P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,6})D)?"
    r"(?:T(?=.)(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,10}(?:\.\d{1,9})?)S)?)?"
)
SECONDS: Final = (365 * 86400, 30 * 86400, 86400, 3600, 60, 1)  # years and months as players count them


def read_timespan(text: str) -> float | None:
    """Return the seconds of a CMITimespan `HHHH:MM:SS.SS`; None where it is none (minutes may pass 59)."""
    found = TIMESPAN.fullmatch(text)
    if found is None:
        return None
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])


def read_iso(text: str) -> float | None:
    """Return the seconds of a SCORM 2004 time interval, also with more digits; None where it is none."""
    found = ISO.fullmatch(text)
    if found is None:
        return None
    return sum(float(part) * unit for part, unit in zip(found.groups("0"), SECONDS, strict=True))


def write_iso(seconds: float) -> str:
    """Return an ISO 8601 duration in hours, minutes and seconds, to the hundredth."""
    hundredths = max(0, round(seconds * 100))
    hours, rest = divmod(hundredths, 360_000)
    minutes, rest = divmod(rest, 6000)
    whole, part = divmod(rest, 100)
    text = f"{whole}.{part:02}".rstrip("0").rstrip(".") if part else str(whole)
    parts = [f"{hours}H" if hours else "", f"{minutes}M" if minutes else "", f"{text}S" if rest else ""]
    return "PT" + ("".join(parts) or "0S")


def write_timespan(seconds: float) -> str:
    """Return a CMITimespan; more than 9,999 hours stay at that."""
    hundredths = min(max(0, round(seconds * 100)), 9999 * 360_000)
    hours, rest = divmod(hundredths, 360_000)
    minutes, rest = divmod(rest, 6000)
    return f"{hours:04}:{minutes:02}:{rest // 100:02}.{rest % 100:02}"
