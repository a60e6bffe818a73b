"""Packages and commits from a seed: manifests often sound, often broken; commits often right, often at an edge."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from edge_requests import INSTANTS, NUMBERS, SPELLED, TEXTS
from factories_packages import (
    ITEM,
    PAGE,
    RESOURCE,
    cmi5_au,
    cmi5_structure,
    scorm_files,
    scorm_manifest,
    tincan_document,
    zipped,
)

ELEMENTS: Final = (
    "item", "title", "organization", "resource", "file", "dependency", "sequencing", "sequencingRules", "objectives", "mapInfo",
    "metadata", "presentation", "completionThreshold", "manifest", "ruleConditions", "masteryscore", "resources", "au",
    "block", "objective", "url", "launch", "activity", "prerequisites", "timelimitaction", "datafromlms",
)  # fmt: skip
ATTRIBUTES: Final = (
    "identifier", "identifierref", "href", "xml:base", "parameters", "default", "adlcp:scormtype", "IDRef", "ID", "id",
    "attemptLimit", "objectiveID", "targetObjectiveID", "isvisible", "masteryScore", "moveOn", "minNormalizedMeasure",
)  # fmt: skip
VALUES: Final = (
    "", "a", "r1", "i1", "o1", "index.html", "../x", "http://[", "?a=1", "#", "-1", "1e9", "é", "sco", "asset", "0.5",
    "PT1H", "x" * 3000, "true",
)  # fmt: skip
WORDS: Final = (
    "passed", "failed", "completed", "incomplete", "unknown", "suspend", "logout", "time-out", "80", "0.8", "00:10:00", "PT10M",
    "choice", "true-false", "correct", "wrong", "neutral", "a", "q1", "normal", "1e400", "-0", "9" * 400,
)  # fmt: skip
MEMBERS: Final = (
    "core", "score", "raw", "scaled", "min", "max", "lesson_status", "completion_status", "success_status", "exit", "session_time",
    "interactions", "objectives", "0", "1", "99999999999", "id", "type", "student_response", "learner_response", "result",
    "latency", "suspend_data", "location", "$a", "a.b", "\0", "progress_measure", "comments",
)  # fmt: skip


class ContentRequests:
    """Draws uploads and commits."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, of: Sequence[Any]) -> Any:
        return of[self.random.randrange(len(of))]

    def maybe(self, chance: float = 0.5) -> bool:
        return self.random.random() < chance

    # packages

    def package(self) -> bytes:
        """Return an upload: a package of some kind, in a third of cases with bytes changed."""
        makers: tuple[Callable[[], dict[str, bytes]], ...] = (self.scorm, self.scorm, self.cmi5, self.tincan)
        data = zipped(self.one(makers)())
        if self.maybe(0.3):
            at = self.random.randrange(len(data))
            data = (
                data[:at]
                + self.random.randbytes(self.random.randrange(4))
                + data[at + self.random.randrange(9) :]
            )
        return data

    def scorm(self) -> dict[str, bytes]:
        items, resources = (
            "".join(self.element() for _ in range(self.random.randrange(3))) for _ in range(2)
        )
        version = self.one(("1.2", "2004 4th Edition", "2004 3rd Edition", "CAM 1.3", "?"))
        manifest = scorm_manifest(
            items + (ITEM if self.maybe(0.8) else ""), (RESOURCE if self.maybe(0.8) else "") + resources,
            version=version, default=self.one(("o1", "o1", "other", "")),
        )  # fmt: skip
        return scorm_files(self.damaged(manifest))

    def cmi5(self) -> dict[str, bytes]:
        inner = "".join(
            self.one((cmi5_au(n, url=self.one(VALUES)), cmi5_au(n, moveOn=self.one(VALUES)), self.element()))
            for n in range(self.random.randrange(4))
        )
        course = self.one(("https://example.org/course", "", "a b", "urn:x"))
        return {"cmi5.xml": self.damaged(cmi5_structure(inner, course=course)), "index.html": PAGE}

    def tincan(self) -> dict[str, bytes]:
        inner = f"<launch>{self.one(VALUES)}</launch>" + "".join(
            self.element() for _ in range(self.random.randrange(3))
        )
        return {"tincan.xml": self.damaged(tincan_document(inner)), "index.html": PAGE}

    def element(self, depth: int = 0) -> str:
        name = self.one(ELEMENTS)
        chosen = {self.one(ATTRIBUTES): self.one(VALUES) for _ in range(self.random.randrange(4))}
        attributes = "".join(f' {key}="{value}"' for key, value in chosen.items())
        inner = (
            "".join(self.element(depth + 1) for _ in range(self.random.randrange(4 - depth)))
            if depth < 4
            else ""
        )
        return f"<{name}{attributes}>{inner}{self.one(VALUES) if self.maybe() else ''}</{name}>"

    def damaged(self, text: bytes) -> bytes:
        """Return a manifest, now and then with a piece left out or put in."""
        if self.maybe(0.85):
            return text
        at = self.random.randrange(len(text))
        return (
            text[:at]
            + self.one((b"", b"\0", b"<", b"&x;", b"\xff", b"<!DOCTYPE x []>"))
            + text[at + self.random.randrange(20) :]
        )

    # commits

    def commits(self, part: str, run: int, count: int) -> Iterator[bytes]:
        """Yield bodies of commits to a run, in order, at an edge, or no commits at all."""
        for sequence in range(1, count + 1):
            if self.maybe(0.03):
                yield self.one((b"", b"null", b"[]", b"\xff\xfe", b"{" * 2000, b'{"a":' * 40, b"cmi=1"))
                continue
            body = {
                "part": part if self.maybe(0.95) else self.value(),
                "run": run if self.maybe(0.9) else self.value(),
                "sequence": sequence if self.maybe(0.8) else self.value(),
                "change" if self.maybe(0.2) else "cmi": self.data() if self.maybe(0.95) else self.value(),
            }
            if "change" in body or self.maybe(0.1):
                body["base"] = self.one((sequence - 1, 0, sequence + 5, -1, None))
            if self.maybe(0.1):
                body["end"] = self.one(("terminate", "closed", "never", 1))
            if self.maybe(0.1):
                body["claim"] = {
                    "completion": self.one(WORDS),
                    "success": self.one(WORDS),
                    "scaled": self.value(),
                }
            text = json.dumps(body).encode()
            yield text.replace(b'"1e400"', self.one(SPELLED).encode()) if self.maybe(0.05) else text

    def data(self, depth: int = 0) -> Any:
        """Return data of a SCO: what tools send, and now and then anything instead of it."""
        if depth == 0 and self.maybe(0.5):
            return {
                "core": {"lesson_status": self.one(WORDS), "score": {"raw": self.one(WORDS)}, "exit": self.one(WORDS)},
                "completion_status": self.one(WORDS), "success_status": self.one(WORDS), "score": {"scaled": self.one(WORDS)},
                "suspend_data": self.one((*WORDS, "s" * 70_000)),
                "interactions": {str(n): self.interaction() for n in range(self.random.randrange(4))},
            }  # fmt: skip
        if depth > 5 or self.maybe(0.3):
            return self.value()
        return {self.one(MEMBERS): self.data(depth + 1) for _ in range(self.random.randrange(4))}

    def interaction(self) -> Any:
        names = (
            "id",
            "type",
            "student_response",
            "learner_response",
            "result",
            "latency",
            "time",
            "timestamp",
            "weighting",
        )
        return {name: self.one((*WORDS, *INSTANTS)) for name in names if self.maybe(0.7)}

    def value(self) -> Any:
        return self.one((self.one(NUMBERS), self.one(TEXTS), self.one(WORDS), None, True, [], {}, ["a"]))
