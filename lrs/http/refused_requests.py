"""What gunicorn answers where no request reaches the application, in the form of Laurel's other answers.

The address may not be known then, so all of them carry what answers of xAPI carry, its version and CORS
(1.0.3 Communication 3.3), and all are problem documents, as errors of the API. They tell nothing of anybody.
"""

from __future__ import annotations

import logging
import uuid
from http import HTTPStatus
from typing import Any, Final

import orjson
from gunicorn import util
from gunicorn.http import errors

from lrs.http.problems import MEDIA_TYPE, members

Malformed = errors.ParseException  # what reading a body in chunks may raise
log = logging.getLogger("lrs.errors")

STATUS: Final[dict[type[Exception], int]] = {
    errors.LimitRequestLine: 414,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
    errors.ExpectationFailed: 417,
    errors.ForbiddenProxyRequest: 403,
    errors.ConfigurationProblem: 500,
    errors.InvalidResponseHeader: 500,
    errors.InvalidResponseHeaderName: 500,
    errors.ParseException: 400,
    TimeoutError: 408,
}


def status_of(error: BaseException) -> int:
    """Return the status by the nearest listed class of an error; 500 when none is listed."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


def answer(status: int, message: str, version: str) -> bytes:
    """Return a whole HTTP answer that ends its connection."""
    phrase = HTTPStatus(status).phrase
    name = phrase.title().replace(" ", "").replace("-", "")
    told = members(status, name, message, path=None, error_id=uuid.uuid4().hex[:12])
    body = orjson.dumps(told)
    lines = [
        f"HTTP/1.1 {status} {phrase}",
        f"Date: {util.http_date()}",
        "Connection: close",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        f"X-Experience-API-Version: {version}",
        "Access-Control-Allow-Origin: *",
        "Access-Control-Expose-Headers: X-Experience-API-Version",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


class AnswersErrors:
    """A part of worker classes: answers errors of the connection itself in our form."""

    version = "1.0.3"  # of answers to requests that name none

    def handle_error(self, _req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what the parser refuses, and 500 for a failure of the application around its handlers."""
        status = status_of(exc)
        if status == 500:
            log.error("a request failed outside of the application", exc_info=exc)
            message = "the server failed; its log has the reason"
        else:
            message = str(exc).encode("ascii", "backslashreplace").decode()[:200]
            log.info("refused a request of %s: %d %s", addr[0] if addr else "a local socket", status, message)
        try:
            util.write_nonblock(client, answer(status, message, self.version))
        except OSError:
            log.debug("the refused client is gone")
