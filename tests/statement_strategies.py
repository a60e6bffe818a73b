"""Hypothesis strategies: valid statements with every property, and ways to break them in one place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
UUIDS = st.uuids(version=4).map(str)
IRIS = st.one_of(
    st.sampled_from(
        ["http://example.com/x", "urn:x:$where", "tag:e.org,2026:a", "http://example.com/فعل", "a.b+c-d:é.$"]
    ),
    st.integers(0, 10**9).map(lambda n: f"https://e.org/{n}#f?q=%20"),
)
TAGS = st.sampled_from(
    ["de", "en-US", "zh-Hant", "sr-Latn-RS", "es-419", "sl-rozaj-biske", "de-1996", "x-private", "i-klingon",
     "en-GB-oed", "zh-cmn-Hans-CN", "en-a-bbb-x-a-ccc", "de-DE-u-co-phonebk"]
)  # fmt: skip
LANGUAGE_MAPS = st.dictionaries(TAGS, TEXTS, max_size=3)
NUMBERS = st.one_of(
    st.integers(-(10**40), 10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 1.0, 1e300, 2**53 + 1, 2**64]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(TEXTS, st.sampled_from(["$set", "a.b", "", "__proto__", "_id"])), inner, max_size=3
        ),
    ),
    max_leaves=8,
)
EXTENSIONS = st.dictionaries(IRIS, VALUES, max_size=3)
TIMESTAMPS = st.builds(
    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{}{}".format,
    st.integers(1, 9999), st.integers(1, 12), st.integers(1, 28), st.integers(0, 23), st.integers(0, 59),
    st.integers(0, 59), st.sampled_from(["000", "123456", "123456789"]), st.sampled_from(["Z", "+00:00"]),
)  # fmt: skip
DURATIONS = st.sampled_from(["PT1H0M0S", "P2W", "P1Y2M3DT4H5M6.789S", "PT16559.14S", "P0.5D", "PT0S"])
IFIS = st.one_of(
    st.integers(0, 99).map(lambda n: {"mbox": f"mailto:user+{n}@Example.com"}),
    st.binary(min_size=20, max_size=20).map(lambda b: {"mbox_sha1sum": b.hex()}),
    IRIS.map(lambda iri: {"openid": iri}),
    st.builds(lambda page, name: {"account": {"homePage": page, "name": name}}, IRIS, TEXTS),
)


def optional(required: Json, extra: Json) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(required, optional=extra)


def joined(*parts: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.tuples(*parts).map(
        lambda items: {name: value for item in items for name, value in item.items()}
    )


AGENTS = joined(IFIS, optional({}, {"objectType": st.just("Agent"), "name": TEXTS}))
IDENTIFIED_GROUPS = joined(
    IFIS, optional({"objectType": st.just("Group")}, {"name": TEXTS, "member": st.lists(AGENTS, max_size=2)})
)
ANONYMOUS_GROUPS = optional(
    {"objectType": st.just("Group"), "member": st.lists(AGENTS, min_size=1, max_size=3)}, {"name": TEXTS}
)
GROUPS = st.one_of(IDENTIFIED_GROUPS, ANONYMOUS_GROUPS)
ACTORS = st.one_of(AGENTS, GROUPS)
VERBS = optional({"id": IRIS}, {"display": LANGUAGE_MAPS})
COMPONENTS = st.lists(
    optional({"id": TEXTS}, {"description": LANGUAGE_MAPS}), max_size=3, unique_by=lambda c: c["id"]
)
PLAIN = {
    "name": LANGUAGE_MAPS,
    "description": LANGUAGE_MAPS,
    "type": IRIS,
    "moreInfo": IRIS,
    "extensions": EXTENSIONS,
}
DEFINITIONS = st.one_of(
    optional({}, PLAIN),
    optional(
        {"interactionType": st.sampled_from(["choice", "true-false", "likert", "matching", "numeric", "other"])},
        {**PLAIN, "correctResponsesPattern": st.lists(TEXTS, max_size=2), "choices": COMPONENTS, "scale": COMPONENTS,
         "source": COMPONENTS, "target": COMPONENTS, "steps": COMPONENTS},
    ),
)  # fmt: skip
ACTIVITIES = optional({"id": IRIS}, {"objectType": st.just("Activity"), "definition": DEFINITIONS})
REFERENCES = st.fixed_dictionaries({"objectType": st.just("StatementRef"), "id": UUIDS})
ATTACHMENTS = st.lists(
    optional(
        {"usageType": IRIS, "display": LANGUAGE_MAPS, "contentType": st.sampled_from(["text/plain", "image/png; a=b"]),
         "length": st.integers(0, 2**40), "sha2": st.binary(min_size=32, max_size=32).map(bytes.hex), "fileUrl": IRIS},
        {"description": LANGUAGE_MAPS},
    ),
    max_size=2,
)  # fmt: skip
SCORES = optional(
    {}, {"scaled": st.floats(-1, 1), "raw": st.integers(0, 50), "min": st.just(0), "max": st.just(50)}
)
RESULTS = optional(
    {},
    {"score": SCORES, "success": st.booleans(), "completion": st.booleans(), "response": TEXTS, "duration": DURATIONS,
     "extensions": EXTENSIONS},
)  # fmt: skip
ACTIVITY_LISTS = st.one_of(ACTIVITIES, st.lists(ACTIVITIES, max_size=2))
CONTEXTS_1 = {
    "registration": UUIDS, "instructor": ACTORS, "team": GROUPS, "language": TAGS, "statement": REFERENCES,
    "extensions": EXTENSIONS,
    "contextActivities": optional({}, dict.fromkeys(("parent", "grouping", "category", "other"), ACTIVITY_LISTS)),
}  # fmt: skip
RELEVANT = st.lists(IRIS, min_size=1, max_size=2)
CONTEXTS_2 = {
    **CONTEXTS_1,
    "contextAgents": st.lists(
        optional({"objectType": st.just("contextAgent"), "agent": AGENTS}, {"relevantTypes": RELEVANT}),
        max_size=2,
    ),
    "contextGroups": st.lists(
        optional({"objectType": st.just("contextGroup"), "group": GROUPS}, {"relevantTypes": RELEVANT}),
        max_size=2,
    ),
}


def statements(version: str) -> st.SearchStrategy[Json]:
    """Return valid statements of a version; the object may be anything a statement may be about."""
    context = CONTEXTS_2 if version == "2.0.0" else CONTEXTS_1
    about_activity = optional({}, {**context, "revision": TEXTS, "platform": TEXTS})
    common = {"result": RESULTS, "timestamp": TIMESTAMPS, "attachments": ATTACHMENTS}

    def with_object(
        target: st.SearchStrategy[Json], inside: st.SearchStrategy[Json]
    ) -> st.SearchStrategy[Json]:
        return optional({"actor": ACTORS, "verb": VERBS, "object": target}, {**common, "context": inside})

    others = st.one_of(joined(AGENTS, st.just({"objectType": "Agent"})), GROUPS, REFERENCES)
    basic = st.one_of(with_object(ACTIVITIES, about_activity), with_object(others, optional({}, context)))
    sub = basic.map(lambda statement: {"objectType": "SubStatement", **statement})
    own = {
        "id": UUIDS,
        "stored": TIMESTAMPS,
        "version": st.sampled_from(["1.0", "1.0.9"]),
        "authority": AGENTS,
    }
    return joined(st.one_of(basic, with_object(sub, optional({}, context))), optional({}, own)).filter(
        lambda s: s["verb"]["id"] != "http://adlnet.gov/expapi/verbs/voided"
    )


def places(value: Any, steps: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every value outside extensions with the steps to it."""
    yield steps, value
    if isinstance(value, dict):
        for name, inner in value.items():
            if name != "extensions":
                yield from places(inner, (*steps, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*steps, index))


def replaced(value: Any, steps: tuple[str | int, ...], new: Any) -> Any:
    """Return a copy with the value at `steps` replaced."""
    copy = json.loads(json.dumps(value))
    if not steps:
        return new
    holder = copy
    for step in steps[:-1]:
        holder = holder[step]
    holder[steps[-1]] = new
    return copy
