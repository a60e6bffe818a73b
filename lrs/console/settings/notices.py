"""How notices read in each language, and the vendor's own words for them: seen first, then kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, g, request

from lrs.access.organizations import VENDOR
from lrs.api.rights import editor, vendor_only
from lrs.console.forms import sent
from lrs.console.lists import asked
from lrs.console.settings.overview import PLACE
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.messaging import own_notice_texts as own
from lrs.messaging.notice_texts import LANGUAGES, default_of, kinds, preview
from lrs.words.catalogues import PLURALS, form_of
from lrs.words.reader import language

Words = str | list[str]
NOTICES: Final = f"{PLACE}/notices"
FIELDS: Final = {"subject": "subject", "text": "text", "action": "link"}  # `action` is what the button says

blueprint = Pages("console_notices", __name__)


@blueprint.get(NOTICES, scope="orgs")
def notices() -> Response:
    """Show how a notice reads in a language, with made-up names; to the vendor with its words to change."""
    filters = asked("kind", "language")
    kind, chosen = filters.get("kind", kinds()[0]), filters.get("language", language())
    if kind not in kinds() or chosen not in LANGUAGES:
        raise InvalidField("kind", f"is one of {', '.join(kinds())}, in one of {', '.join(LANGUAGES)}")
    return _shown(kind, chosen)


@blueprint.post(f"{NOTICES}/words", scope="orgs")
def change() -> Response:
    """Show a notice in new words, keep them, or go back to the default: what the button says."""
    vendor_only()
    form = sent("kind", "language", "version", "action")
    kind, chosen, action = form.get("kind", ""), form.get("language", ""), form.get("action")
    version = int(form["version"]) if form.get("version", "").isdecimal() else None
    here = f"{NOTICES}?kind={kind}&language={chosen}"
    if action == "default":
        own.restore_default(editor(), kind, chosen, version)
        return redirected(here)
    words = _given()
    try:
        if action == "keep":
            own.set_text(editor(), kind, chosen, words, version)
            return redirected(here)
        return _shown(kind, chosen, words, tried=own.checked(kind, chosen, words))
    except InvalidField as problem:
        return _shown(kind, chosen, words, problem=str(problem))


def _given() -> dict[str, Words]:
    """Return the words of the form: a part with several fields has a form in each."""
    found: dict[str, Words] = {}
    for name, longest in own.LONGEST.items():
        sent_forms = request.form.getlist(FIELDS[name])[: len(PLURALS["ar"])]
        given = [one[: 2 * longest] for one in sent_forms]
        if given:
            found[name] = given if len(given) > 1 else given[0]
    return found


def _shown(
    kind: str,
    chosen: str,
    words: Mapping[str, Words] | None = None,
    *,
    tried: Mapping[str, Words] | None = None,
    problem: str | None = None,
) -> Response:
    """Return the page of a notice: as it is told now, or as it would be in words that were tried."""
    services = current_services()
    texts = own.own_texts(services.db)
    kept = own.own_text(services.db, kind, chosen)
    default = default_of(kind, chosen)
    told = {**texts, (kind, chosen): tried} if tried is not None else texts
    made = preview(services.settings, kind, chosen, services.now(), told)
    text = next(one for one in made.iter_parts() if one.get_content_type() == "text/plain")
    parts = {name: _forms((words or kept or default).get(name, default[name])) for name in default}
    return show(
        "notices.html", 422 if problem else 200,
        kind=kind, chosen=chosen, kinds=kinds(), languages=LANGUAGES, subject=made["Subject"],
        text=text.get_content(), parts=parts, default={name: _forms(default[name]) for name in default},
        longest=own.LONGEST, fields=FIELDS, examples=_examples(chosen), values=own.values_of(kind), kept=kept,
        subjects={one: _forms(default_of(one, language())["subject"])[-1] for one in kinds()},
        changed=sorted(texts), problem=problem, tried=tried is not None, of_vendor=g.principal.org == VENDOR,
    )  # fmt: skip


def _forms(words: Any) -> list[str]:
    return [words] if isinstance(words, str) else list(words)


def _examples(chosen: str) -> list[int]:
    """Return for each form that a language has a number that takes it."""
    forms = [str(place) for place in range(len(PLURALS[chosen]))]
    numbers = [*range(1, 200), 0]
    return [next(n for n in numbers if form_of(chosen, n, forms) == one) for one in forms]
