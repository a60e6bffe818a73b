"""What an AU may say in a session, in which order: pure (cmi5 9, 10; each refusal is answered 403).

Statements of a batch are looked at one after another; the log that comes of them is what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from statements.parsing.actor import ifi

Statement = Mapping[str, Any]

ADL: Final = "http://adlnet.gov/expapi/verbs/"
VERBS: Final[Mapping[str, str]] = {
    f"{ADL}initialized": "initialized", f"{ADL}completed": "completed", f"{ADL}passed": "passed",
    f"{ADL}failed": "failed", f"{ADL}terminated": "terminated",
}  # fmt: skip
CATEGORY: Final = "https://w3id.org/xapi/cmi5/context/categories/"
CMI5, MOVE_ON = f"{CATEGORY}cmi5", f"{CATEGORY}moveon"
EXTENSIONS: Final = "https://w3id.org/xapi/cmi5/context/extensions/"
SESSION_ID, MASTERY = f"{EXTENSIONS}sessionid", f"{EXTENSIONS}masteryscore"
TIMED: Final = frozenset({"completed", "passed", "failed", "terminated"})
JUDGED: Final = frozenset({"completed", "passed", "failed"})
SCORED: Final = frozenset({"passed", "failed"})


class SessionRefused(Exception):
    """A statement that a session may not say now."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Session:
    """What a session was launched with, as LMS.LaunchData says it."""

    id: str
    actor: str  # canonical IFI
    registration: str
    activity: str  # the AU's id of ours
    publisher: str  # the AU's id in the course structure
    mode: str = "Normal"
    mastery_score: float | None = None
    has_preferences: bool = True  # the AU asked for the learner's preferences


@dataclass(frozen=True, slots=True)
class Log:
    """What was said: verb -> statement id, in the session and for the AU in the registration."""

    session: Mapping[str, str] = field(default_factory=dict)
    unit: Mapping[str, str] = field(default_factory=dict)
    is_over: bool = False  # abandoned

    def add(self, verb: str, statement_id: str) -> Log:
        """Return the log with a verb said."""
        said = {verb: statement_id}
        return replace(self, session={**self.session, **said}, unit={**self.unit, **said})


def follow(session: Session, log: Log, statement: Statement) -> Log:
    """Return the log after a statement; raises SessionRefused."""
    _check_form(session, statement)
    statement_id = str(statement["id"]).lower()
    if statement_id in log.session.values():
        return log  # sent again: whether it is the same, the store knows
    if log.is_over or "terminated" in log.session:
        raise SessionRefused("the session is over (9.3.8)")
    listed = _categories(statement)
    verb = VERBS.get(statement["verb"]["id"])
    if CMI5 not in listed:
        _check_allowed(session, log, statement, listed)
        return log
    if verb is None:
        raise SessionRefused("the cmi5 category is for verbs of cmi5 (9.6.2.1)")
    _check_order(session, log, verb)
    _check_defined(session, statement, verb, listed)
    return log.add(verb, statement_id)


def _check_form(session: Session, statement: Statement) -> None:
    """Check what every statement of a session has (9.1 to 9.7, 10.2.1)."""
    context = statement.get("context", {})
    if "id" not in statement:
        raise SessionRefused("the statement has no id (9.1)")
    _check_timestamp(statement.get("timestamp"))
    actor = statement["actor"]
    if actor.get("objectType") == "Group" or "account" not in actor or ifi(actor) != session.actor:
        raise SessionRefused("the actor is not the one that was launched (9.2)")
    if str(context.get("registration", "")).lower() != session.registration:
        raise SessionRefused("the registration is not the one that was launched (9.6.1)")
    if context.get("extensions", {}).get(SESSION_ID) != session.id:
        raise SessionRefused("the session id is missing or another's (9.6.3.1)")
    if session.publisher not in _ids(statement, "grouping"):
        raise SessionRefused("grouping lacks what contextTemplate has (10.2.1)")


def _check_timestamp(text: Any) -> None:
    try:
        offset = datetime.fromisoformat(str(text)).utcoffset()
    except ValueError:
        offset = None
    if offset is None or offset:
        raise SessionRefused("the timestamp is missing or not in UTC (9.7)")


