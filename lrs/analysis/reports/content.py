"""Reports on content: attempts and scores, questions, effectiveness, and when people learn."""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from pymongo.database import Database

from lrs.analysis.audience import Audience, ReportRequest, statements_of
from lrs.analysis.figures.zones import zone_of
from lrs.analysis.reports.report import Chart, Report
from rules.catalogue.store import cache_of
from statements.query.grouping import number

Document = dict[str, Any]
ADL = "http://adlnet.gov/expapi/verbs/"
OPENED = tuple(ADL + verb for verb in ("launched", "initialized", "attempted"))
ENDED = tuple(ADL + verb for verb in ("terminated", "suspended", "exited"))
STARTED = (*OPENED, ADL + "experienced")
FINISHED = tuple(ADL + verb for verb in ("completed", "passed", "failed", "mastered"))
SCORED = (*FINISHED, ADL + "scored")
ANSWERED = tuple(ADL + verb for verb in ("answered", "responded"))  # the second in the profile of SCORM
MAX_ANSWERS = 200_000
TOP_RESPONSES = 5
LONGEST_NAME = 200
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def attempts(asked: ReportRequest) -> Report:
    """Summarise the scored attempts of each assessment; an attempt is one registration of one actor.

    The score of an attempt is its highest scaled score; `first_pass` is the share of actors whose first
    attempt was passed.
    """
    condition, _ = statements_of(asked.db, asked.whom, asked.wanted)
    found: dict[str, dict[str, list[_Attempt]]] = defaultdict(lambda: defaultdict(list))
    for row in asked.db.statements.aggregate(_attempt_stages(condition), allowDiskUse=True):
        key = row["_id"]
        found[key["activity"]][key["actor"]].append(_Attempt(row["at"], number(row["score"]), row["passed"]))
    titles = activity_names(asked.db, asked.whom, set(found))
    rows = [_attempt_row(activity, titles, actors) for activity, actors in sorted(found.items())]
    return Report(
        "attempts", "Attempts and scores",
        "Mean score; an attempt is one registration and counts with its best score.",
        ("activity", "title", "people", "attempts", "per_person", "mean", "median", "passed", "first_pass"),
        rows, Chart("bars", "title", "mean", unit="%", most=1),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Attempt:
    at: dt.datetime
    score: float
    passed: bool


def _attempt_stages(condition: Document) -> list[Document]:
    scored = {**condition, "verb": {"$in": list(SCORED)}, "score.scaled": {"$ne": None}}
    attempt = {
        "activity": "$object.id",
        "actor": "$actor",
        "registration": {"$ifNull": ["$registration", "$id"]},
    }
    passed = {"$or": [{"$eq": ["$verb", ADL + "passed"]}, {"$eq": ["$success", True]}]}
    return [
        {"$match": scored},
        {"$group": {
            "_id": attempt, "score": {"$max": "$score.scaled"}, "at": {"$min": "$timestamp"},
            "passed": {"$max": passed},
        }},
    ]  # fmt: skip


def _attempt_row(
    activity: str, titles: Mapping[str, str], actors: Mapping[str, Sequence[_Attempt]]
) -> dict[str, Any]:
    every = [attempt for each in actors.values() for attempt in each]
    scores = [attempt.score for attempt in every]
    firsts = [min(each, key=lambda attempt: attempt.at) for each in actors.values()]
    return {
        "activity": activity,
        "title": titles.get(activity, activity),
        "people": len(actors),
        "attempts": len(every),
        "per_person": round(len(every) / len(actors), 2),
        "mean": round(statistics.fmean(scores), 3),
        "median": round(statistics.median(scores), 3),
        "passed": round(sum(attempt.passed for attempt in every) / len(every), 3),
        "first_pass": round(sum(attempt.passed for attempt in firsts) / len(firsts), 3),
    }


def items(asked: ReportRequest) -> Report:
    """Analyse answers (`answered`, `responded`): difficulty, discrimination, and what was chosen instead.

    Difficulty is the share of right answers. Discrimination is the correlation of a right answer with the
    share of right answers to the other questions of the same attempt (corrected point-biserial).
    """
    condition, _ = statements_of(asked.db, asked.whom, asked.wanted)
    questions: dict[str, _Question] = defaultdict(_Question)
    tests: dict[tuple[Any, ...], dict[str, bool]] = defaultdict(dict)
    for answer in _answers(asked.db, condition):
        question = questions[answer.question]
        question.add(answer)
        tests[answer.attempt][answer.question] = answer.right
    rows = [question.row(name, tests) for name, question in sorted(questions.items())]
    return Report(
        "items", "Questions",
        "Share of right answers and discrimination (red: who knows the rest gets it wrong); size: answers.",
        ("question", "title", "answers", "difficulty", "discrimination", "distractors"), rows,
        Chart("points", "difficulty", "discrimination", by="answers", unit="share of right answers"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Answer:
    question: str
    title: str
    attempt: tuple[Any, ...]
    right: bool
    response: str


@dataclass(slots=True)
class _Question:
    title: str = ""
    right: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    attempts: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, answer: _Answer) -> None:
        self.title = answer.title or self.title
        self.attempts.append(answer.attempt)
        if answer.right:
            self.right += 1
        else:
            self.wrong[answer.response] += 1

    def row(self, name: str, tests: Mapping[tuple[Any, ...], Mapping[str, bool]]) -> dict[str, Any]:
        answers = len(self.attempts)
        chosen = [
            f"{response or '(nothing)'}: {count / answers:.0%}"
            for response, count in sorted(self.wrong.items(), key=lambda one: (-one[1], one[0]))[
                :TOP_RESPONSES
            ]
        ]
        return {
            "question": name,
            "title": self.title or name,
            "answers": answers,
            "difficulty": round(self.right / answers, 3),
            "discrimination": discrimination(name, [tests[key] for key in dict.fromkeys(self.attempts)]),
            "distractors": "; ".join(chosen),
        }


def discrimination(question: str, tests: Sequence[Mapping[str, bool]]) -> float | None:
    """Return the corrected point-biserial correlation of a question, None where nothing varies."""
    pairs = [
        (float(test[question]), (sum(test.values()) - test[question]) / (len(test) - 1))
        for test in tests
        if len(test) > 1
    ]
    if len({right for right, _ in pairs}) < 2 or len({rest for _, rest in pairs}) < 2:
        return None
    return round(statistics.correlation([right for right, _ in pairs], [rest for _, rest in pairs]), 3)


def _answers(db: Database[Document], condition: Document) -> Iterator[_Answer]:
    wanted = {**condition, "verb": {"$in": list(ANSWERED)}, "success": {"$ne": None}}
    fields = {"object.id": 1, "actor": 1, "registration": 1, "parent": 1, "success": 1, "raw": 1}
    for row in db.statements.find(wanted, fields).limit(MAX_ANSWERS):
        statement = orjson.loads(row["raw"])
        attempt = (row.get("actor"), str(row.get("registration")), *row.get("parent", ())[:1])
        yield _Answer(
            row["object"]["id"],
            _words(statement["object"].get("definition", {})),
            attempt,
            row["success"],
            str(statement.get("result", {}).get("response", "")),
        )


def _words(definition: Mapping[str, Any]) -> str:
    texts = definition.get("description") or definition.get("name") or {}
    return str(next(iter(texts.values()), ""))[:200]


def content(asked: ReportRequest) -> Report:
    """Compare activities: how many people started, how many finished, how long they took, who dropped off.

    What was only ever experienced, as the pages of a course are, has no end that somebody could miss. The
    time of a person is that of all sessions that ended, else the longest that any statement tells.
    """
    condition, actors = statements_of(asked.db, asked.whom, asked.wanted)
    started: dict[str, set[str]] = defaultdict(set)
    finished: dict[str, set[str]] = defaultdict(set)
    spent: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    has_end: set[str] = set()
    for row in asked.db.statements.aggregate(_content_stages(condition), allowDiskUse=True):
        activity, actor = row["_id"]["activity"], row["_id"]["actor"]
        person = actors.get(actor, actor)
        if not row["began"]:
            continue  # its end alone lies in the period
        if seconds := number(row["sessions"]) or number(row["longest"]):
            spent[activity][person] += seconds
        started[activity].add(person)
        if row["finished"]:
            finished[activity].add(person)
        if row["finished"] or row["opened"]:
            has_end.add(activity)
    titles = activity_names(asked.db, asked.whom, set(started))
    rows = [
        _content_row(
            activity,
            titles.get(activity, activity),
            people,
            finished[activity] if activity in has_end else None,
            spent[activity],
        )
        for activity, people in sorted(started.items(), key=lambda one: (-len(one[1]), one[0]))
    ]
    return Report(
        "content", "Content effectiveness", "People who began, who finished, and the time they spent.",
        ("activity", "title", "people", "finished", "completion", "dropped_off", "median_minutes"), rows,
        Chart("progress", "title", ("people", "finished"), unit="people"),
    )  # fmt: skip


def _content_row(
    activity: str, title: str, people: set[str], finished: set[str] | None, spent: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "activity": activity,
        "title": title,
        "people": len(people),
        "finished": None if finished is None else len(finished),
        "completion": None if finished is None else round(len(finished) / len(people), 3),
        "dropped_off": None if finished is None else len(people) - len(finished),
        "median_minutes": round(statistics.median(spent.values()) / 60, 1) if spent else None,
    }


def _content_stages(condition: Document) -> list[Document]:
    of_activities = {**condition, "object.type": "Activity", "verb": {"$in": [*STARTED, *FINISHED, *ENDED]}}
    done = {
        "$or": [
            {"$in": ["$verb", list(FINISHED)]},
            {"$eq": ["$completion", True]},
        ]
    }
    return [
        {"$match": of_activities},
        {"$group": {
            "_id": {"activity": "$object.id", "actor": "$actor"}, "finished": {"$max": done},
            "opened": {"$max": {"$in": ["$verb", list(OPENED)]}},
            "began": {"$max": {"$in": ["$verb", [*STARTED, *FINISHED]]}},
            "sessions": {"$sum": {"$cond": [{"$in": ["$verb", list(ENDED)]}, "$duration_s", 0]}},
            "longest": {"$max": "$duration_s"},
        }},
    ]  # fmt: skip


def heatmap(asked: ReportRequest) -> Report:
    """Count statements by weekday and hour in the programme's zone."""
    timezone = zone_of(cache_of(asked.db).get(), asked.wanted.certification, asked.wanted.timezone)
    local = {"date": "$timestamp", "timezone": timezone}
    condition, _ = statements_of(asked.db, asked.whom, asked.wanted)
    group = {
        "$group": {
            "_id": {"day": {"$isoDayOfWeek": local}, "hour": {"$hour": local}},
            "n": {"$sum": 1},
        }
    }
    found = {
        (row["_id"]["day"], row["_id"]["hour"]): row["n"]
        for row in asked.db.statements.aggregate([{"$match": condition}, group])
    }
    rows = [
        {"day": DAYS[day - 1], "hour": hour, "statements": found.get((day, hour), 0)}
        for day in range(1, 8)
        for hour in range(24)
    ]
    return Report(
        "heatmap", "When people learn", f"Statements by weekday and hour ({timezone}).",
        ("day", "hour", "statements"), rows, Chart("heat", "hour", "statements", by="day"),
    )  # fmt: skip


def activity_names(db: Database[Document], whom: Audience, activities: set[str]) -> dict[str, str]:
    """Return a name for each activity, else its description, from the definitions of the stores in scope."""
    wanted = {**whom.scope.filter(), "id": {"$in": sorted(activities)}}
    found: dict[str, str] = {}
    for row in db.activities.find(wanted, {"id": 1, "name": 1, "definition": 1}):
        texts = row.get("name") or orjson.loads(row.get("definition") or "{}").get("description") or {}
        if texts:
            found[row["id"]] = str(next(iter(texts.values())))[:LONGEST_NAME]
    return found
