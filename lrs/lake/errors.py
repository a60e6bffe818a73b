"""What can be said of a lake that does not answer."""

from __future__ import annotations

from statements.errors import StatementError


class LakeError(Exception):
    """A fact about the lake, and what the operator can do about it."""

    def __init__(self, fact: str, advice: str) -> None:
        super().__init__(fact, advice)
        self.fact = fact
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.fact}; {self.advice}"


class LakeMissing(LakeError):
    """There is no lake, or no library to read it."""


class LakeOfOtherLayout(LakeError):
    """The tables were written by another version of Laurel."""


class LakeUnreadable(LakeError):
    """The storage of the lake cannot be reached, or its log says nothing that can be understood."""


class LakeTaken(LakeError):
    """The right to write the lake was lost: another process has it, or may have."""


class FeedLost(LakeError):
    """MongoDB no longer knows what changed since the lake's position."""


class Unanswerable(StatementError):
    """The lake cannot answer this question exactly as MongoDB does; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