def _check_allowed(session: Session, log: Log, statement: Statement, listed: frozenset[str]) -> None:
    """Check a cmi5-allowed statement (9.3, 9.6.2): any verb, but within the session and never as evidence.

    `initialized` is a verb of the video profile too, said of a video; of the unit itself cmi5 says it once.
    """
    if MOVE_ON in listed:
        raise SessionRefused("the category moveon needs the category cmi5 (9.6.2.2)")
    says_begin = VERBS.get(statement["verb"]["id"]) == "initialized"
    is_of_unit = statement["object"].get("id") == session.activity
    if (says_begin and is_of_unit) or "initialized" not in log.session:
        raise SessionRefused("a session begins with initialized, of category cmi5 (9.3.2)")


def _check_order(session: Session, log: Log, verb: str) -> None:
    if verb == "initialized":
        if "initialized" in log.session:
            raise SessionRefused("the session is initialized already (9.3.2)")
        if not session.has_preferences:
            raise SessionRefused("the learner's preferences were not read (11)")
        return
    if "initialized" not in log.session:
        raise SessionRefused("the session is not initialized (9.3.2)")
    if verb in log.session:
        raise SessionRefused(f"{verb} was said in this session (9.3)")
    if verb in JUDGED:
        _check_judgement(session, log, verb)


def _check_judgement(session: Session, log: Log, verb: str) -> None:
    if session.mode != "Normal":
        raise SessionRefused(f"nothing is judged in the mode {session.mode} (10.2.2)")
    if verb in {"completed", "passed"} and verb in log.unit:
        raise SessionRefused(f"{verb} was said in this registration (9.3)")
    if verb == "failed" and "passed" in log.unit:
        raise SessionRefused("the unit is passed already (9.3.5)")
    if verb in SCORED and SCORED & log.session.keys():
        raise SessionRefused("a session is passed or failed, not both (9.3)")


def _check_defined(session: Session, statement: Statement, verb: str, listed: frozenset[str]) -> None:
    result = statement.get("result", {})
    if statement["object"].get("id") != session.activity:
        raise SessionRefused("the object is not the unit that was launched (9.4)")
    if (MOVE_ON in listed) != (verb in JUDGED):
        raise SessionRefused("the category moveon is for completed, passed and failed (9.6.2.2)")
    for name, owner, value in WORDS:
        if (name in result) != (verb in owner) or (name in result and result[name] is not value(verb)):
            raise SessionRefused(f"result.{name} does not fit {verb} (9.5)")
    if verb in TIMED and "duration" not in result:
        raise SessionRefused(f"{verb} has no duration (9.5.4.1)")
    _check_score(session, statement, verb, result)


WORDS: Final[tuple[tuple[str, frozenset[str], Callable[[str], bool]], ...]] = (
    ("success", SCORED, lambda verb: verb == "passed"),
    ("completion", frozenset({"completed"}), lambda _: True),
)


def _check_score(session: Session, statement: Statement, verb: str, result: Mapping[str, Any]) -> None:
    score = result.get("score", {})
    if score and verb not in SCORED:
        raise SessionRefused("a score is for passed and failed (9.5.1)")
    if "raw" in score and not {"min", "max"} <= score.keys():
        raise SessionRefused("a raw score needs min and max (9.5.1)")
    bar, scaled = session.mastery_score, score.get("scaled")
    if verb not in SCORED or bar is None:
        return
    extensions = statement["context"]["extensions"]
    if (scaled is not None or MASTERY in extensions) and extensions.get(MASTERY) != bar:
        raise SessionRefused("the extension masteryscore is missing or another (9.6.3.2)")
    if scaled is not None and (scaled >= bar) != (verb == "passed"):
        raise SessionRefused(f"{verb} does not fit the mastery score (9.3.4, 9.3.5)")


def _categories(statement: Statement) -> frozenset[str]:
    return _ids(statement, "category")


def _ids(statement: Statement, kind: str) -> frozenset[str]:
    listed = statement.get("context", {}).get("contextActivities", {}).get(kind, ())
    return frozenset(str(one.get("id")) for one in ([listed] if isinstance(listed, Mapping) else listed))
