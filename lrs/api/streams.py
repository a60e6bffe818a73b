"""Answers that last, and questions that may: each holds a thread of its process, so only so many at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from flask import Response, stream_with_context

from lrs.access.auth import current_principal
from lrs.access.limits import Limits
from lrs.foundation.context import Services, current_services
from lrs.foundation.errors import TooManyStreams

EXPORTS: Final = "exports"


def streamed(kind: str, body: Iterator[bytes], content_type: str, headers: dict[str, str]) -> Response:
    """Return a response that streams `body` in one of the places of its kind; TooManyStreams without one.

    An export takes one of its organization's places as well; LimitReached.
    """
    with ExitStack() as held:
        places = _places(kind)
        if not places.acquire(blocking=False):
            raise TooManyStreams
        held.callback(places.release)
        if kind == EXPORTS:
            held.enter_context(current_services().part(Limits).export(current_principal().org))
        response = Response(stream_with_context(body), content_type=content_type, headers=headers)
        response.call_on_close(held.pop_all().close)
    return response


@contextmanager
def answering() -> Iterator[None]:
    """Hold a place for a question to the history while it is answered; TooManyStreams without one.

    One organization's questions take a quarter of the threads, those of all of them a half.
    """
    with ExitStack() as held:
        for kind, share in (("questions", 2), (f"questions of {current_principal().org}", 4)):
            places = _places(kind, share)
            if not places.acquire(blocking=False):
                raise TooManyStreams
            held.callback(places.release)
        yield


def _places(kind: str, share: int = 4) -> threading.BoundedSemaphore:
    """Return the places of this process: a quarter of its threads, so that most stay for requests."""
    services = current_services()
    made = threading.BoundedSemaphore(max(1, services.settings.web_threads // share))
    return services.part(_all_places).setdefault(kind, made)


def _all_places(_services: Services) -> dict[str, threading.BoundedSemaphore]:
    return {}
