"""Plans: what a publication would do, by person, who loses first; and its application."""

from __future__ import annotations

from typing import Any, Final

from bson import ObjectId
from bson.errors import InvalidId
from flask import Response, request

from lrs.api.programme.rules import ReviewBody, who
from lrs.api.rights import vendor_only
from lrs.console.forms import read, sent
from lrs.console.language import mark, t
from lrs.console.lists import PAGE, Rows, Span, asked, listed
from lrs.console.models.planned import head
from lrs.console.organizations.people import org_names, titles
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.people.auto_enrolment import admit
from rules.errors import StalePlan
from rules.publication import plans, reviews
from rules.stored import VENDOR

Document = dict[str, Any]
SAID: Final = {
    "approve": (mark("approves"), "good"),
    "object": (mark("objects"), "bad"),
    "comment": (mark("comments"), "open"),
}
"""What a review says of a plan: word and tone."""
COLUMNS: Final = ("change", "person", "name", "certification", "at", "before", "after", "reason", "missing")

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
    services = current_services()
    top = head(found, asked("change").get("change"), services.now())
    wanted: Document = {"plan": found["_id"]}
    lines = services.db.plan_asked if top.chosen == "asked" else services.db.plan_people
    if top.chosen != "asked":
        wanted["change"] = top.chosen
    if span.after is not None:
        try:
            wanted["_id"] = {"$gt": ObjectId(str(span.after[0]))}
        except (InvalidId, IndexError) as error:
            raise InvalidField("after", "is not a position of this list") from error
    seen = list(lines.find(wanted).sort("_id", 1).limit(span.limit + 1))
    shown = seen[: span.limit]
    me, two_persons = who(vendor_only()), services.settings.two_persons
    said = found.get("reviews", [])
    context = {
        "plan": found, "head": top, "titles": titles(), "orgs": org_names(), "said": SAID,
        "names": {by: name_of(by) for by in {found["by"], *(one["by"] for one in said)}}, "reviews": said,
        "blocked": blocked(found, me, two_persons=two_persons), "by_me": found["by"] == me,
        "longest": reviews.LONGEST,
    }  # fmt: skip
    return shown, [str(shown[-1]["_id"])] if len(seen) > len(shown) else None, context


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


def name_of(by: str) -> str:
    """Return what whoever made a plan is called: a user's address, else how the record names them."""
    user = current_services().db.users.find_one({"_id": by.removeprefix("user:")}, {"email": 1})
    return str(user["email"]) if user else by


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
    principal, services, found = vendor_only(), current_services(), found_plan(plan)
    texts = [(one["file"], one["text"]) for one in found["sources"]]
    made = plans.make_plan(services.db, texts, services.now(), who(principal), admit)
    return redirected(f"/console/plans/{made['_id']}")
