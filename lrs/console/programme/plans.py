"""Plans: what a publication would do, by person, who loses first; and its application."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from bson import ObjectId
from bson.errors import InvalidId
from flask import Response, request
from pymongo.collection import Collection
from pymongo.database import Database

from lrs.api.programme.rules import ReviewBody, who
from lrs.api.rights import vendor_only
from lrs.console.forms import read, sent
from lrs.console.lists import PAGE, Rows, Span, asked, listed
from lrs.console.models.explained import told as tree
from lrs.console.models.planned import GateMove, Source, gate_moves, head, source, state, why
from lrs.console.organizations.people import name_of, org_names
from lrs.console.programme import planning
from lrs.console.programme.restoring import restored_text
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.words.engine import titles
from lrs.words.reader import mark, t
from rules import queries
from rules.catalogue.store import cache_of
from rules.errors import StalePlan
from rules.language.model import Gate, PartnerTiers
from rules.publication import plans, reviews
from rules.publication.explained_sides import explained_sides
from rules.stored import VENDOR

Document = dict[str, Any]
SAID: Final = {
    "approve": (mark("approves"), "good"),
    "object": (mark("objects"), "bad"),
    "comment": (mark("comments"), "open"),
}
"""What a review says of a plan: word and tone."""
COLUMNS: Final = (
    "change", "person", "name", "organization", "certification", "at", "before", "after", "reason", "missing",
    "why", "rule_line",
)  # fmt: skip
FILTERS: Final = ("certification", "organization", "reason")
GROUPS: Final = {
    "organization": mark("by partner"), "reason": mark("by reason"), "certification": mark("by certification")
}  # fmt: skip
MOST: Final = 200  # groups that are shown

blueprint = Pages("console_plans", __name__)


def found_plan(plan: str) -> Document:
    """Return a plan without its people; raises UnknownPlan."""
    vendor_only()
    found = current_services().db.plans.find_one({"_id": plan, "org": VENDOR})
    if found is None:
        raise plans.UnknownPlan(plan)
    return found


@listed(blueprint, "/console/plans/<plan>", scope="rules", template="plan.html")
def plan(span: Span, plan: str) -> Rows:
    """Show what a plan does: counts, then the people of one kind of change, the greatest harm first."""
    found = found_plan(plan)
    rows, last, context = rows_of(found, span)
    return Rows(COLUMNS, rows, last, context)


def rows_of(found: Document, span: Span) -> tuple[list[Document], list[Any] | None, Document]:
    """Return a page of a plan's people, where the next begins, and what the page needs beside."""
    services, given = current_services(), asked("change", "by", *FILTERS, longest=1000)
    top = head(found, given.get("change"), services.now())
    wanted: Document = {"plan": found["_id"], **{name: given[name] for name in FILTERS if name in given}}
    lines = services.db.plan_asked if top.chosen == "asked" else services.db.plan_people
    if top.chosen != "asked":
        wanted["change"] = top.chosen
    groups = grouped(lines, wanted, given.get("by"))
    if span.after is not None:
        try:
            wanted["_id"] = {"$gt": ObjectId(str(span.after[0]))}
        except (InvalidId, IndexError) as error:
            raise InvalidField("after", "is not a position of this list") from error
    seen = list(lines.find(wanted).sort("_id", 1).limit(span.limit + 1))
    sources = sources_of(found)
    shown = [told(one, sources) for one in seen[: span.limit]]
    me, two_persons = who(vendor_only()), services.settings.two_persons
    said = found.get("reviews", [])
    context = {
        "plan": found, "head": top, "titles": titles(), "orgs": org_names(), "said": SAID,
        "names": {by: name_of(by) for by in {found["by"], *(one["by"] for one in said)}}, "reviews": said,
        "blocked": blocked(found, me, two_persons=two_persons), "by_me": found["by"] == me,
        "longest": reviews.LONGEST, "sources": sources, "gates": list(gates_of(found)),
        "outdated": plans.overtaken(cache_of(services.db).get(fresh=True), found)
        if top.state == "open" else None,
        "given": given, "groups": groups, "GROUPS": GROUPS, "by": given.get("by"),
        "undoable": any(one["base_version"] for one in found["documents"]) and not found.get("withdraw"),
    }  # fmt: skip
    return shown, [str(shown[-1]["_id"])] if len(seen) > len(shown) else None, context


def told(row: Document, sources: Sequence[Source]) -> Document:
    """Return a row with its reason in words and the line of the rule behind it."""
    if "missing" not in row:  # of whom something is asked
        return row
    found = why(row, sources)
    return row | {"why": found.text, "rule_line": found.line, "rule_file": found.file}


def sources_of(found: Document) -> list[Source]:
    """Return the files of a plan, beside the versions that they replace."""
    db = current_services().db
    return [
        source(document, kept["text"], source_before(db, document))
        for document, kept in zip(found["documents"], found["sources"], strict=False)
    ]


def source_before(db: Database[Document], document: Document) -> str | None:
    """Return the text of the version that a document of a plan replaces."""
    if not document["base_version"]:
        return None
    record = queries.get_record(db, document["id"], document["base_version"], document["kind"])
    return str(record["source"])


