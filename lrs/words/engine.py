"""What the engine says, in the language of who reads: the forms of its sentences, each with a translation.

The engine speaks English, in answers, in records and to pages. A page shows a sentence by `engine(...)`: the
form that it has is looked up in the catalogue and filled with its own values. What has no form here stays
English; a test reads the explanations of the living example for such. Names of rules and labels are their
authors': they are told as the rule file's `translations` say, else as they are.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Mapping
from typing import Final, Literal

from babel.lists import format_list
from flask import current_app, g, has_app_context

from lrs.words import writing
from lrs.words.catalogues import DEFAULT
from lrs.words.reader import language, mark, spoken_date, spoken_day, t
from rules.catalogue.store import cache_of
from rules.language.model import Certification
from rules.wording.phrases import MONTHS, spoken

VALUES: Final = {
    "n": r"\d[\d.]*", "of": r"\d[\d.]*", "share": r"-?[\d.]+ %", "day": r"\d{4}-\d\d-\d\d", "word": r"\S+",
    "due": r"\d{4}-\d\d-\d\d", "date": rf"\d{{1,2}} (?:{'|'.join(MONTHS)}) \d{{4}}",
}  # fmt: skip
"""What stands for a name in a form; any other name stands for any text."""
WORDS: Final = {
    one: one
    for one in (
        mark("active"), mark("renewal_open"), mark("grace"), mark("expired"), mark("suspended"),
        mark("revoked"), mark("withdrawn"), mark("retired"), mark("best"), mark("any"), mark("completed"),
        mark("passed"), mark("failed"), mark("scored"), mark("attended"), mark("satisfied"), mark("waived"),
        mark("experienced"), mark("terminated"), mark("success"), mark("completion"),
    )
} | {"first": mark("the first"), "last": mark("the last"), "late": mark("came in late")}  # fmt: skip
"""Values that are words of the engine; some are words of pages too, with another meaning."""
SENTENCES: Final = frozenset({"rest", "first_part", "else_"})
"""Values that are sentences of the engine themselves."""
FORMS: Final = (
    # how far somebody is
    mark("nothing yet"), mark("no score yet"), mark("one of them"), mark("not held"), mark("in order"),
    mark("not in order"), mark("not in order in time"), mark("the same as last time"), mark("none"),
    mark("%(n)s of %(of)s"), mark("%(word)s since %(day)s"), mark("%(word)s until %(day)s"),
    mark("%(word)s %(share)s of 1 attempt, %(day)s"), mark("%(word)s %(share)s of %(n)s attempts, %(day)s"),
    mark("%(what)s is next, nothing yet"), mark("%(rest)s, but %(what)s on %(day)s disqualifies"),
    mark("%(word)s %(day)s"), mark("%(what)s %(word)s %(day)s"),
    # what is asked for
    mark("all"), mark("done"), mark("at least %(n)s"), mark("%(share)s or better, %(word)s attempt"),
    mark("%(n)s in all"), mark("in this order"), mark("in this order within %(span)s"), mark("in turn"),
    mark("another than last time"), mark("1 time"), mark("%(n)s times"), mark("1 activity"),
    mark("%(n)s activities"), mark("1 day"), mark("%(n)s days"), mark("1 week"), mark("%(n)s weeks"),
    mark("1 month"), mark("%(n)s months"), mark("1 year"), mark("%(n)s years"), mark("1 registration"),
    mark("%(n)s registrations"),
    # names of requirements without a label, and lines of a rule in words
    mark("All of these"), mark("One of these"), mark("%(n)s of these"), mark("Holds %(what)s"),
    mark("%(what)s, %(share)s or better"), mark("%(what)s, another than last time"),
    mark("%(what)s, in turn"),
    mark("%(what)s, %(n)s times"), mark("%(what)s, %(n)s in total"), mark("In this order: %(what)s"),
    mark("%(what)s, each time another one"), mark("In turn: %(what)s"),
    # why a statement does not count
    mark("practice mode"), mark("beyond what was launched"),
    mark("verb and result contradict each other"), mark("source not accepted"), mark("not signed"),
    mark("self-signed"), mark("signer is not in %(what)s"), mark("%(word)s is not true"),
    mark("%(word)s is not false"), mark("result extension %(what)s differs"), mark("context differs"),
    mark("late, rejected by a reviewer"), mark("outside the window"),
    mark("not later than the last award or final fact"), mark("older than the %(span)s span"),
    mark("no score"), mark("no number"),
    # what comes next
    mark("The certification is in force from %(day)s on."),
    mark("The certification is %(word)s since %(day)s: no new awards."),
    mark("Everything is there; the next statement that matches makes a new award."),
    mark("Asked for since %(day)s."), mark("Asked for since %(day)s, due by %(due)s."),
    mark("Asked for since %(day)s, it was due by %(due)s."),
    mark("The next attempt at %(what)s counts from %(day)s on."),
    mark("Ended on %(day)s: what it builds on was no longer held."),
    mark("Certified again only when a member of %(what)s agrees."),
    mark("Suspended since %(day)s, until what it builds on is held again."),
    mark("Suspended since %(day)s: %(what)s."), mark("Suspended since %(day)s."),
    mark("Revoked on %(day)s: %(what)s."), mark("Revoked on %(day)s."),
    mark("Withdrawn on %(day)s: %(what)s."), mark("Withdrawn on %(day)s."),
    mark("The evidence no longer meets this; %(span)s after that changed a person decides."),
    mark("The evidence no longer meets this; %(span)s after that changed it is decided again."),
    mark("A human decision is open: %(what)s."), mark("%(what)s needs %(n)s more: %(other)s."),
    mark("%(what)s needs %(other)s."), mark("Restored if %(what)s is done by %(day)s."),
    mark("If %(what)s is done by %(day)s the %(other)s still counts (%(word)s span)."),
    mark("If %(what)s are done by %(day)s the %(other)s still counts (%(word)s span)."),
    mark("Release %(other)s ends validity after %(day)s unless %(what)s is done."),
    mark("Version %(other)s ends validity after %(day)s unless %(what)s is done."),
    mark("The renewal window opens on %(day)s."), mark("Renewal is accepted until %(day)s."),
    mark("Valid until %(day)s."), mark("the certification is withdrawn"),
    mark("%(what)s: %(rest)s, required %(first_part)s (%(place)s)"),
    mark("%(what)s: %(rest)s, required %(first_part)s"),
    mark("%(what)s %(word)s or %(other)s"),
    # what a credential says of how something was met
    mark("Completed on %(date)s"), mark("Passed on %(date)s"), mark("Scored on %(date)s"),
    mark("Attended on %(date)s"), mark("Satisfied on %(date)s"), mark("Waived on %(date)s"),
    mark("Finished on %(date)s"), mark("Recognised on %(date)s"), mark("Recorded on %(date)s"),
    mark("%(n)s records, the last on %(date)s"), mark("%(share)s on %(date)s"),
)  # fmt: skip
"""Forms of sentences; of two that fit, the first counts."""
NAME: Final = re.compile(r"%\((\w+)\)s")
LENGTH: Final = re.compile(r"(\d+)-(hour|day|week|month|year)")
DAY: Final = re.compile(rf"\b{VALUES['day']}\b")
COORDINATE: Final = re.compile(r"(certification|role|product|level) (\S+)")
COORDINATES: Final = {
    "role": mark("role %(name)s"), "product": mark("product %(name)s"), "level": mark("level %(name)s"),
    "certification": "%(name)s",
}  # fmt: skip
ASKED_ABOUT: Final = {
    "role": mark("the role asked about"), "product": mark("the product asked about"),
    "level": mark("the level asked about"), "certification": mark("the certification asked about"),
}  # fmt: skip
"""What a placeholder of a gate stands for (cert#2.9)."""


def engine(text: str | None) -> str:
    """Return a sentence of the engine in the language of the request, its days as that writes them.

    What has no form stays as it is.
    """
    if not text:
        return ""
    named = names().get(text)
    if named:
        return named
    if language() == DEFAULT:
        return DAY.sub(lambda one: _day("day", one[0]), text)
    return _translated(text) or text


def names() -> Mapping[str, str]:
    """Return what published rules call things -> the same in the language of the request."""
    if not has_app_context():
        return {}
    name = language()
    if g.get("rule_names", ("", {}))[0] != name:
        services = current_app.extensions.get("laurel")
        g.rule_names = (name, cache_of(services.db).get().names(name) if services else {})
    found: Mapping[str, str] = g.rule_names[1]
    return found


def named(titles: Mapping[str, str]) -> dict[str, str]:
    """Return titles by id in the language of the request, where the rules have them in it."""
    known = names()
    return {key: known.get(title, title) for key, title in titles.items()}


def label(text: str) -> str:
    """Return a text of a rule file in the language of the request, where the rules have it in it."""
    return names().get(text, text)


def called(name: str) -> str:
    """Return an id as words, in the language of the request where the rules have them: `gold` is `Gold`."""
    words = spoken(name)
    return names().get(words, words)


def demanded(text: str) -> str:
    """Return what a tier or gate asks people to hold, such as `role sales, product edge`, for the reader.

    Certifications are told by their titles, placeholders by what they stand for; a label as it is.
    """
    parts = [COORDINATE.fullmatch(one) for one in text.split(", ")]
    return ", ".join(_demanded(*one.groups()) for one in parts if one) if all(parts) else label(text)


def _demanded(coordinate: str, value: str) -> str:
    if "{" in value:
        return t(ASKED_ABOUT[coordinate])
    return t(COORDINATES[coordinate], name=titles().get(value, value))


def titles() -> dict[str, str]:
    """Return the titles of certifications by id, in the language of the request."""
    services = current_app.extensions.get("laurel") if has_app_context() else None
    if services is None:
        return {}
    return named({one.id: one.title for one in cache_of(services.db).get().of_kind(Certification)})


def _translated(text: str) -> str | None:
    if text in WORDS:
        return t(WORDS[text])
    for form, pattern in _patterns():
        found = pattern.fullmatch(text)
        if found is not None:
            return t(form, **{name: _value(name, one) for name, one in found.groupdict().items()})
    return None


def _day(name: str, text: str) -> str:
    """Return a day as the reader's language writes it; what is in no calendar, as it is."""
    try:
        if name != "date":
            return spoken_day(dt.date.fromisoformat(text))
        day, month, year = text.split()
        return spoken_date(dt.date(int(year), MONTHS.index(month) + 1, int(day)))
    except ValueError:
        return text


def _value(name: str, text: str) -> str:
    if name in {"day", "due", "date"}:
        return _day(name, text)
    if name == "share":
        return writing.share(language(), text)
    if name in SENTENCES or name == "span":
        return _translated(text) or text
    if name == "word" and (length := LENGTH.fullmatch(text)):
        count, unit = length.groups()
        return _translated(f"{count} {unit}{'' if count == '1' else 's'}") or text
    known = names()
    if text in WORDS:
        return t(WORDS[text])
    whole = text[:1].upper() + text[1:]  # the engine lowers a label inside a sentence
    return known.get(text) or known.get(whole) or _listed(text, known) or text


def _listed(text: str, known: Mapping[str, str]) -> str | None:
    """Return an enumeration of names that the rules have in the reader's language; None for any other."""
    styles: tuple[tuple[str, Literal["standard", "or"]], ...] = (("and", "standard"), ("or", "or"))
    for last, style in styles:
        head, found, tail = text.rpartition(f" {last} ")
        parts = [*head.split(", "), tail] if found else []
        if parts and all(one in known for one in parts):
            return format_list([known[one] for one in parts], style, locale=language())
    return None


@functools.cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((form, re.compile(_pattern(form), re.DOTALL)) for form in FORMS)


def _pattern(form: str) -> str:
    """Return the expression of a form: its names are groups, everything else is itself."""
    parts = NAME.split(form)
    literal = [re.escape(one) for one in parts[::2]]
    groups = [f"(?P<{name}>{VALUES.get(name, '.+?')})" for name in parts[1::2]]
    return "".join(one + group for one, group in zip(literal, [*groups, ""], strict=True))
