"""The tier board: a programme's partners by tier as of any day, what moved since another, who falls when."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from lrs.api.rights import org_filter
from lrs.console.instants import asked_instant, read_instant
from lrs.console.lists import Rows, Span, asked, cut, listed
from lrs.console.models import tier_board as model
from lrs.console.models.partner import title_of
from lrs.console.organizations.partners import programme_now, regions
from lrs.console.shell import Pages
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.http.addresses import beside
from rules.catalogue.store import cache_of
from rules.language.model import PartnerTiers
from rules.programmes.tier_recording import steps_at, views_of

Document = dict[str, Any]
COLUMNS: Final = (
    "organization", "name", "region", "programme", "tier", "before", "moved", "since", "falls_at", "next_at",
    "next_tier",
)  # fmt: skip
COMPARED: Final = dt.timedelta(days=90)  # before the day, without another choice

blueprint = Pages("console_tiers", __name__)


@listed(blueprint, "/console/tiers", scope=("orgs", "people", "analytics"), template="tiers.html")
def tiers(span: Span) -> Rows:
    """List the partners of a programme by tier, as of a day and compared with another."""
    services, filters = current_services(), asked("programme", "region", "tier", "moved", "since", "at")
    rules = cache_of(services.db).get()
    programmes = {one.id: title_of(one) for one in rules.of_kind(PartnerTiers)}
    chosen = filters.get("programme") or next(iter(programmes), None)
    if chosen is not None and chosen not in programmes:
        raise InvalidField("programme", f"is one of {', '.join(programmes)}")
    at, is_other_day = asked_instant("at")
    since = read_instant("since", filters["since"]) if "since" in filters else at - COMPARED
    document = None if chosen is None else programme_now(rules, chosen, at)
    order = [] if document is None else list(document.order)
    rows = [] if chosen is None else rows_of(chosen, order, filters.get("region"), at, since)
    shown = [one for one in rows if fits(one, filters)]
    items, last = cut(shown, span, lambda one: model.key(one, order))
    context = {
        "filters": filters, "programmes": programmes, "chosen": chosen, "at": at, "since": since,
        "is_other_day": is_other_day, "columns": model.columns(rows, order), "total": len(shown),
        "ups": sum(one["moved"] == "up" for one in rows),
        "downs": sum(one["moved"] == "down" for one in rows),
        "as_list": "tier" in filters or "moved" in filters,
        "region_pairs": [(one, one) for one in regions()],
        "beside": beside,
    }  # fmt: skip
    return Rows(COLUMNS, items, last, context)


def rows_of(
    programme: str, order: list[str], region: str | None, at: dt.datetime, since: dt.datetime
) -> list[Document]:
    """Return the place of each partner that the user sees, and that has or had a tier."""
    db = current_services().db
    asked_for = {**org_filter("_id"), **({"region": region} if region else {})}
    orgs = {one["_id"]: one for one in db.orgs.find(asked_for, {"name": 1, "region": 1})}
    rows = (model.row_of(one, order) for one in steps_at(db, views_of([programme], orgs), at, since))
    return [
        {**one, "name": orgs[one["organization"]]["name"], "region": orgs[one["organization"]].get("region")}
        for one in rows
        if one is not None
    ]


def fits(row: Document, filters: dict[str, str]) -> bool:
    """Tell whether a partner is what the list was narrowed to; `tier=-` asks for those without one."""
    tier = filters.get("tier")
    return tier in {None, row["tier"] or "-"} and filters.get("moved") in {None, row["moved"]}
