"""gunicorn's own threaded worker, with errors answered in our form: for LRS_FAST_PATH=off."""

from __future__ import annotations

from gunicorn.workers.gthread import ThreadWorker

from lrs.http.refused_requests import AnswersErrors


class PlainWorker(AnswersErrors, ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gthread: a proxy in front has to keep slow clients away from it."""
