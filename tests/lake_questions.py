"""Random stores and questions in the analysts' language, for two engines that have to agree."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from hypothesis import strategies as st

ADL = "http://adlnet.gov/expapi/verbs/"
VERBS = ("passed", "failed", "answered")
ROOM, LEVEL = "https://ext.example/v1.2/room$x", "https://ext.example/v1.2/level"
ACTIVITIES = ("https://x.example/a0", "https://x.example/a1", "urn:c:1", "urn:c:';--")
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia")
ORGS = ("north", "south")
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

texts = st.sampled_from(["Moodle", "Moodle 4", "Tötara", "a\0b", "'; DROP TABLE s; --", "😀", "%_"])
numbers = st.one_of(
    st.integers(-5, 100), st.sampled_from([0.1, 0.2, 0.30000000000000004, 1.5, 99.99, 1e-9, 2.0, 1e15, -0.7])
)
scaled = st.integers(-20, 20).map(lambda n: n / 20)
values = st.one_of(numbers, texts, st.booleans(), st.none(), st.just([1, "x"]))
people = st.integers(0, 4).map(lambda n: f"mailto:p{n}@x.example")
instants = st.one_of(
    st.integers(0, 180 * 24 * 60).map(lambda minute: START + dt.timedelta(minutes=minute)),
    st.sampled_from([
        dt.datetime(1969, 12, 31, 23, 59, 59, 999_000, dt.UTC),
        dt.datetime(1937, 5, 1, 3, 33, 7, tzinfo=dt.UTC),
        dt.datetime(2031, 3, 30, 1, 0, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 29, 0, 59, 59, 999_000, dt.UTC),
        dt.datetime(2026, 3, 29, 1, 0, tzinfo=dt.UTC),
        dt.datetime(2025, 10, 26, 1, 30, tzinfo=dt.UTC),
    ]),
)  # fmt: skip


@st.composite
def statements(draw: Any) -> dict[str, Any]:
    """One valid statement; about half of what may be there is."""

    def perhaps(strategy: Any) -> Any:
        return draw(st.none() | strategy)

    score = {
        "scaled": perhaps(scaled), "raw": perhaps(numbers.filter(lambda n: n >= -5)),
        "min": perhaps(st.just(-10)), "max": perhaps(st.just(1e16)),
    }  # fmt: skip
    seconds = perhaps(st.sampled_from(["PT5S", "PT1M30.25S", "PT2H"]))
    result = {
        "score": present(score) or None, "success": perhaps(st.booleans()),
        "completion": perhaps(st.booleans()), "duration": seconds,
        "extensions": perhaps(st.dictionaries(st.sampled_from([ROOM, LEVEL]), values, max_size=2)),
    }  # fmt: skip
    some = st.lists(st.sampled_from(ACTIVITIES), max_size=3).map(lambda ids: [{"id": one} for one in ids])
    context = {
        "platform": perhaps(texts), "language": perhaps(st.sampled_from(["en", "de-AT"])),
        "registration": perhaps(st.integers(1, 3).map(lambda n: str(uuid.UUID(int=n, version=4)))),
        "instructor": perhaps(people.map(lambda one: {"mbox": one})),
        "contextActivities": present({kind: perhaps(some) for kind in ("parent", "grouping", "category")}),
        "extensions": perhaps(st.dictionaries(st.sampled_from([ROOM, LEVEL]), values, max_size=2)),
    }  # fmt: skip
    target: dict[str, Any] = draw(st.one_of(
        st.sampled_from(ACTIVITIES).map(lambda one: {"id": one, "definition": {"type": "urn:t:1"}}),
        st.sampled_from(ACTIVITIES).map(lambda one: {"id": one}),
        people.map(lambda one: {"objectType": "Agent", "mbox": one}),
        st.integers(1, 3).map(
            lambda n: {"objectType": "StatementRef", "id": str(uuid.UUID(int=n + 50, version=4))}
        ),
    ))  # fmt: skip
    if "objectType" in target:
        context.pop("platform")
    group = {"objectType": "Group", "member": [{"mbox": "mailto:p1@x.example"}]}
    actor = draw(st.one_of(people.map(lambda one: {"mbox": one}), st.just(group)))
    return present({
        "actor": actor, "verb": {"id": ADL + draw(st.sampled_from(VERBS))}, "object": target,
        "result": present(result) or None, "context": present(context) or None,
        "timestamp": draw(instants).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    })  # fmt: skip


def present(members: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is None, as a statement must."""
    return {name: value for name, value in members.items() if value is not None}


OF_TEXT = {
    "actor": people.map(lambda one: f"mbox::{one}") | texts, "platform": texts, "org": st.sampled_from(ORGS),
    "object.id": st.sampled_from(ACTIVITIES) | people.map(lambda one: f"mbox::{one}") | texts,
    "object.type": st.sampled_from(["Activity", "Agent", "StatementRef"]), "language": texts | st.just("en"),
    "authority": st.just("account::client-1@http://lrs.example.com"), "version": st.just("2.0.0"),
    "instructor": people.map(lambda one: f"mbox::{one}"), "client": st.just("client-1"),
}  # fmt: skip
OF_NUMBER = ("score.scaled", "score.raw", "score.min", "score.max", "duration_s")
OF_INSTANT = ("timestamp", "stored")
ORDER = ("eq", "ne", "lt", "lte", "gt", "gte")
LISTS = ("parent", "grouping", "category", "other", "repairs")
EXTENSIONS = ("result.extensions", "context.extensions", "activity.extensions")


def one(field: Any, operator: Any, value: Any, **more: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda f, o, v, m: {"field": f, o: v, **m}, field, operator, value, st.fixed_dictionaries(more)
    )


