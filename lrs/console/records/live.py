"""The live tail: what comes in at /xapi, as it comes; stored, sent again or refused; what it counts for."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from flask import g

from lrs.analysis.readable_stores import scope_of
from lrs.analysis.run import Analyst
from lrs.api.rights import directory, org_filter, visible_org
from lrs.console.instants import read_instant
from lrs.console.lists import Rows, Span, asked, listed
from lrs.console.models import asked_statements, live_lines
from lrs.console.models.live_lines import VERDICTS
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, may
from lrs.foundation.context import current_services
from lrs.words.engine import titles
from lrs.words.reader import n, t, when
from rules.catalogue.relevance import relevance_of
from rules.catalogue.store import cache_of
from rules.stored import VENDOR
from statements.storage.gathered import CODEC

Document = dict[str, Any]
COLUMNS: Final = (
    "key", "at", "at_text", "verdict", "word", "tone", "org", "store", "client", "who", "did", "what", "path",
    "place", "counts",
)  # fmt: skip
FIELDS: Final = (
    "id", "stored", "org", "client", "client_label", "actor", "actor_type", "verb", "object", "category",
    "grouping", "pending", "voided",
)  # fmt: skip
SECONDS: Final = 3.0

blueprint = Pages("console_live", __name__)


@listed(blueprint, "/console/live", scope="analytics", template="live.html")
def live(span: Span) -> Rows:
    """Show what came in last at the stores that the user reads; `since` asks for what is newer.

    Refusals and repeats are the business of who administers clients: scope `orgs`.
    """
    filters = asked("org", "kind", "client", "filter", "since", longest=2000)
    since = read_instant("since", filters["since"]) if "since" in filters else None
    wanted = filters.get("kind")
    kinds = {
        "stored": lambda: stored(filters, since, span.limit),
        "refused": lambda: refused(filters, since, span.limit),
        "repeated": lambda: repeated(filters, since, span.limit),
    }
    allowed = [name for name in kinds if name == "stored" or may("orgs")]
    chosen = [name for name in allowed if wanted in {None, name}]
    if "filter" in filters:
        chosen = [name for name in chosen if name == "stored"]  # the language speaks of statements
    orgs = org_names()
    lines = live_lines.newest((kinds[name]() for name in chosen), span.limit)
    context = {
        "filters": filters, "orgs": orgs, "titles": titles(), "now": current_services().now(),
        "verdicts": [(name, t(VERDICTS[name][0])) for name in allowed],
    }  # fmt: skip
    return Rows(COLUMNS, [shown(one, orgs) for one in lines], None, context)


def shown(line: Document, orgs: Mapping[str, str]) -> Document:
    """Return a line with its words in the reader's language, as page and script show it."""
    word, tone = VERDICTS[line["verdict"]]
    known = titles()
    said = [
        {
            "text": t("counts for %(title)s", title=title)
            if one["counted"]
            else t("looked at for %(title)s", title=title),
            "tone": "good" if one["counted"] else "open",
            "path": one["path"],
        }
        for one in line["counts"]
        if (title := known.get(one["certification"], one["certification"]))
    ]
    if line["waits"]:
        said.insert(0, {"text": t("waits for the engine"), "tone": "late", "path": None})
    return {
        **line, "word": t(word), "tone": tone, "at_text": when(line["at"]).striptags(),
        "store": orgs.get(line["org"], line["org"]), "counts": said,
    }  # fmt: skip


def stored(filters: Mapping[str, str], since: dt.datetime | None, limit: int) -> Iterable[Document]:
    """Yield the lines of the statements that were stored last."""
    services = current_services()
    scope = scope_of(services.db, g.principal, [filters["org"]] if "org" in filters else ())
    asked_for = {name: filters[name] for name in ("client", "filter") if name in filters}
    if since is not None:
        asked_for["since"] = since.isoformat()
    analyst = Analyst(services.db, scope, services.now(), max_seconds=SECONDS)
    rows = rows_of(analyst.ask(asked_statements.expression(asked_for, limit, None)).rows)
    people = people_of(rows)
    counted = evidence_of(people.values())
    tables = relevance_of(cache_of(services.db).get())
    for row in rows:
        person = people.get(row["actor"])
        resting = counted.get((person["_id"], str(row["id"])), ()) if person else ()
        yield live_lines.stored_line(row, tables.certifications(row) | set(resting), resting, person)


def rows_of(found: Sequence[Mapping[str, Any]]) -> list[Document]:
    """Return what the engine looks at of the statements that an answer names."""
    wanted = {
        "org": {"$in": sorted({one["org"] for one in found})},
        "id": {"$in": [uuid.UUID(str(one["id"])) for one in found]},
    }
    statements = current_services().db.get_collection("statements", codec_options=CODEC)
    return list(statements.find(wanted, dict.fromkeys(FIELDS, 1)))


def people_of(rows: Sequence[Document]) -> dict[str, Document]:
    """Return the people whom the user sees among the actors, by identifier."""
    if not may("people"):
        return {}
    ifis = sorted({row["actor"] for row in rows if row.get("actor")})
    whose = {"$and": [directory().filter(), {"ifis.ifi": {"$in": ifis}}]}
    found = current_services().db.people.find(whose, {"name": 1, "ifis": 1})
    return {
        one["ifi"]: person
        for person in found
        for one in person["ifis"]
        if one["ifi"] in ifis and one["until"] is None  # what arrives now is whose it is now
    }


def evidence_of(people: Iterable[Document]) -> dict[tuple[str, str], list[str]]:
    """Return the certifications whose awards rest on a statement, by person and statement."""
    ids = sorted({one["_id"] for one in people})
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for award in current_services().db.awards.find({"org": VENDOR, "person": {"$in": ids}}) if ids else ():
        for statement in {str(one) for period in award.get("periods", ()) for one in period["evidence"]}:
            found[award["person"], statement].append(award["certification"])
    return found


def refused(filters: Mapping[str, str], since: dt.datetime | None, limit: int) -> Iterable[Document]:
    """Yield the lines of what was refused last."""
    rows = current_services().db.inbound.find(of_clients(filters, since), {"text": 0})
    return map(live_lines.refused_line, rows.sort("_id", -1).limit(limit))


def repeated(filters: Mapping[str, str], since: dt.datetime | None, limit: int) -> Iterable[Document]:
    """Yield the lines of what was stored before and came again."""

    def say(count: int) -> str:
        return n(count, "%(n)s statement, stored once", "%(n)s statements, each stored once")

    rows = current_services().db.inbound_repeats.find(of_clients(filters, since))
    return (live_lines.repeated_line(one, say) for one in rows.sort("at", -1).limit(limit))


def of_clients(filters: Mapping[str, str], since: dt.datetime | None) -> Document:
    """Return the filter of what clients of visible organizations sent."""
    clauses: list[Document] = [org_filter()]
    if "org" in filters:
        clauses.append({"org": visible_org(filters["org"])})
    if "client" in filters:
        called = {"$or": [{"_id": filters["client"]}, {"label": filters["client"]}]}
        keys = [one["_id"] for one in current_services().db.clients.find(called, {"_id": 1})]
        clauses.append({"client": {"$in": keys}})
    if since is not None:
        clauses.append({"at": {"$gte": since}})
    return {"$and": clauses}
