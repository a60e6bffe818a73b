"""/instructor/rubrics: by which criteria people are assessed; each change is a new version."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, g, request

from lrs.api.rights import editor
from lrs.console.forms import sent
from lrs.console.shell import redirected
from lrs.foundation.context import current_services
from lrs.foundation.errors import Forbidden, InvalidField
from lrs.instruction import rubrics
from lrs.portal.teaching import Teaching, page
from lrs.words.reader import mark

Document = dict[str, Any]
SAVED: Final = mark("Saved as a new version; what was signed before keeps the version that it was signed by.")

blueprint = Teaching("instructor_rubrics", __name__)


@blueprint.get("/instructor/rubrics", scope="assess")
def listing() -> Response:
    """Show the rubrics that the instructor may use, and a form for a new one."""
    return page("rubrics.html", rubrics=rubrics.usable(current_services().db, g.principal.org))


@blueprint.post("/instructor/rubrics", scope="assess")
def make() -> Response:
    """Make a rubric."""
    made = rubrics.put_rubric(editor(), g.principal.org, wish(), None, current_services().settings.public_url)
    return redirected(f"/instructor/rubrics/{made['rubric']}")


@blueprint.get("/instructor/rubrics/<rubric>", scope="assess")
def rubric(rubric: str) -> Response:
    """Show a rubric, with the form of its next version for who may change it."""
    found = rubrics.get_rubric(current_services().db, g.principal.org, rubric)
    return page(
        "rubric.html",
        rubric=found, criteria=rubrics.written(found["criteria"]), is_own=found["org"] == g.principal.org,
        saved=SAVED if request.args.get("saved") else None,
    )  # fmt: skip


@blueprint.post("/instructor/rubrics/<rubric>", scope="assess")
def change(rubric: str) -> Response:
    """Make the next version of a rubric of the own organization."""
    services = current_services()
    before = rubrics.get_rubric(services.db, g.principal.org, rubric)
    if before["org"] != g.principal.org:
        raise Forbidden("this rubric belongs to an organization above yours; make one of your own")
    rubrics.put_rubric(editor(), g.principal.org, wish(), before, services.settings.public_url)
    return redirected(f"/instructor/rubrics/{rubric}?saved=yes")


def wish() -> Document:
    """Return the rubric of the form; raises InvalidField."""
    form = sent("title", "activity", "pass_mark")
    mark_text = form.pop("pass_mark", "")
    if mark_text and not (mark_text.isascii() and mark_text.isdigit() and len(mark_text) < 6):
        raise InvalidField("pass_mark", "is a number of points, or empty")
    return {
        **form,
        "criteria": rubrics.read_criteria(request.form.get("criteria", "")),
        "pass_mark": int(mark_text) if mark_text else None,
    }
