"""Forms of pages: what was sent, read by the very schemas of the API, with problems named by their field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import abort, g, redirect, request
from marshmallow import RAISE, Schema, ValidationError

from lrs.access import sessions
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField

Document = dict[str, Any]
LONGEST: Final = 40  # characters of the word of a form


def once(way_out: str) -> None:
    """Let a form that shows a secret be sent once: loading its answer again leads to `way_out`.

    The form carries a word of its own (`{{ once() }}`); where it was sent before, nothing is done again.
    """
    form = request.form.get("once", "")[:LONGEST]
    if form and not sessions.spend(current_services().db, g.session, form):
        abort(redirect(way_out, 303))


def sent(*names: str) -> dict[str, str]:
    """Return the fields of the form that are filled, each without blanks around."""
    found = {name: request.form.get(name, "").strip() for name in names}
    return {name: value for name, value in found.items() if value}


def read(schema: type[Schema], body: Mapping[str, Any]) -> Document:
    """Return a body as the API reads it; raises InvalidField for the first field that it refuses."""
    try:
        loaded: Document = schema(unknown=RAISE).load(body)
    except ValidationError as error:
        messages: dict[str, Any] = error.messages_dict
        name = min(messages)
        raise InvalidField(name, _first(messages[name])) from error
    return loaded


def _first(messages: Any) -> str:
    """Return the first message of a field, however deep it lies."""
    while not isinstance(messages, str):
        messages = messages[min(messages)] if isinstance(messages, dict) else messages[0]
    return messages
