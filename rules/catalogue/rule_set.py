"""All that is published, compiled: versions, lifecycles, releases, and what depends on what."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar, cast

from rules.calendar import local_date, start_of
from rules.errors import UnknownRule
from rules.evidence.history import PublishedRelease
from rules.evidence.published import LifecycleChange, PublishedCertification, PublishedVersion
from rules.language.build import build
from rules.language.dump import plain
from rules.language.engagement import Engagement, Recall
from rules.language.model import AnyDocument, Assignment, Certification, PartnerTiers, Release
from rules.language.suggestions import nearest
from rules.stored import Document

D = TypeVar("D", bound=AnyDocument)

NAMES: Final = frozenset({"title", "label", "ask", "because"})
"""Keys whose texts people read in their own language."""

Action = Literal["publish", "retire", "withdraw", "mode"]


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the record of rules: a publication, or what later happened to what was published."""

    seq: int
    action: Action
    kind: str
    id: str
    version: str
    mode: str
    hash: str
    effective_at: dt.datetime
    decided_at: dt.datetime
    by: str | None
    plan: str | None
    document: AnyDocument = field(repr=False)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All that is published, as of one stamp of the record; frozen and shared by threads.

    `order` lists certifications so that each comes after those it depends on through `holds`.
    """

    stamp: str
    certifications: Mapping[str, PublishedCertification]
    documents: Mapping[tuple[str, str], tuple[Record, ...]]
    releases: tuple[PublishedRelease, ...]
    order: tuple[str, ...]
    holds: Mapping[str, frozenset[str]]
    modes: Mapping[tuple[str, str, str], str]
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def applicable(self, kind: str, rule_id: str, at: dt.datetime) -> Record:
        """Return the version of a document that applies at an instant (cert#4.12-3); raises UnknownRule."""
        records = [one for one in self.documents.get((kind, rule_id), ()) if one.effective_at <= at]
        if not records:
            raise self.unknown(kind, rule_id)
        return records[-1]

    def unknown(self, kind: str, rule_id: str) -> UnknownRule:
        """Return the error that nothing is published under an id, with what was probably meant."""
        if self.documents.get((kind, rule_id)):
            first = self.documents[kind, rule_id][0].effective_at
            return UnknownRule(kind, rule_id, f"it applies from {first:%Y-%m-%d} on")
        other = next((name for name, known in sorted(self.documents) if known == rule_id), None)
        if other is not None:
            return UnknownRule(kind, rule_id, f"that is the id of a {other}")
        close = nearest(rule_id, [known for name, known in self.documents if name == kind])
        return UnknownRule(kind, rule_id, f"did you mean {close}?" if close else None)

    def newest(self, kind: str, rule_id: str) -> Record | None:
        """Return the newest version by `effective_from`, or None."""
        records = self.documents.get((kind, rule_id), ())
        return records[-1] if records else None

    def of_kind(self, kind: type[D]) -> list[D]:
        """Return the newest version of every document of a kind."""
        return [
            cast("D", records[-1].document)
            for (name, _), records in sorted(self.documents.items())
            if name == kind.__name__
        ]

    def dependents(self, certification: str) -> frozenset[str]:
        """Return the certifications that ask for this one through `holds`, directly or not."""
        memo = self.memo.setdefault("dependents", {})
        if certification not in memo:
            found: set[str] = set()
            todo = [certification]
            while todo:
                wanted = todo.pop()
                fresh = {name for name, needed in self.holds.items() if wanted in needed} - found
                found |= fresh
                todo.extend(fresh)
            memo[certification] = frozenset(found)
        return cast("frozenset[str]", memo[certification])

    def selecting(self) -> tuple[Certification, ...]:
        """Return every version of what selects statements: certifications, and assignments as such."""
        if "selecting" not in self.memo:
            certified = (v.document for one in self.certifications.values() for v in one.versions)
            self.memo["selecting"] = (*certified, *self.assigned_paths())
        return cast("tuple[Certification, ...]", self.memo["selecting"])

    def assigned_paths(self) -> tuple[Certification, ...]:
        """Return the paths of all versions of assignments, each as what is decided like a certification."""
        records = (
            one for (kind, _), each in sorted(self.documents.items()) for one in each if kind == "Assignment"
        )
        return tuple(cast("Assignment", one.document).as_certification() for one in records)

    def names(self, language: str) -> Mapping[str, str]:
        """Return each title and label that is published -> what it is called in a language, else itself."""
        memo = self.memo.setdefault("names", {})
        if language not in memo:
            documents = [records[-1].document for _, records in sorted(self.documents.items())]
            own = {name: name for one in documents for name in _labels(plain(one))}
            memo[language] = own | {
                text: told for one in documents for text, told in one.translations.get(language, {}).items()
            }
        return cast("Mapping[str, str]", memo[language])

    def mode(self, certification: str, version: str | None) -> str:
        """Return the mode of a version of a certification: active, evaluate or disabled (cert#2.2)."""
        return self.modes.get(("Certification", certification, version or ""), "active")

    def version_order(self) -> Mapping[str, tuple[str, ...]]:
        """Return the versions of each certification by `effective_from` (for `version_at_least`)."""
        if "version_order" not in self.memo:
            self.memo["version_order"] = {
                name: tuple(
                    one.document.version for one in sorted(each.versions, key=lambda v: v.effective_at)
                )
                for name, each in self.certifications.items()
            }
        return cast("Mapping[str, tuple[str, ...]]", self.memo["version_order"])


def _labels(data: Any) -> Iterator[str]:
    """Yield the titles, labels, questions and answers in a document as plain data."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if key in NAMES and isinstance(value, str):
                yield value
            elif key == "answers":
                yield from map(str, value)
            elif key not in {"tests", "translations"}:
                yield from _labels(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _labels(value)


def effective_instant(document: AnyDocument, decided_at: dt.datetime) -> tuple[dt.date, dt.datetime]:
    """Return the first day of a version and its first instant in the programme zone (cert#2.2)."""
    timezone = timezone_of(document)
    day = document.effective_from or local_date(decided_at, timezone)
    return day, start_of(day, timezone)


def timezone_of(document: AnyDocument) -> str:
    """Return the programme zone of a document."""
    if isinstance(document, Certification):
        return document.validity.timezone
    dated = PartnerTiers | Assignment | Recall | Engagement
    return document.timezone if isinstance(document, dated) else "UTC"


def compile_rows(rows: list[Document], stamp: str = "") -> RuleSet:
    """Return the set that these records, oldest first, make."""
    records: dict[tuple[str, str], list[Record]] = defaultdict(list)
    modes = {
        (row["kind"], row["id"], row["version"]): row["mode"] for row in rows if row.get("mode") is not None
    }
    changes: dict[tuple[str, str], list[LifecycleChange]] = defaultdict(list)
    for row in rows:
        name = (row["kind"], row["id"])
        if row["action"] == "publish":
            records[name].append(_record(row, modes[*name, row["version"]]))
        changes[name] += _lifecycle(row)
    documents = {
        name: tuple(sorted(each, key=lambda one: (one.effective_at, one.seq)))
        for name, each in records.items()
    }
    certifications = {
        rule_id: _certification(rule_id, each, tuple(changes["Certification", rule_id]))
        for (kind, rule_id), each in documents.items()
        if kind == "Certification"
    }
    holds = {name: _needed(each) for name, each in certifications.items()}
    return RuleSet(
        stamp=stamp,
        certifications=MappingProxyType(certifications),
        documents=MappingProxyType(documents),
        releases=tuple(
            _release(each[-1]) for (kind, _), each in sorted(documents.items()) if kind == "Release"
        ),
        order=sort_by_prerequisite(holds),
        holds=MappingProxyType(holds),
        modes=MappingProxyType(modes),
    )


def _record(row: Document, mode: Any) -> Record:
    document = parse_resolved(row["resolved"])
    return Record(
        seq=row["seq"],
        action=row["action"],
        kind=row["kind"],
        id=row["id"],
        version=row["version"],
        mode=mode,
        hash=row["hash"],
        effective_at=row["effective_at"],
        decided_at=row["decided_at"],
        by=row.get("by"),
        plan=row.get("plan"),
        document=document if document.mode == mode else replace(document, mode=mode),
    )


@lru_cache(maxsize=1024)
def parse_resolved(text: str) -> AnyDocument:
    """Return the document of a stored resolved text; it was checked when it was published."""
    return build(json.loads(text, parse_float=Decimal))


def _lifecycle(row: Document) -> list[LifecycleChange]:
    """Return what a record changes in the lifecycle of its document (1, 2.2 `mode`)."""
    at, known = row["effective_at"], row["decided_at"]
    match row["action"]:
        case "retire":
            return [LifecycleChange("retired", at, known)]
        case "withdraw":
            return [LifecycleChange("withdrawn", at, known)]
        case _:
            if row.get("mode") == "disabled":
                return [LifecycleChange("disabled", at, known)]
            return [LifecycleChange("published", at, known)]


def _certification(
    rule_id: str, records: tuple[Record, ...], changes: tuple[LifecycleChange, ...]
) -> PublishedCertification:
    versions = tuple(
        PublishedVersion(
            document=cast("Certification", one.document),
            effective_at=one.effective_at,
            decided_at=one.decided_at,
        )
        for one in records
    )
    only_published = all(change.to == "published" for change in changes)
    return PublishedCertification(id=rule_id, versions=versions, lifecycle=() if only_published else changes)


def _release(record: Record) -> PublishedRelease:
    document = cast("Release", record.document)
    return PublishedRelease(
        document.product, document.release, document.level, document.published, record.decided_at
    )


def _needed(certification: PublishedCertification) -> frozenset[str]:
    """Return the certifications that any version asks for through `holds`."""
    versions = certification.versions
    return frozenset(name for version in versions for name in version.compiled.prerequisites)


def sort_by_prerequisite(holds: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return the certifications, each after those it needs; a cycle (refused at check) is cut somewhere."""
    done: dict[str, None] = {}
    path: set[str] = set()

    def visit(name: str) -> None:
        if name in done or name in path or name not in holds:
            return
        path.add(name)
        for needed in sorted(holds[name]):
            visit(needed)
        path.discard(name)
        done[name] = None

    for name in sorted(holds):
        visit(name)
    return tuple(done)
