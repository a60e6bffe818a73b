"""The statements of statements.lua in Python: the same statement for the same number, ids apart.

The lua file makes the first 5,000 only. Beyond them each learner does ten verbs on one activity, then goes on
to the next one.

The **known** statements are those that the bench asks for: the same 10,000 at every size of the store, so that
every question has the same answer. In each of the 40 organizations five people, whom no other statement
names, did five activities with ten verbs each.
"""

# ruff: noqa: E501 -- the lines are the JSON they make

from __future__ import annotations

import uuid

LEARNERS, ORGS, ACTIVITIES, COURSES = 5000, 40, 500, 25
KNOWN, KNOWN_PEOPLE, KNOWN_ACTIVITIES = 10_000, 5, 5
VERBS = (
    "launched", "initialized", "progressed", "experienced", "answered",
    "answered", "completed", "passed", "failed", "terminated",
)  # fmt: skip
PLATFORMS = ("Storyline", "Rise", "Captivate", "Moodle")
LANGUAGES = ("en-US", "de-DE", "fr-FR", "es-ES")


def learner(n: int) -> int:
    return n * 7919 % LEARNERS


def org_of(n: int) -> str:
    return f"partner-{learner(n) % ORGS:02d}"


def activity_id(i: int) -> str:
    return f"https://lms.example/courses/c{i % COURSES:02d}/units/u{i:03d}"


def known_org(n: int) -> str:
    return f"partner-{n % ORGS:02d}"


def known_text(n: int) -> bytes:
    """Return known statement number `n` as JSON."""
    turn, person = divmod(n // ORGS, KNOWN_PEOPLE)
    activity, verb = divmod(turn, len(VERBS))
    who = LEARNERS + n % ORGS + ORGS * person
    return text_of(n, who, ACTIVITIES + activity % KNOWN_ACTIVITIES, VERBS[verb])


def statement_text(n: int) -> bytes:
    """Return statement number `n` as JSON, about 1.2 KB."""
    turn = n // LEARNERS
    return text_of(
        n,
        learner(n),
        (n * 31 + turn // len(VERBS) * 17) % ACTIVITIES,
        VERBS[(n + turn) % len(VERBS)],
    )


def text_of(n: int, who: int, what: int, verb: str) -> bytes:
    course = what % COURSES
    return (
        f'{{"id":"{uuid.uuid4()}","actor":{{"objectType":"Agent","name":"Learner {who:04d}",'
        f'"mbox":"mailto:learner{who:04d}@partner{who % ORGS:02d}.example"}},'
        f'"verb":{{"id":"http://adlnet.gov/expapi/verbs/{verb}","display":{{"en-US":"{verb}"}}}},'
        f'"object":{{"objectType":"Activity","id":"{activity_id(what)}","definition":'
        f'{{"type":"http://adlnet.gov/expapi/activities/assessment","name":{{"en-US":"Unit {what:03d}: knowledge check"}},'
        f'"description":{{"en-US":"Ten questions drawn at random from the bank of unit {what:03d}; '
        f'the best of three attempts counts towards the final grade."}}}}}},'
        f'"result":{{"score":{{"scaled":0.{n * 13 % 100:02d},"raw":{n * 13 % 100},"min":0,"max":100}},'
        f'"success":{str(n % 3 != 0).lower()},"completion":{str(n % 5 != 0).lower()},'
        f'"duration":"PT{n % 50 + 1}M{n % 60}S"}},'
        f'"context":{{"registration":"00000000-0000-4000-8000-{who:06d}{course:06d}",'
        f'"platform":"{PLATFORMS[n % 4]}","language":"{LANGUAGES[n % 4]}","contextActivities":{{'
        f'"parent":[{{"id":"https://lms.example/courses/c{course:02d}/modules/m{what % 10}","objectType":"Activity"}}],'
        f'"grouping":[{{"id":"https://lms.example/courses/c{course:02d}","objectType":"Activity"}}]}},'
        f'"extensions":{{"https://ext.example/v1.2/session.info":{{"browser":"Firefox 128.0","os":"Linux",'
        f'"address.hash":"{n * 40503 % 2147483647:08x}"}}}}}},'
        f'"timestamp":"2026-{n % 9 + 1:02d}-{n % 28 + 1:02d}T{n % 24:02d}:{n * 7 % 60:02d}:{n * 11 % 60:02d}.{n % 1000:03d}Z"}}'
    ).encode()
