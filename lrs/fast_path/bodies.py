"""Bodies read in one piece and sent as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from flask import Request, Response
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from lrs.foundation.bodies import Bodies

Environ = dict[str, Any]

LONGEST_NUMBER = 18  # digits of a length that is worth reading


class Answer(Response):
    """A body that is finished, with its own headers, sent as it is.

    werkzeug looks for relative addresses among the headers and for the body's length once more.
    """

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as a WSGI application."""
        if environ["REQUEST_METHOD"] == "HEAD" or self.status_code != 200:
            return super().__call__(environ, start_response)
        start_response(self.status, self.headers.to_wsgi_list())
        return cast("list[bytes]", self.response)


def read_body(given: Request) -> bytes:
    """Return the body, in one read.

    werkzeug reads into buffers of 64 KB, then once more for the end, and cuts a body of untold length off
    at the limit. Raises its RequestEntityTooLarge, and ClientDisconnected where less came than was told.
    """
    environ, limit = given.environ, given.max_content_length
    told = environ.get("CONTENT_LENGTH") or ""
    is_told = told.isascii() and told.isdigit() and "HTTP_TRANSFER_ENCODING" not in environ
    if limit is None or not (is_told or environ.get("wsgi.input_terminated")):
        return given.get_data(cache=False)
    if is_told and (len(told) > LONGEST_NUMBER or int(told) > limit):
        raise RequestEntityTooLarge
    try:
        body: bytes = environ["wsgi.input"].read(int(told) if is_told else limit + 1)
    except (OSError, ValueError) as error:
        raise ClientDisconnected from error
    if is_told and len(body) != int(told):
        raise ClientDisconnected
    if len(body) > limit:
        raise RequestEntityTooLarge
    return body


FAST: Final = Bodies(read_body, Answer)
