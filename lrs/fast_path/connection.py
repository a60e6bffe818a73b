"""One connection of a web worker: what has come of its next request, and what is still to be sent.

The worker's event loop and its threads call `receive` and `send_rest` when the socket is
ready, and a thread is spent on a request only when all of it is here.
"""

from __future__ import annotations

import io
import select
import socket
import tempfile
import time
from typing import IO, Any, Final

from gunicorn import http
from gunicorn.http.body import ChunkedReader
from gunicorn.http.unreader import Unreader

from lrs.fast_path.chunks import ChunkScanner

PIECE: Final = 65536  # bytes read or sent at once
LONGEST_HEAD: Final = 128 * 1024  # a longer one is for the parser to refuse
IN_MEMORY: Final = 256 * 1024  # bytes of a body kept in memory; more go to a file without a name
HEAD_SECONDS: Final = 10.0  # for a request line and its headers, from their first byte
BODY_SECONDS: Final = 20.0  # for a body, and for an answer, beside what their length allows
LEAST_RATE: Final = 2000  # bytes a second
LINGER_SECONDS: Final = 2.0  # how long what nobody wants to read is read, so that the answer is not cut off


class Gone(Exception):
    """The client closed the connection."""


class Received(Unreader):  # type: ignore[misc]  # gunicorn has no types
    """What gunicorn's parser reads from: only what has come, never the socket."""

    source: IO[bytes] | None = None

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next piece of a stored body; nothing when there is no more."""
        return b"" if self.source is None else self.source.read(max(size_hint or 0, PIECE))


class Connection:
    """A socket and the state of its present request."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        self.sock, self.client, self.server = sock, client, server
        self.parser = http.get_parser(cfg, sock, client)
        self.parser.unreader = Received()
        self.head = bytearray()
        self.request: Any = None
        self.body: IO[bytes] | None = None
        self.chunks: ChunkScanner | None = None
        self.length = 0  # of the body, where it is told
        self.held = 0  # bytes of it that have come
        self.room = 0  # bytes of it that may come before somebody looks at them
        self.admitted: Any = None  # what was found of who sends a long body, for the application
        self.expects = False  # waits to be told to send the body
        self.outlet: Outlet | None = None
        self.keeps = True  # stays open after the present answer
        self.is_waiting = False  # in the hands of the event loop
        self.is_lingering = False
        self.since = self.timeout = time.monotonic()

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing of a request has come."""
        return self.request is None and not self.head

    @property
    def is_whole(self) -> bool:
        """Tell whether all of the body is here."""
        return self.chunks.is_done if self.chunks else self.held >= self.length

    @property
    def is_malformed(self) -> bool:
        """Tell whether nobody knows where the next request would begin."""
        return self.chunks is not None and self.chunks.is_malformed

    @property
    def is_complete(self) -> bool:
        """Tell whether the next step, parsing or answering, needs nothing more from the client."""
        if self.request is None:
            return b"\r\n\r\n" in self.head or len(self.head) > LONGEST_HEAD
        return self.is_whole or self.held >= self.room

    def receive(self) -> bool:
        """Take what has come, at most PIECE; False when there is nothing. Raises Gone and OSError."""
        wanted = PIECE
        if self.request is not None and not self.chunks:
            wanted = min(PIECE, self.length - self.held)
        try:
            data = self.sock.recv(wanted, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        if not data:
            raise Gone
        if self.is_idle:
            self.since = time.monotonic()
        if self.request is None:
            self.head += data
        else:
            self._keep(data)
        return True

    def _keep(self, data: bytes) -> None:
        """Put a piece of the body away; what follows it begins the next request."""
        if self.chunks:
            used = self.chunks.feed(data)
            self.head += data[used:]
            data = data[:used]
        self.held += len(data)
        if self.body is not None:
            self.body.write(data)

    def parse(self) -> None:
        """Read the head; raises what gunicorn's parser raises."""
        self.parser.unreader.unread(bytes(self.head))
        self.head.clear()
        request = next(self.parser)
        self.expects = request._expected_100_continue  # noqa: SLF001 -- gunicorn would say it, later
        request._expected_100_continue = False  # noqa: SLF001 -- gunicorn has no other way
        rest = self.parser.unreader.take_buffered()
        reader = request.body.reader
        self.request, self.held, self.room = request, 0, PIECE
        if isinstance(reader, ChunkedReader):
            self.chunks, self.body = ChunkScanner(), self._store()
            self._keep(rest)
        elif reader.length:
            self.length = reader.length
            self.body = io.BytesIO() if self.length <= PIECE else self._store()
            self._keep(rest[: self.length])
            self.head += rest[self.length :]
        else:
            self.head += rest

    @staticmethod
    def _store() -> IO[bytes]:
        return tempfile.SpooledTemporaryFile(IN_MEMORY)

    def say_continue(self) -> None:
        """Tell a client that waits for it to send the body (RFC 9110 10.1.1)."""
        if self.expects and not self.is_complete:
            self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n", socket.MSG_DONTWAIT)
        self.expects = False

    def give_body(self, environ: dict[str, Any]) -> None:
        """Put what has come in the place of the request's body."""
        if self.body is None:
            return
        self.body.seek(0)
        if self.chunks:
            self.parser.unreader.source = self.body
        else:
            environ["wsgi.input"] = self.body

    def forget(self) -> None:
        """Let go of the request that is over."""
        if self.body is not None:
            self.body.close()
        self.request = self.body = self.chunks = self.parser.mesg = self.parser.unreader.source = None
        self.parser.unreader.take_buffered()
        self.length = self.held = 0
        self.since = time.monotonic()

    def deadline(self) -> float:
        """Return when the patience with this client ends, on the monotonic clock."""
        if self.outlet is not None:
            return self.since + BODY_SECONDS + self.outlet.sent / LEAST_RATE
        if self.is_lingering:
            return self.since + LINGER_SECONDS
        if self.request is None:
            return self.since + HEAD_SECONDS
        return self.since + BODY_SECONDS + self.held / LEAST_RATE

    def close(self) -> None:
        """Close the socket, without waiting for anybody."""
        if self.body is not None:
            self.body.close()
        if self.outlet is not None:
            self.outlet.close()
        self.sock.close()


