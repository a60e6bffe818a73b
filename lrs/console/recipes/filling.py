"""From the fields of a form to the text of a rule file, with tests that follow from them. Pure."""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final

from dateutil.relativedelta import relativedelta
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from lrs.console.recipes.catalogue import Recipe
from rules.language.yaml_tree import WORDS

FIRST: Final = dt.datetime(2026, 1, 12, 9, tzinfo=dt.UTC)  # the day on which the tests begin


def filled(recipe: Recipe, values: Mapping[str, Any]) -> str:
    """Return the rule file that a recipe makes of its fields, as its schema read them."""
    months, percent = values.get("months", 0), values.get("percent", 100)
    return _template(recipe.name).render(
        **values,
        id=id_of(values["title"]),
        lasts=f"{months} months" if months else "forever",
        mark=Decimal(percent) / 100,
        below=Decimal(percent - 1) / 100,
        day=_day,
        end=lambda **far: (values["fixed"] + relativedelta(**far)).isoformat(),
    )


def id_of(title: str) -> str:
    """Return an id for a title: its letters and digits without accents, small, joined by hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    named = words if words[:1].isalpha() else f"certification-{words}"
    return named[:64].strip("-")


def _day(hours: int = 0, **far: Any) -> str:
    """Return a day some time after the first one; an instant where hours are given."""
    at = FIRST + relativedelta(**far)
    return f"{at + dt.timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" if hours else f"{at:%Y-%m-%d}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _named(name: str) -> str:
    """Return an id, in quotes where YAML would take it for something else than a text."""
    return _quoted(name) if name in WORDS else name


@cache
def _template(name: str) -> Template:
    environment = Environment(  # noqa: S701 -- YAML whose values are quoted or of a narrow form
        loader=PackageLoader("lrs", "templates/recipes"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(quoted=_quoted, named=_named)
    return environment.get_template(f"{name}.yaml")
