"""The one check of command, API and console: all about rule files but their tests (cert#3-4, cert#3-6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rules.checking.engagement import check_engagement, check_recall
from rules.checking.load import Loaded, document_hash
from rules.checking.names import Activities, Known, PublishedNames, SeenActivities, kind_of, strings
from rules.checking.nodes import activities, items, mapping, selectors, targets
from rules.checking.prerequisites import check_holds
from rules.checking.programmes import check_due_notices, check_gate, check_targets, check_tiers, check_window
from rules.checking.requirements import check_requirements
from rules.checking.sources import check_sources
from rules.checking.translations import check_translations
from rules.errors import Problem, UnknownRule
from rules.language.fragments import resolve
from rules.language.model import AnyDocument
from rules.language.positions import Path

__all__ = ["Activities", "PublishedNames", "SeenActivities", "check", "check_each", "resolved"]


def check(loaded: Sequence[Loaded], published: PublishedNames | None) -> list[Problem]:
    """Return all problems of files that are checked together, warnings included, in the order of the files.

    Names of the store are not judged where `published` is None; files loaded together know one another.
    """
    return [problem for problems in check_each(loaded, published) for problem in problems]


def check_each(loaded: Sequence[Loaded], published: PublishedNames | None) -> list[list[Problem]]:
    """Return the problems of each file, as `check` does; two files may have one name."""
    known = Known(tuple(loaded), published)
    found = [
        [*each.problems, *(_of_document(each, known) if kind_of(each) in _KINDS else ())] for each in loaded
    ]
    return [_in_order(problems) for problems in found]


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems as they are read: errors first, then warnings, each by place and said once."""
    by_place = sorted(
        dict.fromkeys(problems), key=lambda one: (one.severity == "warning", one.line, one.column, one.code)
    )
    once: dict[tuple[str, str], Problem] = {}
    for one in by_place:
        once.setdefault((one.code, one.message if one.severity == "warning" else str(one)), one)
    return list(once.values())


def resolved(
    loaded: Loaded, together: Sequence[Loaded] = (), published: PublishedNames | None = None
) -> AnyDocument | None:
    """Return the document of a sound file, fragments resolved, as it is hashed and published (cert#2.7).

    None where the file has problems or a fragment cannot be found among `together` and the store.
    """
    if loaded.document is None:
        return None
    try:
        return resolve(loaded.document, Known(tuple(together), published).sound_fragments())
    except UnknownRule:
        return None


_KINDS = {
    "Certification", "Release", "PartnerTiers", "Gate", "Fragment", "Assignment", "Recall", "Engagement",
}  # fmt: skip
_UNTESTED = {"Release", "Fragment", "Recall", "Engagement"}


def _of_document(loaded: Loaded, known: Known) -> Iterator[Problem]:
    kind = loaded.data["kind"]
    if kind in {"Certification", "Fragment", "Assignment"}:
        yield from check_requirements(loaded, known)
        yield from _groups_and_clients(loaded, known)
        yield from _unseen(loaded, known)
        yield from check_sources(loaded)
    if kind in {"Certification", "Assignment"}:
        yield from check_holds(loaded, known)
        yield from check_targets(loaded, known)
        yield from check_due_notices(loaded)
    if kind == "Assignment":
        yield from check_window(loaded)
    if kind == "PartnerTiers":
        yield from check_tiers(loaded, known)
    if kind == "Gate":
        yield from check_gate(loaded, known)
    if kind == "Recall":
        yield from check_recall(loaded, known)
    if kind == "Engagement":
        yield from check_engagement(loaded)
    if kind == "Release":
        yield from _released(loaded, known)
    yield from check_translations(loaded)
    yield from _published(loaded, known)
    yield from _untested(loaded, known)


