"""What the people did: sessions of statements over two years, the same in every run but for the dates."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lrs.demo.cast import ASSESSORS, CAST, Learner

Statement = dict[str, Any]
ADL = "http://adlnet.gov/expapi/verbs/"
BASE = "https://acme.example/xapi"
NAMESPACE = uuid.UUID("6f1c2a5e-3f0b-5d59-9d0c-6a1b8f2d7c40")
START = dt.timedelta(days=760)
SALES = ("overview", "competitive", "demo")
ELECTIVES = ("network", "storage", "identity", "observability", "automation")
LANGUAGES = ("en-US", "de-DE", "es-ES", "pt-BR")


@dataclass(slots=True)
class Session:
    """Some statements of one learner that reached the store together, at `stored`."""

    learner: Learner
    stored: dt.datetime
    statements: list[Statement]


@dataclass(slots=True)
class Teller:
    """Tells one learner's story; chance comes from the name, so that every run tells the same."""

    learner: Learner
    now: dt.datetime
    chance: random.Random = field(init=False)
    sessions: list[Session] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.learner.name)

    def at(self, days: float) -> dt.datetime:
        """Return a working hour so many days ago; today it is an hour ago."""
        if days <= 0:
            return self.now - dt.timedelta(hours=1)
        day = (self.now - dt.timedelta(days=days)).replace(
            minute=self.chance.randrange(60), second=7, microsecond=0
        )
        return day.replace(hour=self.chance.randrange(8, 17))

    def module(
        self, days: float, course: str, module: str, verb: str = "completed",
        *, stored: dt.datetime | None = None, **extra: Any,
    ) -> None:  # fmt: skip
        """A session in a module: launched, initialized, some steps, then `verb`, then terminated."""
        began = self.at(days)
        activity, registration = f"{BASE}/{course}/{module}", self.uuid("registration")
        steps = [("launched", activity), ("initialized", activity)]
        steps += [
            ("experienced", f"{activity}/page-{page}") for page in range(1, self.chance.randrange(4, 12))
        ]
        steps += [("answered", f"{activity}/question-{n}") for n in range(1, self.chance.randrange(3, 9))]
        made = [
            self.statement(verb, activity, began + dt.timedelta(minutes=2 * i), registration)
            for i, (verb, activity) in enumerate(steps)
        ]
        end = began + dt.timedelta(minutes=2 * len(steps))
        made.append(self.statement(verb, activity, end, registration, **extra))
        made.append(self.statement("terminated", activity, end + dt.timedelta(minutes=1), registration))
        self.sessions.append(Session(self.learner, stored or end + dt.timedelta(minutes=1, seconds=3), made))

    def exam(self, days: float, course: str, exam: str, score: float, **extra: Any) -> None:
        """A session that ends in an exam, passed from 0.7 on."""
        self.module(days, course, exam, "passed" if score >= 0.7 else "failed", score=score, **extra)

    def uuid(self, kind: str) -> str:
        """Return the next id of this learner; the same in every run."""
        self.count += 1
        return str(uuid.uuid5(NAMESPACE, f"{self.learner.mailbox}/{kind}/{self.count}"))

    def statement(
        self, verb: str, activity: str, at: dt.datetime, registration: str,
        *, score: float | None = None, by: Learner | None = None,
    ) -> Statement:  # fmt: skip
        """Return one statement as an authoring tool writes it."""
        made: Statement = {
            "id": self.uuid("statement"),
            "actor": {
                "objectType": "Agent",
                "name": self.learner.name,
                "mbox": f"mailto:{self.learner.mailbox}",
            },
            "verb": {"id": f"{ADL}{verb}", "display": {"en-US": verb}},
            "object": {
                "objectType": "Activity",
                "id": activity,
                "definition": {"name": {"en-US": title(activity)}, "type": kind(activity)},
            },
            "context": {
                "registration": registration,
                "platform": "Acme Academy",
                "language": LANGUAGES[len(self.learner.name) % len(LANGUAGES)],
                "contextActivities": {"grouping": [{"id": "/".join(activity.split("/")[:5])}]},
            },
            "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if verb == "answered":
            right = self.chance.random() < 0.8
            made["result"] = {"success": right, "response": self.chance.choice("abcd")}
        if verb in {"completed", "passed", "failed"}:
            made["result"] = {"completion": True, "duration": f"PT{self.chance.randrange(8, 50)}M"}
        if score is not None:
            made["result"] |= {"score": {"scaled": score, "raw": round(score * 100), "min": 0, "max": 100}}
            made["result"]["success"] = verb == "passed"
        if by is not None:
            made["context"]["instructor"] = {
                "objectType": "Agent", "name": by.name, "mbox": f"mailto:{by.mailbox}",
            }  # fmt: skip
        return made


def title(activity: str) -> str:
    """Return a name that people read."""
    return " ".join(
        activity.removeprefix(f"{BASE}/").replace("-", " ").replace("/", ": ").split()
    ).capitalize()


def kind(activity: str) -> str:
    """Return the activity type that the content's tool would give."""
    last = activity.rsplit("/", 1)[-1]
    name = "question" if last.startswith("question") else "assessment" if "exam" in last else "module"
    return f"http://adlnet.gov/expapi/activities/{'cmi.interaction' if name == 'question' else name}"


def sales(teller: Teller, days: float, *, score: float = 0.86) -> None:
    """All of the sales certification, complete `days` ago; half of the people need a second attempt."""
    for offset, module in zip((40, 33, 21), SALES, strict=True):
        teller.module(days + offset, "sales", module)
    if teller.chance.random() < 0.5:
        teller.exam(days + 9, "sales", "exam", 0.62)
    teller.exam(days, "sales", "exam", score)


def sales_active(teller: Teller) -> None:
    """Award in force."""
    sales(teller, teller.learner.days, score=0.81 + teller.chance.randrange(18) / 100)


def sales_renewed(teller: Teller) -> None:
    """Award of the year before, renewed by the exam when the window was open."""
    sales(teller, teller.learner.days)
    teller.exam(teller.learner.days - 340, "sales", "exam", 0.88)


def sales_but_demo(teller: Teller) -> None:
    """Everything but the demo module: the one statement that the README sends."""
    teller.module(teller.learner.days + 9, "sales", "overview")
    teller.module(teller.learner.days + 6, "sales", "competitive")
    teller.exam(teller.learner.days, "sales", "exam", 0.91)


def sales_failed(teller: Teller) -> None:
    """All modules, but the exam below the pass mark twice."""
    sales(teller, teller.learner.days, score=0.66)
    teller.exam(teller.learner.days - 10, "sales", "exam", 0.74)


def sales_pending(teller: Teller) -> None:
    """The exam was taken long ago and arrived only lately: a human being decides (max_lateness)."""
    days = teller.learner.days
    for offset, module in zip((40, 33, 21), SALES, strict=True):
        teller.module(days + offset, "sales", module)
    teller.exam(days, "sales", "exam", 0.9, stored=teller.at(days - 45))


def in_progress_sales(teller: Teller) -> None:
    """The first module done."""
    teller.module(teller.learner.days, "sales", "overview")


def associate(teller: Teller, days: float | None = None) -> None:
    """Fundamentals and the associate exam."""
    days = teller.learner.days if days is None else days
    teller.module(days + 14, "tech", "fundamentals")
    teller.exam(days, "tech", "associate-exam", 0.72 + teller.chance.randrange(25) / 100)


def technical(teller: Teller) -> None:
    """Associate, then three electives and a practical that an assessor signed: Technical Professional."""
    days = teller.learner.days
    associate(teller, days + 60)
    for i, elective in enumerate(teller.chance.sample(ELECTIVES, 3)):
        teller.module(days + 40 - 9 * i, "tech", elective, "passed")
    teller.module(days, "tech", "practical", "passed", by=teller.chance.choice(ASSESSORS))


def in_progress_tech(teller: Teller) -> None:
    """Fundamentals and an elective; the exam is still to come."""
    teller.module(teller.learner.days + 20, "tech", "fundamentals")
    teller.module(teller.learner.days, "tech", "network", "passed")


def implementer(teller: Teller) -> None:
    """The implementation exam."""
    teller.exam(teller.learner.days, "impl", "exam", 0.84)


def nothing(teller: Teller) -> None:
    """No learning of one's own."""


PLOTS: dict[str, Callable[[Teller], None]] = {
    **dict.fromkeys(
        ("sales_active", "sales_renewal_open", "sales_grace", "sales_expired", "sales_suspended",
         "sales_revoked", "sales_withdrawn"), sales_active,
    ),
    "sales_renewed": sales_renewed, "sales_but_demo": sales_but_demo, "sales_failed": sales_failed,
    "sales_pending": sales_pending, "in_progress_sales": in_progress_sales, "associate": associate,
    "associate_renewal": associate, "technical": technical, "in_progress_tech": in_progress_tech,
    "implementer": implementer, "nothing": nothing,
}  # fmt: skip


def sessions(now: dt.datetime) -> list[Session]:
    """Return every session in the order in which it reached the store."""
    told = [Teller(learner, now) for learner in CAST]
    for teller in told:
        PLOTS[teller.learner.plot](teller)
        browse(teller)
    return sorted((one for teller in told for one in teller.sessions), key=lambda one: one.stored)


def browse(teller: Teller) -> None:
    """Some reading in the library that no certification asks for, over the two years."""
    for topic in range(teller.chance.randrange(3, 8)):
        teller.module(teller.chance.uniform(2, 700), "library", f"topic-{topic + 1}", "experienced")


def decisions(now: dt.datetime) -> Iterator[tuple[Learner, str, dt.datetime]]:
    """Yield what human beings decided: (whose award, kind of fact, when)."""
    kinds = {
        "sales_suspended": ("hold", 20),
        "sales_revoked": ("revocation", 60),
        "sales_withdrawn": ("withdrawal", 30),
    }
    for learner in CAST:
        if learner.plot in kinds:
            fact, days = kinds[learner.plot]
            yield learner, fact, now - dt.timedelta(days=days)
