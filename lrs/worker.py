"""`lrs worker`: the evaluation loop and scheduled jobs."""

from __future__ import annotations

import signal
import threading

from lrs.settings import Settings


def run(settings: Settings) -> None:  # noqa: ARG001 -- the loop comes with rules.engine
    """Work until SIGTERM or SIGINT."""
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    stop.wait()
