"""Errors of the rule engine: facts as attributes, HTTP adds the status.

RuleError
├── InvalidRuleFile(problems)      a document has problems (cert#3)
├── UnknownRule(kind, id, hint)    nothing is published under that id
├── AlreadyEnded(id, state, at)    a certification was retired or withdrawn before
├── OnlyVersion(id, version)       there is no other version to compare with
├── UnknownPerson(person)          nobody has that id or address
├── StalePlan(plan, reason)        a plan expired or no longer says what apply would do (cert#6-2)
└── EvaluationFailed(rule, reason) recorded on the rule, never shown over HTTP
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a rule file, with its place (cert#3-3)."""

    file: str
    line: int
    column: int
    path: str
    code: str
    message: str
    suggestion: str | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        hint = f" (did you mean {self.suggestion}?)" if self.suggestion else ""
        path = f" {self.path}" if self.path else ""
        return f"{self.file}:{self.line}:{self.column}{path}: {self.message}{hint} [{self.code}]"


class RuleError(Exception):
    """Base of all errors of the rule engine."""


class InvalidRuleFile(RuleError):
    """A rule document has problems."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


class UnknownRule(RuleError):
    """Nothing is published under that kind and id."""

    def __init__(self, kind: str, rule_id: str, hint: str | None = None) -> None:
        self.kind, self.rule_id, self.hint = kind, rule_id, hint
        meant = f" ({hint})" if hint else ""
        super().__init__(f"no {kind} {rule_id!r} is published{meant}")


class AlreadyEnded(RuleError):
    """A certification was retired or withdrawn before; nothing was changed."""

    def __init__(
        self, certification: str, state: str, at: dt.datetime, by: str | None, reason: str | None
    ) -> None:
        self.certification, self.state, self.at = certification, state, at
        who = f" by {by}" if by else ""
        why = f" ({reason})" if reason else ""
        since = f"{at:%Y-%m-%dT%H:%M:%SZ}{who}{why}"
        super().__init__(f"{certification} is {state} already, since {since}; nothing was changed")


class OnlyVersion(RuleError):
    """A document has one version: there is nothing to compare it with."""

    def __init__(self, rule_id: str, version: str) -> None:
        self.rule_id, self.version = rule_id, version
        super().__init__(f"{rule_id} has only one version, {version}: there is nothing to compare it with")


class UnknownPerson(RuleError):
    """Nobody is known under that id or address."""

    def __init__(self, person: str) -> None:
        self.person = person
        super().__init__(f"nobody is known as {person!r}")


class StalePlan(RuleError):
    """A plan expired, or its prediction no longer holds (cert#6-2)."""

    def __init__(self, plan: str, reason: str) -> None:
        self.plan, self.reason = plan, reason
        super().__init__(f"plan {plan}: {reason}")


class EvaluationFailed(RuleError):
    """A published document could not be evaluated; recorded on the rule."""

    def __init__(self, rule: str, reason: str) -> None:
        self.rule, self.reason = rule, reason
        super().__init__(f"{rule}: {reason}")
