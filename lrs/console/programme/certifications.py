"""Certifications: the catalogue with its holders; one with its rule in words, source, versions, people."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from flask import Response, request

from lrs.analysis.reports.report import Chart, Report
from lrs.api.rights import directory, visible_org, visible_orgs
from lrs.console.lists import Rows, Span, asked, cut, listed
from lrs.console.models.chart import Drawing, drawing
from lrs.console.models.diff import Hunk, hunks
from lrs.console.models.rule_words import rule_words
from lrs.console.models.states import HELD
from lrs.console.organizations.holders import (
    Counts,
    Trends,
    count_states,
    counted,
    ending,
    held_by_month,
)
from lrs.console.organizations.partners import names_of
from lrs.console.organizations.people import name_of, org_names
from lrs.console.shell import Pages, may, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.words.engine import titles
from rules import queries
from rules.catalogue.rule_set import RuleSet
from rules.catalogue.store import RuleStore, cache_of
from rules.language.model import Certification

Document = dict[str, Any]
READERS: Final = ("rules", "people", "analytics")
COLUMNS: Final = (
    "certification", "title", "version", "lifecycle", "role", "product", "level", "held", "ending",
    "in_progress",
)  # fmt: skip
HOLDERS: Final = (
    "person",
    "name",
    "certification",
    "state",
    "since",
    "awarded",
    "expires",
    "version",
    "award",
)
SOON: Final = 90  # days

blueprint = Pages("console_certifications", __name__)


def counts_now() -> tuple[Counts, dt.datetime]:
    """Return who is in which state, of the people whose state the user sees, and when that was counted."""
    services, members = current_services(), directory().members()
    if members is None:
        return services.part(counted).get()
    return count_states(services.db, services.now(), members), services.now()


@listed(blueprint, "/console/certifications", scope=READERS, template="certifications.html")
def catalogue(span: Span) -> Rows:
    """List the certifications with how many people hold them."""
    services, filters = current_services(), asked("q", "product")
    rules, (counts, counted_at) = cache_of(services.db).get(fresh=True), counts_now()
    rows = [
        row_of(rules, one, counts.get(one.id, {}), services.now()) for one in rules.of_kind(Certification)
    ]
    shown = [one for one in rows if fits(one, filters)]
    items, last = cut(shown, span, lambda one: [one["title"].lower(), one["certification"]])
    products = sorted({one["product"] for one in rows if one["product"]})
    return Rows(
        COLUMNS, items, last,
        {
            "filters": filters, "product_pairs": [(one, one) for one in products],
            "counted_at": counted_at, "total": len(rows),
        },
    )  # fmt: skip


def row_of(rules: RuleSet, document: Certification, counts: Any, now: dt.datetime) -> Document:
    """Return a certification as a row of the catalogue."""
    return {
        "certification": document.id, "title": document.title, "version": document.version,
        "mode": document.mode, "lifecycle": queries.lifecycle(rules, "Certification", document.id, now),
        "role": document.role, "product": document.product, "level": document.level,
        "held": sum(counts.get(name, 0) for name in HELD),
        "ending": sum(counts.get(name, 0) for name in ("renewal_open", "grace")),
        "in_progress": counts.get("in_progress", 0), "counts": dict(counts),
    }  # fmt: skip


def fits(row: Document, filters: dict[str, str]) -> bool:
    """Tell whether a certification is what was searched for."""
    words = filters.get("q", "").lower()
    named = words in row["title"].lower() or words in row["certification"].lower()
    return named and filters.get("product") in {None, row["product"]}


@blueprint.get("/console/certifications/<certification>", scope=READERS)
def certification(certification: str) -> Response:
    """Show one certification: its rule in words, who holds it, what ends soon; to rule authors its source."""
    services = current_services()
    rules, now = cache_of(services.db).get(fresh=True), services.now()
    newest = rules.newest("Certification", certification)
    if newest is None:
        raise rules.unknown("Certification", certification)
    document, (counts, counted_at) = newest.document, counts_now()
    until = now.date() + dt.timedelta(days=SOON)
    soon = sorted(
        ending(services.db, now, until, persons=directory().members(), certification=certification),
        key=lambda one: (one["expires"], one["person"]),
    )
    known = versions_of(certification)
    return show(
        "certification.html",
        one=document, words_of=rule_words(document, titles()), counts=counts.get(certification, {}),
        trend=_trend(certification), counted_at=counted_at, versions=known,
        by={one["by"]: name_of(one["by"]) for one in known if one.get("by")},
        soon=soon[:8], soon_count=len(soon),
        names=names_of({one["person"] for one in soon[:8]}), may_see_people=may("people"),
        lifecycle=queries.lifecycle(rules, "Certification", certification, now), sees_source=sees_source(),
        source=source_of(certification) if sees_source() else None,
    )  # fmt: skip


def _trend(certification: str) -> Drawing:
    """Return the drawing of how many held a certification over a year, of the people whom the user sees."""
    services, members = current_services(), directory().members()
    if members is None:
        months = services.part(Trends).of(certification)
    else:
        months = held_by_month(services.db, services.now(), certification, members)
    if not any(count for _, count in months):
        return Drawing()
    rows = [{"day": day, "held": count} for day, count in months]
    return drawing(Report("trend", "", "", ("day", "held"), rows, Chart("lines", "day", "held")))


def sees_source() -> bool:
    """Tell whether the user reads rule files: only the vendor's rule authors do."""
    return may("rules") and visible_orgs() is None