def grouped(lines: Collection[Document], wanted: Document, by: str | None) -> list[tuple[str, int]]:
    """Return how many rows of a plan there are for each partner, reason or certification, most first."""
    if by is None:
        return []
    if by not in GROUPS:
        raise InvalidField("by", f"is one of {', '.join(GROUPS)}")
    steps: list[Document] = [
        {"$match": wanted}, {"$group": {"_id": f"${by}", "count": {"$sum": 1}}},
        {"$sort": {"count": -1, "_id": 1}}, {"$limit": MOST},
    ]  # fmt: skip
    return [(row["_id"] or "", row["count"]) for row in lines.aggregate(steps)]


def gates_of(found: Document) -> Iterator[GateMove]:
    """Yield the gates that would open or close for partners whose tier moves."""
    if found["tiers"]:
        rules = cache_of(current_services().db).get()
        orders = {one.id: one.order for one in rules.of_kind(PartnerTiers)}
        yield from gate_moves(list(rules.of_kind(Gate)), orders, found["tiers"])


@blueprint.get("/console/plans/<plan>/people/<person>/<certification>", scope="rules")
def sides(plan: str, person: str, certification: str) -> Response:
    """Explain how somebody stands under the rules now, beside how they would if the plan were applied."""
    found, services = found_plan(plan), current_services()
    wanted = {"plan": plan, "person": person, "certification": certification}
    row = services.db.plan_people.find_one(wanted)
    if row is None:
        raise UnknownThing("row of this plan", f"{person} {certification}")
    if state(found, services.now()) == "applied":
        return redirected(f"/console/people/{person}/certifications/{certification}")
    before, after = explained_sides(services.db, found, person, certification, row["at"])
    return show(
        "plan_sides.html",
        plan=found, row=told(row, sources_of(found)), titles=titles(), orgs=org_names(),
        sides=[(one, None if one is None else tree(one)) for one in (before, after)],
    )  # fmt: skip


@blueprint.post("/console/plans/<plan>/undo", scope="rules")
def undo(plan: str) -> Response:
    """Plan to publish, under a new number each, the versions that an applied plan replaced."""
    principal, services, found = vendor_only(), current_services(), found_plan(plan)
    former = [one for one in found["documents"] if one["base_version"]]
    if found.get("applied_at") is None or not former:
        said = t("There is no version before: what is new is retired, or changed by another version.")
        return again_with(found, said, 409)
    texts = [restored_text(services.db, one["kind"], one["id"], one["base_version"]) for one in former]
    files = [(f"{one['id']}.yaml", text) for one, text in zip(former, texts, strict=True)]
    return planning.begin(files, who(principal))


def blocked(found: Document, me: str, *, two_persons: bool) -> str | None:
    """Return why this reader cannot apply a plan as its reviews stand, or None."""
    try:
        plans.refuse_unreviewed(found, me, two_persons=two_persons)
    except plans.ObjectedPlan as error:
        names = ", ".join(map(name_of, error.by))
        return t("%(names)s objects: approval, or a new plan, opens it.", names=names)
    except plans.SamePerson:
        return t("This installation asks for two persons: somebody else has to approve or apply it.")
    return None


@blueprint.post("/console/plans/<plan>/apply", scope="rules")
def apply(plan: str) -> Response:
    """Publish what a plan says, once whoever does so wrote how many people lose by it."""
    principal, services, found = vendor_only(), current_services(), found_plan(plan)
    lose = found["summary"].get("lose", 0)
    if lose and request.form.get("count", "").strip() != str(lose):
        said = t("Write %(count)s, the number of people who lose, to apply this plan.", count=lose)
        return again_with(found, said, 422)
    try:
        plans.apply_plan(
            services.db, plan, services.now(), who(principal), two_persons=services.settings.two_persons
        )
    except StalePlan as error:
        return again_with(found_plan(plan), str(error), 409)
    except plans.ObjectedPlan:
        return again_with(found_plan(plan), t("Somebody objects to this plan."), 409)
    return redirected(f"/console/rules?applied={plan}")


@blueprint.post("/console/plans/<plan>/reviews", scope="rules")
def review(plan: str) -> Response:
    """Approve a plan, object to it, or comment: what the button says."""
    principal, services = vendor_only(), current_services()
    body = read(ReviewBody, sent("verdict", "comment"))
    try:
        reviews.review_plan(services.db, plan, services.now(), who(principal), **body)
    except plans.ReviewMissing:
        said = t("Say why: an objection or a comment needs a text.")
        return again_with(found_plan(plan), said, 422)
    except (StalePlan, plans.SamePerson) as error:
        return again_with(found_plan(plan), str(error), 409)
    return redirected(f"/console/plans/{plan}#reviews")


def again_with(found: Document, problem: str, status: int) -> Response:
    """Return the page of a plan with what kept it from being applied."""
    rows, _, context = rows_of(found, Span(None, PAGE))
    return show(
        "plan.html", status,
        rows=rows, onward=None, twins=None, problem=problem, **context,
    )  # fmt: skip


@blueprint.post("/console/plans/<plan>/again", scope="rules")
def again(plan: str) -> Response:
    """Plan the same files anew, against what is there now."""
    principal, found = vendor_only(), found_plan(plan)
    texts = [(one["file"], one["text"]) for one in found["sources"]]
    return planning.begin(texts, who(principal))