class Outlet:
    """Where an answer is written: into the socket as far as the client takes it, the rest into a store.

    So a slow reader holds no thread. Only an answer longer than STORE is sent by its thread, which waits for
    the reader, as long as that takes the least rate.
    """

    __slots__ = ("began", "rest", "sent", "sock", "stored")

    PATIENCE: Final = 0.1  # seconds for which a thread waits for a reader at once
    STORE: Final = 32 * 1024 * 1024

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.rest: IO[bytes] | None = None
        self.sent = self.stored = 0
        self.began = 0.0

    def sendall(self, data: bytes) -> None:
        """Send, or store what is not taken; raises TimeoutError where too much is not read."""
        if self.rest is None:
            sent = self._send(data)
            if sent == len(data):
                return
            data = data[sent:]
            self.began = time.monotonic()
            while self.rest is None and data:
                if _is_writable(self.sock, self.PATIENCE):
                    data = data[self._send(data) :]
                else:
                    self.rest, self.stored = tempfile.SpooledTemporaryFile(IN_MEMORY), 0  # noqa: SIM115 -- closed with the body
        if self.rest is not None:
            self._store(data)

    def _send(self, data: bytes) -> int:
        """Send what the socket takes now; return how much that was."""
        try:
            sent = self.sock.send(data[: 16 * PIECE] if len(data) > 16 * PIECE else data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        self.sent += sent
        return sent

    def _store(self, data: bytes) -> None:
        """Add to the store at its end; wait for the reader where it is full."""
        assert self.rest is not None  # noqa: S101 -- for the type
        at = self.rest.tell()
        self.rest.seek(0, io.SEEK_END)
        self.rest.write(data)
        self.rest.seek(at)
        self.stored += len(data)
        if self.stored <= self.STORE:
            return
        while not self.send_rest():
            left = self.began + BODY_SECONDS + self.sent / LEAST_RATE - time.monotonic()
            if left <= 0 or not _is_writable(self.sock, left):
                raise TimeoutError("the client does not read")
        self.close()

    def send_rest(self) -> bool:
        """Send more of what is stored; True when all of it is sent. Raises OSError."""
        assert self.rest is not None  # noqa: S101 -- for the type
        while piece := self.rest.read(PIECE):
            sent = self._send(piece)
            if sent < len(piece):
                self.rest.seek(sent - len(piece), io.SEEK_CUR)
                return False
        return True

    def close(self) -> None:
        """Let go of what is stored."""
        if self.rest is not None:
            self.rest.close()
            self.rest = None


def is_readable(sock: socket.socket, milliseconds: float) -> bool:
    """Tell whether something comes within so much time."""
    waiting = select.poll()
    waiting.register(sock, select.POLLIN)
    return bool(waiting.poll(milliseconds))


def _is_writable(sock: socket.socket, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(sock, select.POLLOUT)
    return bool(waiting.poll(seconds * 1000))