def source_of(certification: str, version: str | None = None) -> str:
    """Return the text of a version as it was published."""
    return str(queries.get_record(current_services().db, certification, version, "Certification")["source"])


def versions_of(certification: str) -> list[Document]:
    """Return the published versions, the newest first."""
    rows = [
        one
        for one in RuleStore(current_services().db).rows(rule_id=certification)
        if one["action"] == "publish"
    ]
    return sorted(rows, key=lambda one: (one["effective_at"], one["seq"]), reverse=True)


@blueprint.get("/console/certifications/<certification>/versions", scope="rules")
def versions(certification: str) -> Response:
    """Compare two versions of a certification; without names the two newest."""
    if visible_orgs() is not None:
        raise cache_of(current_services().db).get().unknown("Certification", certification)
    known = versions_of(certification)
    if not known:
        raise cache_of(current_services().db).get().unknown("Certification", certification)
    names = [one["version"] for one in known]
    new, old = request.args.get("new") or names[0], request.args.get("old") or names[min(1, len(names) - 1)]
    return show(
        "versions.html",
        title=titles().get(certification, certification), versions=known, old=old, new=new,
        kind="Certification", id=certification, back=f"/console/certifications/{certification}",
        hunks=compared("Certification", certification, old, new),
    )  # fmt: skip


def compared(kind: str, rule_id: str, old: str, new: str) -> list[Hunk]:
    """Return what differs between two versions; nothing for one and the same. Raises UnknownRule."""
    db = current_services().db
    return [] if old == new else hunks(queries.diff_versions(db, rule_id, old, new, kind))


@listed(
    blueprint,
    "/console/certifications/<certification>/holders",
    scope=("people", "rules"),
    template="holders.html",
)
def holders(span: Span, certification: str) -> Rows:
    """List who stands how in a certification, of the people whom the user sees."""
    services, filters = current_services(), asked("state", "org")
    rules = cache_of(services.db).get()
    if certification not in rules.certifications:
        raise rules.unknown("Certification", certification)
    if "org" in filters:
        visible_org(filters["org"])
    after = span.after[0] if span.after else None
    if span.after is not None and after is None:
        raise InvalidField("after", "is not a position of this list")
    states = [filters["state"]] if "state" in filters else ()
    found = list(
        queries.list_awards(
            services.db, services.now(), certification=certification, states=states,
            organization=filters.get("org"), persons=directory().members(), after=after, limit=span.limit + 1,
        )
    )  # fmt: skip
    rows = [one for one in found[: span.limit] if not one["evaluated"]]
    names = names_of({one["person"] for one in rows})
    items = [{**one, "name": names.get(one["person"], one["person"])} for one in rows]
    last = [found[span.limit - 1]["id"]] if len(found) > span.limit else None
    counts, _ = counts_now()
    context = {
        "filters": filters, "certification": certification,
        "title": titles().get(certification, certification), "orgs": org_names(),
        "counts": counts.get(certification, {}),
    }  # fmt: skip
    return Rows(HOLDERS, items, last, context)
