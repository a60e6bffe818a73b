"""What took MongoDB long, in the log: the command, the collection and the fields asked for, never a value."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

log = logging.getLogger("lrs.slow_queries")


class SlowQueries(CommandListener):
    """Logs each command of at least so many milliseconds; a thread asks one thing at a time."""

    def __init__(self, least_ms: int) -> None:
        self.least = least_ms * 1000
        self.asked = threading.local()

    def started(self, event: CommandStartedEvent) -> None:
        """Remember what is asked."""
        self.asked.command = event.command

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Log it where it took long."""
        if event.duration_micros >= self.least:
            self._tell(event, self.asked.command)

    def failed(self, event: CommandFailedEvent) -> None:
        """Log it where it took long and failed."""
        if event.duration_micros >= self.least:
            self._tell(event, self.asked.command)

    def _tell(self, event: CommandSucceededEvent | CommandFailedEvent, command: Mapping[str, Any]) -> None:
        name, ms = event.command_name, event.duration_micros // 1000
        collection = command.get("collection") if name == "getMore" else command.get(name)
        collection = collection if isinstance(collection, str) else "-"  # of commands that concern none
        asked = ", ".join(sorted(fields_of(command)))
        facts = {"collection": collection, "ms": ms, "fields": asked}
        log.warning("%s of %s took %d ms: %s", name, collection, ms, asked, extra=facts)


def fields_of(command: Mapping[str, Any]) -> set[str]:
    """Return the names of the fields that a command asks by, at the top of its filters."""
    first = command.get("pipeline") or command.get("deletes") or command.get("updates") or [{}]
    if not isinstance(first, list):
        return set()
    filters = [command.get("filter"), command.get("query"), first[0].get("$match"), first[0].get("q")]
    return {str(name) for one in filters if isinstance(one, Mapping) for name in one}
