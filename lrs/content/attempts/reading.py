"""Reads a snapshot of CMI data, as scorm-again's JSON has it, without trusting a single value.

A value that cannot be is refused by its element and its error code, the rest is read: a score that is no
number must not cost the learner the bookmark beside it.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lrs.content.attempts.results.durations import read_iso, read_timespan
from lrs.content.attempts.results.responses import RESULTS, TYPES, response_of
from lrs.content.attempts.results.scores import scored
from lrs.content.attempts.results.values import Edition, Exit, Interaction, Objective, Reading, Refusal, Score

Json = Mapping[str, Any]
Path = tuple[str, ...]

NUMBER: Final = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})")
SUSPEND_DATA: Final = 64_000  # characters, in both editions
LOCATION: Final = 1000
INDEX: Final = re.compile(r"\d{1,5}")
MOST_ROWS: Final = 5000  # interactions, and objectives, of one SCO
TEXT: Final = 4000
EXITS: Final[dict[str, Exit]] = {
    "": "", "suspend": "suspend", "normal": "normal", "logout": "logout", "time-out": "time-out",
}  # fmt: skip
STATUSES_12: Final = ("", "not attempted", "browsed", "incomplete", "completed", "failed", "passed")
COMPLETIONS: Final = {
    "completed": "completed", "passed": "completed", "incomplete": "incomplete", "failed": "incomplete",
}  # fmt: skip
KINDS_OF_REFUSAL: Final = {"1.2": (405, 405), "2004": (406, 407)}  # wrong type, out of range


@dataclass(slots=True)
class Reader:
    """Takes values out of CMI data by path and notes those that cannot be."""

    edition: Edition
    cmi: Json
    refusals: list[Refusal] = field(default_factory=list)

    def refuse(self, path: Path, reason: str, *, is_range: bool = False) -> None:
        """Note that an element is refused."""
        code = KINDS_OF_REFUSAL[self.edition][is_range]
        self.refusals.append(Refusal(".".join(("cmi", *path)), code, reason))

    def get(self, *path: str) -> Any:
        """Return the value at a path, None where there is none."""
        found: Any = self.cmi
        for number, name in enumerate(path):
            if not isinstance(found, dict):  # as JSON is read
                if found not in (None, ""):
                    self.refuse(path[:number], "has no elements below it")
                return None
            found = found.get(name)
        return found

    def text(self, *path: str, longest: int = TEXT) -> str:
        """Return a text; numbers and truth values are taken as they print."""
        found = self.get(*path)
        if found is None:
            return ""
        if isinstance(found, bool | int | float):
            found = str(found).lower() if isinstance(found, bool) else f"{found:g}"
        if not isinstance(found, str):
            self.refuse(path, "must be a text")
            return ""
        if len(found) > longest:
            self.refuse(path, f"is {len(found):,} characters long, {longest:,} are kept", is_range=True)
            return ""
        return found

    def word(self, *path: str, words: tuple[str, ...] | Mapping[str, Any]) -> str:
        """Return one of the words that stand there, "" where another does."""
        found = self.text(*path)
        if found and found not in words:
            self.refuse(path, "is not a word of this element")
            return ""
        return found

    def number(self, *path: str, within: tuple[float, float] = (-math.inf, math.inf)) -> float | None:
        """Return a finite number within a range, None where none stands there."""
        found = self.get(*path)
        if found is None or (isinstance(found, str) and not found.strip()):
            return None
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        is_written = isinstance(found, str) and NUMBER.fullmatch(found.strip()) is not None
        if not (is_number or is_written):
            self.refuse(path, "must be a number")
            return None
        value = float(found.strip() if isinstance(found, str) else found)
        if not math.isfinite(value) or not within[0] <= value <= within[1]:
            self.refuse(path, f"must be within {within[0]:g} and {within[1]:g}", is_range=True)
            return None
        return value

    def seconds(self, *path: str) -> float | None:
        """Return a length of time; None where it is none."""
        found = self.text(*path)
        if not found:
            return None
        value = (read_timespan if self.edition == "1.2" else read_iso)(found)
        if value is None:
            self.refuse(path, "is no length of time")
        return value

    def rows(self, *path: str) -> Iterator[Path]:
        """Yield the paths of the rows of a collection, in order; keys that are no numbers are skipped."""
        found = self.get(*path)
        if isinstance(found, list):
            self.refuse(path, "must be an object with numbers as names")
            return
        if not isinstance(found, Mapping):
            return
        numbers = sorted(int(key) for key in found if INDEX.fullmatch(key))
        if len(numbers) > MOST_ROWS:
            self.refuse(path, f"has {len(numbers):,} rows, {MOST_ROWS:,} are read", is_range=True)
        for number in numbers[:MOST_ROWS]:
            yield (*path, str(number))


def read(edition: Edition, cmi: Json) -> tuple[Reading, tuple[Refusal, ...]]:
    """Return what a snapshot says, and the elements that cannot be as they stand."""
    reader = Reader(edition, cmi)
    reading = (_read_12 if edition == "1.2" else _read_2004)(reader)
    for path, longest in KEPT_TEXTS[edition]:
        reader.text(*path, longest=longest)
    return reading, tuple(dict.fromkeys(reader.refusals))


KEPT_TEXTS: Final[dict[Edition, tuple[tuple[Path, int], ...]]] = {
    "1.2": ((("suspend_data",), SUSPEND_DATA), (("core", "lesson_location"), LOCATION)),
    "2004": ((("suspend_data",), SUSPEND_DATA), (("location",), LOCATION)),
}


def _read_12(reader: Reader) -> Reading:
    status = reader.word("core", "lesson_status", words=STATUSES_12)
    return Reading(
        completion=COMPLETIONS.get(status, "unknown"),  # type: ignore[arg-type]  # words of this table
        success=status if status in {"passed", "failed"} else "unknown",  # type: ignore[arg-type]
        score=_score(reader, ("core", "score")),
        exit=EXITS[reader.word("core", "exit", words=EXITS)],
        seconds=reader.seconds("core", "session_time") or None,
        is_browsed=status == "browsed",
        interactions=tuple(_interactions(reader, _interaction_12)),
        objectives=tuple(_objectives(reader, _objective_12)),
    )


def _read_2004(reader: Reader) -> Reading:
    completion = reader.word("completion_status", words=COMPLETION_WORDS)
    success = reader.word("success_status", words=SUCCESS_WORDS)
    return Reading(
        completion=COMPLETIONS.get(completion, "unknown"),  # type: ignore[arg-type]  # words of this table
        success=success or "unknown",  # type: ignore[arg-type]  # one of SUCCESS_WORDS
        score=_score(reader, ("score",)),
        progress=reader.number("progress_measure", within=(0, 1)),
        exit=EXITS[reader.word("exit", words=EXITS)],
        seconds=reader.seconds("session_time") or None,
        interactions=tuple(_interactions(reader, _interaction_2004)),
        objectives=tuple(_objectives(reader, _objective_2004)),
    )


COMPLETION_WORDS: Final = ("", "unknown", "not attempted", "incomplete", "completed")
SUCCESS_WORDS: Final = ("", "unknown", "failed", "passed")


def _score(reader: Reader, path: Path) -> Score | None:
    raw, low, high = (reader.number(*path, name) for name in ("raw", "min", "max"))
    return scored(raw, low, high, reader.number(*path, "scaled", within=(-1, 1)))


def _interactions(reader: Reader, read_one: Callable[[Reader, Path], Interaction]) -> Iterator[Interaction]:
    """Yield the interactions that have an id and an answer."""
    for path in reader.rows("interactions"):
        found = read_one(reader, path)
        if found.id and found.response:
            yield found


def _interaction_12(reader: Reader, path: Path) -> Interaction:
    return _interaction(reader, path, "student_response")


def _interaction_2004(reader: Reader, path: Path) -> Interaction:
    at = reader.text(*path, "timestamp")
    return _interaction(reader, path, "learner_response", read_timestamp(at) if at else None)


def _interaction(reader: Reader, path: Path, answer: str, at: dt.datetime | None = None) -> Interaction:
    edition = reader.edition
    kind = reader.word(*path, "type", words=("", *TYPES)) or "other"
    result = reader.text(*path, "result")
    patterns = (reader.text(*row, "pattern") for row in reader.rows(*path, "correct_responses"))
    return Interaction(
        id=reader.text(*path, "id"),
        type=kind,
        response=response_of(edition, kind, reader.text(*path, answer)),
        success=RESULTS.get(result),
        correct=tuple(response_of(edition, kind, pattern) for pattern in patterns if pattern),
        description=reader.text(*path, "description"),
        weighting=reader.number(*path, "weighting"),
        latency=reader.seconds(*path, "latency"),
        at=at,
    )


def read_timestamp(text: str) -> dt.datetime | None:
    """Return a 2004 timestamp, in UTC where it names no zone; None where it is none."""
    try:
        found = dt.datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def _objectives(reader: Reader, read_one: Callable[[Reader, Path], Objective]) -> Iterator[Objective]:
    for path in reader.rows("objectives"):
        found = read_one(reader, path)
        if found.id:
            yield found


def _objective_12(reader: Reader, path: Path) -> Objective:
    status = reader.word(*path, "status", words=STATUSES_12)
    return Objective(
        id=reader.text(*path, "id"),
        completion=COMPLETIONS.get(status, "unknown"),  # type: ignore[arg-type]
        success=status if status in {"passed", "failed"} else "unknown",  # type: ignore[arg-type]
        score=_score(reader, (*path, "score")),
    )


def _objective_2004(reader: Reader, path: Path) -> Objective:
    completion = reader.word(*path, "completion_status", words=COMPLETION_WORDS)
    return Objective(
        id=reader.text(*path, "id"),
        completion=COMPLETIONS.get(completion, "unknown"),  # type: ignore[arg-type]
        success=reader.word(*path, "success_status", words=SUCCESS_WORDS) or "unknown",  # type: ignore[arg-type]
        score=_score(reader, (*path, "score")),
        description=reader.text(*path, "description"),
    )
