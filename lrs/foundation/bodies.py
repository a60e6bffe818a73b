"""How bodies are read and sent: the plain way; `lrs.app` puts a faster one in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Request, Response
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge


def read_body(given: Request) -> bytes:
    """Return the body of a request.

    Raises werkzeug's RequestEntityTooLarge beyond `max_content_length`, and ClientDisconnected where less
    came than was told.
    """
    limit, told = given.max_content_length, given.content_length
    if limit is not None:
        if told is not None and told > limit:
            raise RequestEntityTooLarge
        given.max_content_length = limit + 1  # werkzeug cuts a body of untold length off there, silently
    body = given.get_data(cache=False)
    if limit is not None and len(body) > limit:
        raise RequestEntityTooLarge
    if told and len(body) < told:
        raise ClientDisconnected
    return body


@dataclass(frozen=True, slots=True)
class Bodies:
    """How one application reads bodies (`read`) and sends those that are finished (`answer`)."""

    read: Callable[[Request], bytes] = read_body
    answer: type[Response] = Response


PLAIN: Final = Bodies()
