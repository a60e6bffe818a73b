"""The pages of recipes: choose one, fill its fields, go on in the editor with a draft that is checked."""

from __future__ import annotations

from itertools import islice
from typing import Final

from flask import Response, g

from lrs.api.rights import vendor_only
from lrs.console.forms import read, sent
from lrs.console.models.checked import Checked
from lrs.console.programme import drafts, suggesting
from lrs.console.programme.rules import check_text
from lrs.console.recipes.catalogue import RECIPES, TITLE, Recipe
from lrs.console.recipes.filling import filled
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.words.engine import titles

SUGGESTED: Final = 100  # activities of a form

blueprint = Pages("console_recipes", __name__)


@blueprint.get("/console/rules/recipes", scope="rules")
def recipes() -> Response:
    """Show the recipes."""
    vendor_only()
    return show("recipes.html", recipes=RECIPES.values())


@blueprint.get("/console/rules/recipes/<recipe>", scope="rules")
def recipe(recipe: str) -> Response:
    """Show the form of a recipe, with an example in each field and what it would say."""
    vendor_only()
    found = found_recipe(recipe)
    return form(found, examples(found))


@blueprint.post("/console/rules/recipes/<recipe>", scope="rules")
def fill(recipe: str) -> Response:
    """Make a draft of what was filled in."""
    vendor_only()
    found, services = found_recipe(recipe), current_services()
    values = sent(*(one.name for one in (TITLE, *found.fields)))
    try:
        text = filled(found, read(found.schema, values))
    except InvalidField as error:
        return form(found, values, problem=error, status=422)
    checked = check_text(text)
    title = f"{checked.id} v{checked.version}" if checked.id else values["title"]
    kept = drafts.save_draft(services.db, g.principal.id, text, title=title, now=services.now())
    return redirected(f"/console/rules/drafts/{kept}?recipe={found.name}")


def found_recipe(name: str) -> Recipe:
    """Return a recipe; raises UnknownThing."""
    if name not in RECIPES:
        raise UnknownThing("recipe", name)
    return RECIPES[name]


def form(
    recipe: Recipe, values: dict[str, str], *, problem: InvalidField | None = None, status: int = 200
) -> Response:
    """Return the page of a recipe."""
    return show(
        "recipe.html", status,
        recipe=recipe, fields=(TITLE, *recipe.fields), values=values, problem=problem,
        certifications=sorted(titles().items(), key=lambda one: one[1]), example=example(recipe),
        suggested={
            "activities": list(islice(suggesting.activities(""), SUGGESTED)),
            "groups": suggesting.store_names("groups"),
        },
    )  # fmt: skip


def example(recipe: Recipe) -> Checked:
    """Return what a recipe says with the examples of its fields, checked."""
    return check_text(filled(recipe, read(recipe.schema, examples(recipe))))


def examples(recipe: Recipe) -> dict[str, str]:
    """Return what the fields of a recipe begin with: names of the store where it has some."""
    known = {"certifications": min(titles(), default="another")}
    known |= {"groups": min((name for name, _ in suggesting.store_names("groups")), default="assessors")}
    return {one.name: known.get(one.suggests, one.example) for one in (TITLE, *recipe.fields)}
