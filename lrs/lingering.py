"""gunicorn's threaded worker, whose threads wait a moment for the next request and answer in one packet."""

from __future__ import annotations

import datetime as dt
import select
import time
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.workers.gthread import ThreadWorker

LINGER_MS = 5
READ_BYTES = 65536  # gunicorn's 8 KB cut a batch of 250 statements into 37 pieces, each with a thread switch
ONE_PACKET = 65536  # a longer body is not worth a copy


def own_processor(processors: Collection[int], workers: int, taken: Sequence[int | None]) -> int | None:
    """Return the processor that one more of so many workers keeps to, the least taken one.

    The threads of a worker take turns in one interpreter: on two processors they only carry its caches to and
    fro. None where there are more processors than workers: then the others of the machine are not in the way.
    """
    if not 1 < len(processors) <= workers:
        return None
    return min(sorted(processors), key=taken.count)


class Reply(wsgi.Response):  # type: ignore[misc]  # gunicorn has no types
    """A response whose headers and body leave together when the body is one short piece of known length.

    gunicorn sends them one by one: a system call and a wake-up of the client more, and between them this
    thread gives up the interpreter.
    """

    headers_sent: bool

    def write(self, data: bytes) -> None:
        """Send a piece of the body, with the headers before the first."""
        whole = self.response_length == len(data) <= ONE_PACKET
        if not whole or self.headers_sent or self._omits_body or self.upgrade:
            super().write(data)
            return
        self.headers_sent, self.sent = True, len(data)
        self.sock.sendall(self._head() + data)

    def _head(self) -> bytes:
        """Return the status line and the headers, as `send_headers` would send them."""
        major, minor = self.req.version
        connection = "close" if self.should_close() else "keep-alive"
        own = [("Server", self.version), ("Date", http_date(int(time.time()))), ("Connection", connection)]
        lines = [f"{name}: {value}\r\n" for name, value in own + self.headers]
        return f"HTTP/{major}.{minor} {self.status}\r\n{''.join(lines)}\r\n".encode("latin-1")


@lru_cache(maxsize=2)
def http_date(second: int) -> str:
    """Return the value of a `Date` header; it is the same for a whole second."""
    return str(util.http_date(second))


class LingeringWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A busy client's next request is read by the thread that answered the last one.

    gthread hands every connection back to its main thread after each request, which costs two thread switches
    and more time than an empty view. While no connection waits for a thread, ours wait LINGER_MS for the next
    request first; an idle connection goes back to the main thread as before.
    """

    alive: bool

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

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer one request with a Reply; return whether the connection may be used again.

        As gthread does it, with its settings and hooks; an error after the first byte of an answer can only
        close the connection.
        """
        self.cfg.pre_request(self, req)
        began = dt.datetime.now(dt.UTC)
        reply, environ = wsgi.create(req, conn.sock, conn.client, conn.server, self.cfg, response_class=Reply)
        try:
            environ["wsgi.multithread"] = True
            if self._must_close():
                reply.force_close()
            body = self.wsgi(environ, reply.start_response)
            try:
                if isinstance(body, environ["wsgi.file_wrapper"]):
                    reply.write_file(body)
                else:
                    for piece in body:
                        reply.write(piece)
                reply.close()
            finally:
                self.log.access(reply, req, environ, dt.datetime.now(dt.UTC) - began)
                if hasattr(body, "close"):
                    body.close()
        except OSError:
            raise
        except (Exception, SystemExit) as error:
            if not reply.headers_sent:
                raise
            self.log.exception("an answer broke off")
            util.close_graceful(conn.sock)
            raise StopIteration from error
        finally:
            self.cfg.post_request(self, req, environ, reply)
        return not reply.should_close()

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Tell whether the connection may be used again; a body that was read to its end needs no draining.

        Draining sets timeouts on the socket, and each gives up the interpreter; gthread does it twice.
        """
        body = conn.parser.mesg.body
        is_read = getattr(body.reader, "length", None) == 0 and not body.buf.tell()
        if not keepalive or not (is_read or super()._keepalive_after(conn, keepalive)):
            return False
        conn.parser.mesg = None  # nothing of it is left before the next request
        return True

    def _must_close(self) -> bool:
        """Count a request; tell whether its connection ends with it."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("%d requests answered; another worker takes over", self.nr)
            self.alive = False
        return not self.alive or not self.cfg.keepalive or len(self.keepalived_conns) >= self.max_keepalived
