"""Answers that last: each holds a thread of its process, so only so many are open at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from flask import Response, current_app, stream_with_context

from lrs.context import laurel
from lrs.refusals import TooManyStreams


def streamed(kind: str, body: Iterator[bytes], content_type: str, headers: dict[str, str]) -> Response:
    """Return a response that streams `body` in one of the places of its kind; TooManyStreams without one."""
    places = _places(kind)
    if not places.acquire(blocking=False):
        raise TooManyStreams
    response = Response(stream_with_context(body), content_type=content_type, headers=headers)
    response.call_on_close(places.release)
    return response


def _places(kind: str) -> threading.BoundedSemaphore:
    """Return the places of this process: a quarter of its threads, so that most stay for requests."""
    made = threading.BoundedSemaphore(max(1, laurel().settings.web_threads // 4))
    found: threading.BoundedSemaphore = current_app.extensions.setdefault(f"laurel_{kind}", made)
    return found
