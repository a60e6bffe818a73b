"""gunicorn's threaded worker: its event loop gathers requests, its threads answer them in one packet."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import selectors
import socket
import time
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any, Final

from gunicorn import http, util
from gunicorn.errors import ConfigError
from gunicorn.http import wsgi
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from lrs.fast_path.connection import PIECE, Connection, Gone, Outlet, is_readable
from lrs.http.refused_requests import AnswersErrors

LINGER_MS = 5
GATHER_SECONDS = 0.1  # how long a thread waits for the rest of a request that keeps coming
ONE_PACKET = 65536  # a longer body is not worth a copy
PIECES_AT_ONCE = 16  # before the event loop looks after others
MORE: Final = object()  # what a thread says of a connection whose request is not here


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


class Settled:
    """gunicorn's settings, which do not change any more: each is looked up once.

    A request asks for some twenty of them, and gunicorn goes through two functions of its own for each.
    """

    def __init__(self, cfg: Any) -> None:
        self._cfg = cfg

    def __getattr__(self, name: str) -> Any:
        """Return a setting, and remember it."""
        value = self.__dict__[name] = getattr(self._cfg, name)
        return value


class KeepAliveWorker(AnswersErrors, ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Spends a thread on a request only when all of it has come, and keeps the thread of a busy client.

    Silent connections, dripping headers, slow bodies and slow readers wait in the event loop, each with a
    deadline, and the longest waiting of an address makes room for its next one. gthread hands every
    connection back to its main thread after each request, which costs two thread switches and more time than
    an empty view. While no connection waits for a thread, ours wait LINGER_MS for the next request first.
    """

    alive: bool
    most_of_address = 0  # connections that one address may have; 0 does not bound them
    longest_body = 100 * 1024 * 1024

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse TLS, which a proxy in front or gthread itself does."""
        super().check_config(cfg, log)
        if cfg.is_ssl:
            raise ConfigError("the fast path serves no TLS: put a proxy in front, or set LRS_FAST_PATH=off")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cfg = Settled(self.cfg)  # type: ignore[has-type]  # gunicorn has no types
        self.waiting: dict[Connection, None] = {}  # in the event loop with something to receive or to send
        self.addresses: dict[Any, dict[Connection, None]] = {}
        self.looked = 0.0

    # the event loop: the main thread

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection and wait for its request."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                self.make_room(max(self.addresses.values(), key=len, default={}))
            return
        conn = Connection(self.cfg, sock, client, listener.getsockname())
        sock.setblocking(True)  # every call says for itself that it does not wait
        self.nr_conns += 1
        mine = self.addresses.setdefault(address_of(client), {})
        if 0 < self.most_of_address <= len(mine):
            self.make_room(mine)
        if self.nr_conns >= self.worker_connections:
            self.make_room(max(self.addresses.values(), key=len))
        mine = self.addresses.setdefault(address_of(client), {})
        mine[conn] = None
        self.wait_for_more(conn)

    def make_room(self, conns: dict[Connection, None]) -> None:
        """Close the connection that has waited longest: one in the middle of a request before an idle one."""
        waiting = [conn for conn in conns if conn.is_waiting]
        started = [conn for conn in waiting if conn in self.waiting]
        for conn in (started or waiting)[:1]:
            self.drop(conn)

    def wait_for_more(self, conn: Connection) -> None:
        """Let the event loop receive until the next step is possible."""
        conn.is_waiting = True
        self.waiting[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_readable, conn))

    def on_readable(self, conn: Connection, _sock: socket.socket) -> None:
        """Receive; hand the connection to a thread as soon as that has something to do."""
        try:
            if conn.is_lingering:
                if not conn.sock.recv(PIECE, socket.MSG_DONTWAIT):
                    self.drop(conn)
                return
            for _ in range(PIECES_AT_ONCE):
                if conn.is_complete or not conn.receive():
                    break
        except BlockingIOError:
            return
        except (OSError, Gone):
            self.drop(conn)
            return
        if conn.is_complete:
            self.take_out(conn)
            self.enqueue_req(conn)

    def on_writable(self, conn: Connection, _sock: socket.socket) -> None:
        """Send more of an answer to a slow reader."""
        try:
            if conn.outlet is None or not conn.outlet.send_rest():
                return
        except OSError:
            self.drop(conn)
            return
        self.take_out(conn)
        conn.outlet.close()
        conn.outlet = None
        self.go_on(conn)

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Receive the next request of a connection that was idle."""
        self.take_out(conn)
        self.wait_for_more(conn)
        self.on_readable(conn, client)

    def take_out(self, conn: Connection) -> None:
        """Take a connection out of the event loop."""
        self.poller.unregister(conn.sock)
        conn.is_waiting = False
        if conn in self.waiting:
            del self.waiting[conn]
        else:
            self.keepalived_conns.remove(conn)

    def drop(self, conn: Connection) -> None:
        """Close a connection that waits in the event loop."""
        self.take_out(conn)
        self.end(conn)

    def end(self, conn: Connection) -> None:
        """Close a connection and forget it."""
        self.nr_conns -= 1
        mine = self.addresses.get(address_of(conn.client), {})
        mine.pop(conn, None)
        if not mine:
            self.addresses.pop(address_of(conn.client), None)
        conn.close()

    def murder_keepalived(self, force: bool = False) -> None:
        """Close idle connections that are due, or all."""
        now = time.monotonic()
        while self.keepalived_conns and (force or self.keepalived_conns[0].timeout <= now):
            self.drop(self.keepalived_conns[0])

    def murder_pending(self) -> None:
        """Answer 408 to those whose request did not come in time, and close them."""
        now = time.monotonic()
        if now < self.looked + 0.5:
            return
        self.looked = now
        for conn in [conn for conn in self.waiting if conn.deadline() <= now]:
            if conn.outlet is None and not conn.is_idle and not conn.is_lingering:
                self.handle_error(
                    None, conn.sock, conn.client, TimeoutError("the request did not come in time")
                )
            self.drop(conn)

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """Go on with a connection that a thread has finished with."""
        try:
            result = False if fs.cancelled() else fs.result()
            if result is MORE and self.alive:
                self.wait_for_more(conn)
            elif conn.outlet is not None and result is not MORE:
                conn.is_waiting, conn.since = True, time.monotonic()
                self.waiting[conn] = None
                self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self.on_writable, conn))
            else:
                conn.keeps = result is True
                self.go_on(conn)
        except Exception:
            self.log.exception("a connection was lost")
            self.end(conn)

    def go_on(self, conn: Connection) -> None:
        """After an answer: wait for the next request, or close."""
        if conn.keeps and conn.head:
            self.enqueue_req(conn)
        elif conn.keeps:
            conn.timeout = time.monotonic() + (self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER)
            conn.is_waiting = True
            self.keepalived_conns.append(conn)
            self.poller.register(
                conn.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn)
            )
        elif conn.is_lingering:
            conn.since = time.monotonic()
            with contextlib.suppress(OSError):
                conn.sock.shutdown(socket.SHUT_WR)
            self.wait_for_more(conn)
        else:
            self.end(conn)

    # the threads

    def handle(self, conn: Connection) -> Any:
        """Answer one request, and those that follow at once; True to keep the connection, MORE to wait."""
        try:
            while self.is_here(conn):
                keeps = conn.keeps = self.handle_request(conn.request, conn)
                conn.forget()
                if not keeps or conn.outlet is not None or not self._another(conn):
                    return keeps
        except (Gone, StopIteration, http.errors.NoMoreData) as error:
            self.log.debug("a connection ended: %r", error)
        except OSError as error:
            self.log.debug("a connection failed: %r", error)
        except Exception as error:  # noqa: BLE001 -- the last place that can answer
            conn.is_lingering, conn.since = True, time.monotonic()
            self.handle_error(conn.request, conn.sock, conn.client, error)
        else:
            return MORE
        return False

    def is_here(self, conn: Connection) -> bool:
        """Receive what is on its way; tell whether the request is here, as far as anybody wants it."""
        until = time.monotonic() + GATHER_SECONDS
        while True:
            while not conn.is_complete:
                if not conn.receive() and (time.monotonic() > until or not is_readable(conn.sock, LINGER_MS)):
                    return False
            if conn.request is None:
                conn.parse()
                conn.say_continue()
            elif conn.is_whole or conn.room > PIECE or not self._admits(conn):
                return True
            else:
                conn.room = max(conn.length, 2 * self.longest_body)

    def _admits(self, conn: Connection) -> bool:
        """Tell whether the rest of a long body is worth waiting for: who sends it must be known.

        What is not admitted is answered without it: the application refuses before it reads.
        """
        admits = getattr(self.wsgi, "extensions", {}).get("laurel_admits")
        if conn.length > self.longest_body or admits is None:
            return False
        _, environ = wsgi.create(conn.request, conn.sock, conn.client, conn.server, self.cfg)
        assert conn.body is not None  # noqa: S101 -- for the type
        conn.body.seek(0)
        beginning = conn.body.read(PIECE)
        conn.body.seek(0, 2)
        conn.admitted = admits(environ, beginning)
        return bool(conn.admitted)

    def _another(self, conn: Connection) -> bool:
        """Tell whether the next request begins to arrive while nobody else needs this thread."""
        if not self.alive or self.tpool._work_queue.qsize() or conn.head:  # noqa: SLF001 -- no public view of it
            return False  # what was read ahead already is put in line by the main thread
        return is_readable(conn.sock, LINGER_MS)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Answer one request with a Reply; return whether the connection may be used again.

        As gthread does it, with its settings and hooks; an error after the first byte of an answer can only
        close the connection.
        """
        self.cfg.pre_request(self, req)
        began = dt.datetime.now(dt.UTC)
        outlet = Outlet(conn.sock)
        reply, environ = wsgi.create(req, outlet, conn.client, conn.server, self.cfg, response_class=Reply)
        try:
            environ["wsgi.multithread"] = True
            environ["laurel.admitted"], conn.admitted = conn.admitted, None
            conn.give_body(environ)
            conn.is_lingering = not conn.is_whole or conn.is_malformed
            if self._must_close() or conn.is_lingering:
                reply.force_close()
            body = self.wsgi(environ, reply.start_response)
            try:
                _write(reply, body)
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
            raise StopIteration from error
        finally:
            self.cfg.post_request(self, req, environ, reply)
        conn.outlet = outlet if outlet.rest is not None else None
        return not reply.should_close()

    def _must_close(self) -> bool:
        """Count a request; tell whether its connection ends with it."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("%d requests answered; another worker takes over", self.nr)
            self.alive = False
        return not self.alive or not self.cfg.keepalive or len(self.keepalived_conns) >= self.max_keepalived


def _write(reply: Any, body: Iterable[bytes]) -> None:
    """Send a body to its end."""
    for piece in body:
        reply.write(piece)
    reply.close()


def address_of(client: Any) -> Any:
    """Return the address of a client; None where it has none, on a local socket."""
    return client[0] if isinstance(client, tuple) else None
