"""Deals beside certifications: cohorts certified before the deal against the others, with their uncertainty.

deals {_id: "<org>/<id>", org, id, partner, person, product, created, won, amount, imported_at}

`org` is the organization whose deal it is (the partner), so that a partner sees its own. What is compared are
groups that formed themselves: people choose to certify, so a difference is no proof of an effect.
"""

from __future__ import annotations

import csv
import datetime as dt
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, TextIO

from pymongo import ReplaceOne
from pymongo.database import Database

from lrs.analysis.award_states import holding_spans
from lrs.analysis.figures.interval import Interval
from lrs.analysis.readable_stores import Scope
from rules.engine.identity import find_person
from rules.errors import UnknownPerson

Document = dict[str, Any]
COLUMNS = ("id", "partner", "person", "product", "created", "won", "amount")
CAVEAT = (
    "People choose to certify: certified and other sellers differ in more than the certificate, "
    "so these differences do not show what certification causes."
)
BATCH = 1000
MOST_AMOUNT = 1e15  # squares of amounts are summed
TRUE, FALSE = {"true", "1", "yes", "won"}, {"false", "0", "no", "lost"}


@dataclass(slots=True)
class DealReport:
    """What an import of deals did; refused rows as (line, reason)."""

    imported: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


def import_csv(
    db: Database[Document],
    file: TextIO,
    now: dt.datetime,
    *,
    only: set[str] | None = None,
    dry_run: bool = False,
    done: Callable[[int], None] = lambda _: None,
) -> DealReport:
    """Import deals by id; a deal that comes again is replaced.

    Columns: id, partner, person, product, created, won, amount. `won` is true, false or empty (still open);
    dates are YYYY-MM-DD; the person is an id or an address. `only` names a partner's organizations.
    """
    reader = csv.DictReader(file)
    missing = [c for c in ("id", "partner", "created") if c not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(f"the columns {', '.join(missing)} are missing; expected {', '.join(COLUMNS)}")
    orgs = {org["_id"] for org in db.orgs.find({}, {"_id": 1}) if only is None or org["_id"] in only}
    people = None if only is None else set(db.affiliations.distinct("person", {"org": {"$in": sorted(only)}}))
    report = DealReport()
    batch: list[Document] = []
    for row in reader:
        try:
            batch.append(deal_of(db, row, orgs, now, people))
            report.imported += 1
        except ValueError as error:
            report.refused.append((reader.line_num, str(error)))
        if len(batch) >= BATCH:
            _write(db, batch, dry_run=dry_run)
            batch = []
        done(reader.line_num)
    _write(db, batch, dry_run=dry_run)
    return report


def deal_of(
    db: Database[Document],
    row: dict[str, str | None],
    orgs: set[str],
    now: dt.datetime,
    people: set[str] | None = None,
) -> Document:
    """Return the deal of a row; ValueError says which value is wrong. Nobody outside of `people` is known."""
    given = {name: (row.get(name) or "").strip() for name in COLUMNS}
    if not given["id"] or len(given["id"]) > 200:
        raise ValueError("id is empty or longer than 200 characters")
    if given["partner"] not in orgs:
        raise ValueError(f"partner {given['partner']!r} is not an organization")
    return {
        "_id": f"{given['partner']}/{given['id']}",
        "org": given["partner"],
        "id": given["id"],
        "partner": given["partner"],
        "person": _person(db, given["person"], people, now),
        "product": given["product"] or None,
        "created": _day(given["created"]),
        "won": _won(given["won"]),
        "amount": _amount(given["amount"]),
        "imported_at": now,
    }


def _person(db: Database[Document], text: str, people: set[str] | None, now: dt.datetime) -> str | None:
    if not text:
        return None
    try:
        person = find_person(db, text, now)
    except UnknownPerson:
        person = ""
    if not person or (people is not None and person not in people):
        raise ValueError(f"person {text!r} is unknown")
    return person


def _day(text: str) -> dt.datetime:
    try:
        return dt.datetime.combine(dt.date.fromisoformat(text[:10]), dt.time(), dt.UTC)
    except ValueError:
        raise ValueError(f"created {text!r} is not a date YYYY-MM-DD") from None


def _won(text: str) -> bool | None:
    if text and text.lower() not in TRUE | FALSE:
        raise ValueError(f"won {text!r} is not true, false or empty")
    return text.lower() in TRUE if text else None


def _amount(text: str) -> float | None:
    try:
        amount = Decimal(text) if text else None
    except InvalidOperation:
        raise ValueError(f"amount {text!r} is not a number") from None
    if amount is not None and not (amount.is_finite() and 0 <= amount <= MOST_AMOUNT):
        raise ValueError(f"amount {text[:40]!r} is not a number from 0 to {MOST_AMOUNT:.0e}")
    return None if amount is None else float(amount)


def _write(db: Database[Document], batch: Sequence[Document], *, dry_run: bool) -> None:
    if batch and not dry_run:
        db.deals.bulk_write([ReplaceOne({"_id": d["_id"]}, d, upsert=True) for d in batch], ordered=False)


@dataclass(frozen=True, slots=True)
class Cohort:
    """One group of deals: how many, how many decided and won, how large, how long after certification."""

    name: str
    deals: int
    people: int
    decided: int
    won: int
    win_rate: Interval
    mean_amount: Interval
    deals_per_person: float | None
    median_lag_days: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The cohorts of one certification, the differences, and what must be said with them."""

    certification: str
    cohorts: tuple[Cohort, ...]
    win_rate_difference: Interval
    amount_difference: Interval
    caveat: str = CAVEAT


def compare(
    db: Database[Document],
    scope: Scope,
    certification: str,
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    product: str | None = None,
) -> Comparison:
    """Compare the deals of people who held the certification when the deal was created with the others.

    Deals without a person count in neither. Win rates have Wilson intervals and a Newcombe interval for their
    difference, mean amounts of won deals t intervals and a Welch interval, all at 95 %.
    """
    statistics = importlib.import_module(
        "lrs.analysis.figures.confidence_intervals"
    )  # scipy takes a second to load
    held = {
        standing["person"]: holding_spans(standing["states"])
        for standing in db.standings.find({"org": "vendor", "certification": certification})
    }
    wanted: Document = {**scope.filter(), "person": {"$ne": None}}
    if period := {k: v for k, v in (("$gte", since), ("$lt", until)) if v is not None}:
        wanted["created"] = period
    if product is not None:
        wanted["product"] = product
    certified: list[Document] = []
    others: list[Document] = []
    for deal in db.deals.find(wanted):
        at, spans = deal["created"], held.get(deal["person"], [])
        began = next((start for start, end in spans if start <= at and (end is None or at < end)), None)
        deal["lag"] = None if began is None else (at - began).days
        (others if began is None else certified).append(deal)
    first = _cohort("certified before the deal", certified, statistics)
    second = _cohort("not certified", others, statistics)
    return Comparison(
        certification,
        (first, second),
        statistics.rate_difference(first.win_rate, second.win_rate),
        statistics.mean_difference(_amounts(certified), _amounts(others)),
    )


def _cohort(name: str, deals: Sequence[Document], statistics: Any) -> Cohort:
    decided = [deal for deal in deals if deal["won"] is not None]
    won = sum(deal["won"] for deal in decided)
    people = {deal["person"] for deal in deals}
    lags = sorted(deal["lag"] for deal in deals if deal["lag"] is not None)
    return Cohort(
        name=name,
        deals=len(deals),
        people=len(people),
        decided=len(decided),
        won=won,
        win_rate=statistics.wilson(won, len(decided)),
        mean_amount=statistics.mean_interval(_amounts(deals)),
        deals_per_person=round(len(deals) / len(people), 2) if people else None,
        median_lag_days=float(lags[len(lags) // 2]) if lags else None,
    )


def _amounts(deals: Sequence[Document]) -> list[float]:
    return [deal["amount"] for deal in deals if deal["won"] and deal["amount"] is not None]