def listed(strategy: Any) -> Any:
    return st.lists(strategy, min_size=1, max_size=3)


texts_compared = st.one_of(*[
    one(st.just(name), st.sampled_from((*ORDER, "prefix")), some) | one(st.just(name), st.just("in"), listed(some))
    for name, some in OF_TEXT.items()
])  # fmt: skip
keyed = {"key": st.sampled_from([ROOM, LEVEL])}
scalars = st.one_of(numbers, texts, st.booleans())
in_order = st.one_of(numbers, texts)
leaves = st.one_of(
    texts_compared,
    one(st.sampled_from(OF_NUMBER), st.sampled_from(ORDER), numbers),
    one(st.sampled_from(OF_NUMBER), st.just("in"), listed(numbers)),
    one(st.just("timestamp"), st.sampled_from(ORDER), instants.map(lambda at: at.isoformat())),
    one(st.just("timestamp"), st.just("last"), st.sampled_from(["30 days", "12 weeks", "24 hours"])),
    one(st.just("verb"), st.sampled_from(["eq", "ne", "prefix"]), st.sampled_from([*VERBS, ADL])),
    one(st.just("verb"), st.just("in"), listed(st.sampled_from(VERBS))),
    one(st.sampled_from(["success", "completion", "beyond_launch"]), st.sampled_from(["eq", "ne"]), st.booleans()),
    one(st.just("registration"), st.sampled_from(["eq", "ne"]), st.just(str(uuid.UUID(int=1, version=4)))),
    one(st.sampled_from(LISTS), st.just("contains"), st.sampled_from(ACTIVITIES)),
    one(
        st.sampled_from([*OF_TEXT, *OF_NUMBER, *OF_INSTANT, *LISTS, "success", "id", "origin.stored"]),
        st.just("exists"), st.booleans(),
    ),
    one(st.sampled_from(EXTENSIONS), st.sampled_from(["eq", "ne"]), scalars, **keyed),
    one(st.sampled_from(EXTENSIONS), st.sampled_from(["lt", "lte", "gt", "gte"]), in_order, **keyed),
    one(st.sampled_from(EXTENSIONS), st.just("in"), listed(scalars), **keyed),
    one(st.sampled_from(EXTENSIONS), st.just("prefix"), texts, **keyed),
    one(st.sampled_from(EXTENSIONS), st.just("exists"), st.booleans(), **keyed),
    one(st.sampled_from(["person.organization", "person.role", "person.region"]), st.just("in"),
        listed(st.sampled_from(["north", "south", "sales", "emea"]))),
)  # fmt: skip
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda some: {"all": some}),
        st.lists(inner, max_size=3).map(lambda some: {"any": some}),
        inner.map(lambda some: {"not": some}),
    ),
    max_leaves=5,
)

PERSON = ("person", "person.organization", "person.role", "person.region")
keys = st.one_of(
    st.sampled_from([*OF_TEXT, *OF_NUMBER, *LISTS, *PERSON, "verb", "success", "registration", "activity_type"]),
    st.builds(lambda bucket, zone: {"bucket": bucket, "timezone": zone},
              st.sampled_from(["hour", "day", "week", "month", "quarter", "year"]), st.sampled_from(ZONES)),
    st.builds(lambda field, key: {"field": field, "key": key, "name": "extension"},
              st.sampled_from(EXTENSIONS), st.sampled_from([ROOM, LEVEL])),
)  # fmt: skip
anything = ["received", *OF_TEXT, *OF_NUMBER, *OF_INSTANT, "verb", "success", "registration", "id", "person"]
of_extension = st.builds(
    lambda f, k: {"field": f, "key": k}, st.sampled_from(EXTENSIONS), st.sampled_from([ROOM, LEVEL])
)
measures = st.one_of(
    st.just("count"),
    st.sampled_from(["distinct", "first", "last"]).flatmap(
        lambda f: (st.sampled_from(anything) | of_extension).map(lambda field: {f: field})
    ),
    st.sampled_from(["sum", "avg", "min", "max"]).flatmap(
        lambda f: (st.sampled_from(OF_NUMBER) | of_extension).map(lambda field: {f: field})
    ),
    st.just({"avg": "success"}), st.just({"min": "timestamp"}), st.just({"max": "stored"}),
    st.builds(lambda field, p: {"percentile": field, "p": p},
              st.sampled_from(OF_NUMBER) | of_extension, st.sampled_from([0.07, 0.5, 0.9, 1])),
)  # fmt: skip


@st.composite
def questions(draw: Any) -> dict[str, Any]:
    """One question: rows in an order, or groups and measures."""
    body: dict[str, Any] = {"filter": draw(filters)} if draw(st.booleans()) else {}
    if draw(st.integers(0, 2)) == 0:
        shown = draw(
            st.lists(st.sampled_from([*anything, *LISTS, *PERSON]), unique=True, min_size=1, max_size=6)
        )
        extension = draw(st.none() | of_extension)
        select = [*shown, {**extension, "name": "extension"}] if extension else shown
        name = draw(st.sampled_from([*OF_NUMBER, *OF_INSTANT]))
        return body | {
            "select": select,
            "sort": draw(st.sampled_from(["", "-"])) + name,
            "limit": draw(st.sampled_from([2, 100])),
        }
    group = draw(st.lists(keys, max_size=3, unique_by=name_of))
    measured = draw(
        st.dictionaries(st.sampled_from(["m1", "m2", "m3"]), measures, min_size=0 if group else 1)
    )
    return body | {"group": group, "measures": measured, "limit": 1000}


def name_of(key: Any) -> str:
    return key if isinstance(key, str) else key.get("name", key.get("bucket"))
