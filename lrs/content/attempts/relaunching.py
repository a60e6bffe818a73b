"""The CMI data that a run begins with: what was stored, and what the launching system says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from lrs.content.attempts.receiving import Sco
from lrs.content.attempts.results.durations import write_iso, write_timespan
from lrs.content.attempts.results.values import Edition

Json = dict[str, Any]
Entry = Literal["ab-initio", "resume", ""]
Mode = Literal["normal", "browse", "review"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the launching system says to a SCO."""

    learner_id: str
    learner_name: str
    mode: Mode = "normal"
    launch_data: str = ""
    mastery: float | None = None
    passing: float | None = None
    completion: float | None = None
    max_time: str = ""
    time_limit_action: str = ""


def entry_of(sco: Sco, edition: Edition) -> Entry:
    """Return how a SCO is entered.

    A run that ended by `suspend`, by a closed window or by a crash is resumed; in 1.2 also one that left
    suspend_data, as content of that edition expects.
    """
    if sco.told.begun == 0:
        return "ab-initio"
    has_notes = bool(sco.cmi.get("suspend_data"))
    is_open = sco.run is not None and not sco.run.is_over
    if is_open or sco.exit == "suspend" or (edition == "1.2" and has_notes):
        return "resume"
    return ""


def initial_cmi(edition: Edition, sco: Sco, facts: Facts) -> Json:
    """Return what is loaded into the player's API before the SCO begins.

    Session time and exit of the last run are dropped: loaded again they would count again.
    """
    return (_initial_12 if edition == "1.2" else _initial_2004)(sco, facts)


def _initial_12(sco: Sco, facts: Facts) -> Json:
    stored = _part(sco.cmi)
    core = {name: value for name, value in _part(stored.get("core")).items() if name not in DROPPED}
    core.update(
        student_id=facts.learner_id,
        student_name=facts.learner_name,
        credit="credit" if facts.mode == "normal" else "no-credit",
        lesson_mode=facts.mode,
        entry=entry_of(sco, "1.2"),
        total_time=write_timespan(sco.total),
    )
    core.setdefault("lesson_status", "not attempted")
    student = {
        **_part(stored.get("student_data")),
        "mastery_score": "" if facts.mastery is None else f"{facts.mastery:g}",
        "max_time_allowed": facts.max_time,
        "time_limit_action": facts.time_limit_action,
    }
    return {**stored, "core": core, "student_data": student, "launch_data": facts.launch_data}


def _initial_2004(sco: Sco, facts: Facts) -> Json:
    stored = {name: value for name, value in sco.cmi.items() if name not in DROPPED}
    made = {
        **stored,
        "learner_id": facts.learner_id,
        "learner_name": facts.learner_name,
        "credit": "credit" if facts.mode == "normal" else "no-credit",
        "mode": facts.mode,
        "entry": entry_of(sco, "2004"),
        "total_time": write_iso(sco.total),
        "launch_data": facts.launch_data,
        "max_time_allowed": facts.max_time,
        "time_limit_action": facts.time_limit_action,
        "scaled_passing_score": _number(facts.passing),
        "completion_threshold": _number(facts.completion),
    }
    return {name: value for name, value in made.items() if value != "" or name in {"entry", "learner_name"}}


DROPPED: Final = frozenset({"session_time", "exit"})


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _part(value: Any) -> Json:
    return dict(value) if isinstance(value, Mapping) else {}
