"""gunicorn's threaded worker, whose threads wait a moment on their connection for the next request."""

from __future__ import annotations

import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

LINGER_MS = 5
READ_BYTES = 65536  # gunicorn's 8 KB cut a batch of 250 statements into 37 pieces, each with a thread switch


class LingeringWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A busy client's next request is read by the thread that answered the last one.

    gthread hands every connection back to its main thread after each request, which costs two thread switches
    and more time than an empty view. While no connection waits for a thread, ours wait LINGER_MS for the next
    request first; an idle connection goes back to the main thread as before.
    """

    def handle(self, conn: Any) -> Any:
        """Answer one request, and those that follow at once on the same connection."""
        result = super().handle(conn)
        if result is True and not conn.is_http2:
            conn.parser.unreader.mxchunk = READ_BYTES
        while result is True and self._another(conn):
            result = super().handle(conn)
        return result

    def _another(self, conn: Any) -> bool:
        """Tell whether the next request begins to arrive while nobody else needs this thread."""
        if not self.alive or conn.is_http2 or self.tpool._work_queue.qsize():  # noqa: SLF001 -- no public view of it
            return False
        if conn.parser.unreader.buf.getvalue():
            return False  # read ahead already; the main thread puts it in line
        waiting = select.poll()
        waiting.register(conn.sock, select.POLLIN)
        return bool(waiting.poll(LINGER_MS))