def _groups_and_clients(loaded: Loaded, known: Known) -> Iterator[Problem]:
    store = known.published
    if store is None:
        return
    approval = mapping(mapping(loaded.data.get("award")).get("approval"))
    readmission = mapping(mapping(loaded.data.get("award")).get("readmission"))
    named: list[tuple[Path, object]] = [
        (("award", "approval", "group"), approval.get("group")),
        (("award", "readmission", "group"), readmission.get("group")),
    ]
    for path, _, selector in selectors(loaded.data):
        named.append(((*path, "signed_by", "group"), mapping(selector.get("signed_by")).get("group")))
        granted = mapping(mapping(selector.get("attempts")).get("granted_by")).get("group")
        named.append(((*path, "attempts", "granted_by", "group"), granted))
        sources = selector.get("from")
        for i, label in enumerate(strings(sources) if isinstance(sources, list) else ()):
            if label not in store.clients:
                hint = known.nearest(label, store.clients)
                yield loaded.positions.problem((*path, "from", i), "E302", f"unknown client {label}", hint)
    for path, target in targets(loaded.data):
        groups = target.get("group")
        named += [((*path, "group"), name) for name in strings(groups) if isinstance(groups, str)]
        named += [((*path, "group", i), name) for i, name in enumerate(items(groups))]
    for path, group in named:
        if isinstance(group, str) and group not in store.groups:
            hint = known.nearest(group, store.groups)
            yield loaded.positions.problem(path, "E302", f"unknown group {group}", hint)


def _unseen(loaded: Loaded, known: Known) -> Iterator[Problem]:
    seen = known.store.activities
    if seen is None:
        return
    for selector_path, _, selector in selectors(loaded.data):
        for path, activity in activities(selector, selector_path):
            if "{" not in activity and not seen.has(activity):
                message = f"no statement about {activity} was seen yet"
                yield loaded.positions.problem(path, "W501", message, seen.near(activity), warning=True)


def _published(loaded: Loaded, known: Known) -> Iterator[Problem]:
    """Refuse a version that stands for other content already, and one that begins in the past."""
    data, document = loaded.data, resolved(loaded, known.loaded, known.published)
    if document is None:
        return
    key = (data["kind"], data["id"])
    versions = known.store.versions.get(key, {})
    digest = document_hash(document)
    present = versions.get(document.version)
    if present is not None and present != digest:
        message = f"version {document.version} of {document.id} is published with other content"
        yield loaded.positions.problem(("version",), "E206", message)
    day, today = document.effective_from, known.store.today
    if present is None and versions and day is not None and today is not None and day < today:
        message = f"{day} is past; only the first version of an id may begin before the day of apply"
        yield loaded.positions.problem(("effective_from",), "E204", message, today.isoformat())
    for other in known.loaded[: known.loaded.index(loaded)]:
        twin = resolved(other, known.loaded, known.published)
        same = twin is not None and (type(twin), twin.id, twin.version) == (
            type(document),
            document.id,
            document.version,
        )
        if twin is not None and same and document_hash(twin) != digest:
            message = f"version {document.version} of {document.id} stands in {other.file} with other content"
            yield loaded.positions.problem(("version",), "E206", message)


def _released(loaded: Loaded, known: Known) -> Iterator[Problem]:
    data = loaded.data
    pair = (str(data.get("product")), str(data.get("release")))
    owner = known.store.releases.get(pair)
    if owner is not None and owner != data.get("id"):
        message = f"release {pair[1]} of {pair[0]} is published already as {owner}"
        yield loaded.positions.problem(("release",), "E206", message)


def _untested(loaded: Loaded, known: Known) -> Iterator[Problem]:
    data = loaded.data
    if data["kind"] in _UNTESTED or data.get("tests"):
        return
    published = known.store.versions.get((data["kind"], str(data.get("id"))), {})
    others = [version for version in published if version != data.get("version")]
    message = "there are no tests" + ("" if others else "; the next version will need them")
    yield loaded.positions.problem(("tests",), "E401", message, warning=not others)
