"""Slow clients hold no thread: while they are there, in whatever number, others are answered.

Nothing here measures time: a service whose threads were all taken would not answer before the client gives up.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import Server
from factories import make_statement

REQUEST = "POST /xapi/statements HTTP/1.1\r\nHost: lrs.example\r\nContent-Type: application/json\r\n"


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[..., socket.socket]]:
    """Make connections that are closed after the test."""
    with contextlib.ExitStack() as stack:

        def made(data: bytes = b"", receive_buffer: int | None = None) -> socket.socket:
            one = stack.enter_context(socket.socket())
            if receive_buffer is not None:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            one.settimeout(30)
            one.connect(("127.0.0.1", urlsplit(server.url).port))
            one.sendall(data)
            return one

        yield made


@contextlib.contextmanager
def dripping(slow: list[socket.socket], drop: bytes) -> Iterator[None]:
    """Send a little on each connection again and again, as long as the block lasts."""
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.2):
            for one in slow:
                with contextlib.suppress(OSError):
                    one.send(drop)

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def head(server: Server, *lines: str) -> bytes:
    fields = [f"{name}: {value}\r\n" for name, value in server.auth().items()]
    return (REQUEST + "".join(fields) + "".join(f"{line}\r\n" for line in lines)).encode()


def others_are_answered(server: Server) -> None:
    """Store and read as others do, each time on a new connection; both workers get some of them."""
    for _ in range(40):
        body = json.dumps(make_statement())
        assert ask(server, "POST", "/xapi/statements", body)[0] == 200
        assert ask(server, "GET", "/healthz")[0] == 200


def ask(server: Server, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes, Any]:
    given = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=15)
    with contextlib.closing(given):
        given.request(method, path, body, {"Content-Type": "application/json", **server.auth(), **headers})
        answer = given.getresponse()
        return answer.status, answer.read(), answer.headers


def test_silent_connections(server: Server, connect: Callable[..., socket.socket]) -> None:
    for _ in range(500):
        connect()
    others_are_answered(server)


def test_dripping_headers(server: Server, connect: Callable[..., socket.socket]) -> None:
    slow = [connect(head(server)) for _ in range(100)]
    with dripping(slow, b"X-A: b\r\n"):
        others_are_answered(server)


@pytest.mark.parametrize("length", [1000, 50_000_000])
def test_slow_bodies(server: Server, connect: Callable[..., socket.socket], length: int) -> None:
    slow = [connect(head(server, f"Content-Length: {length}", "") + b"{") for _ in range(40)]
    slow += [connect(head(server, "Transfer-Encoding: chunked", "") + b"ffff\r\n{") for _ in range(10)]
    with dripping(slow, b" "):
        others_are_answered(server)


def test_slow_readers_of_long_answers(server: Server, connect: Callable[..., socket.socket]) -> None:
    long = [
        make_statement(result={"response": "x" * 100_000}, verb={"id": "http://slow.example/v"})
        for _ in range(50)
    ]
    assert ask(server, "POST", "/xapi/statements", json.dumps(long))[0] == 200
    path = "/xapi/statements?verb=http://slow.example/v&limit=500"
    fields = "".join(f"{name}: {value}\r\n" for name, value in server.auth().items())
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode()
    slow = [connect(request, receive_buffer=4096) for _ in range(40)]
    others_are_answered(server)
    whole = ask(server, "GET", path)[1]
    assert len(whole) > 5_000_000
    read = bytearray()
    while not read.endswith(whole[-40:]):  # who reads on gets all of it
        piece = slow[0].recv(1 << 20)
        assert piece
        read += piece
    assert bytes(read).partition(b"\r\n\r\n")[2] == whole


def test_a_body_that_comes_in_drops_is_whole_in_the_end(
    server: Server, connect: Callable[..., socket.socket]
) -> None:
    statement = make_statement(result={"response": "x" * 200})
    body = json.dumps(statement).encode()
    one = connect(head(server, f"Content-Length: {len(body)}", ""))
    for start in range(0, len(body), 40):
        time.sleep(0.02)
        one.sendall(body[start : start + 40])
    assert one.recv(4096).endswith(json.dumps([statement["id"]]).encode())


def test_pipelined_requests_are_answered_in_order(
    server: Server, connect: Callable[..., socket.socket]
) -> None:
    made = [make_statement() for _ in range(20)]
    data = b""
    for number, statement in enumerate(made):
        body = json.dumps(statement).encode()
        if number % 2:
            data += head(server, f"Content-Length: {len(body)}", "") + body
        else:
            data += head(server, "Transfer-Encoding: chunked", "") + b"%x\r\n%b\r\n0\r\n\r\n" % (
                len(body),
                body,
            )
    one = connect(data)
    found = b""
    while found.count(b"HTTP/1.1 200 OK") < len(made) or not found.endswith(b'"]'):
        piece = one.recv(65536)
        assert piece, found[-500:]
        found += piece
    places = [found.index(statement["id"].encode()) for statement in made]
    assert places == sorted(places)


def test_a_strangers_long_body_is_not_received(server: Server, connect: Callable[..., socket.socket]) -> None:
    wrong = server.auth(secret="wrong")["Authorization"]
    lines = head(server).replace(server.auth()["Authorization"].encode(), wrong.encode())
    one = connect(lines + b"Content-Length: 50000000\r\n\r\n" + b" " * 65536)
    answer = one.recv(4096)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"Connection: close" in answer


def test_who_expects_to_be_told_to_go_on_is_told_once(
    server: Server, connect: Callable[..., socket.socket]
) -> None:
    statement = make_statement()
    body = json.dumps(statement).encode()
    one = connect(head(server, f"Content-Length: {len(body)}", "Expect: 100-continue", ""))
    assert one.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
    one.sendall(body)
    assert one.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"GET /xapi/statements?agent=" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /xapi/about HTTP/1.1\r\nHost: x\r\nX-A: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /xapi/about HTTP/1.1\r\nHost: x\r\n" + b"X-A: y\r\n" * 200 + b"\r\n", 431),
        (b"GET /xapi/about HTTP/1.1\r\nHost x\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\r\n\r\n", 400),
        (REQUEST.encode() + b"Content-Length: -1\r\n\r\n", 400),
        (REQUEST.encode() + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ],
)
def test_refusals_of_the_connection_carry_what_xapi_answers_carry(
    server: Server, connect: Callable[..., socket.socket], request_text: bytes, status: int
) -> None:
    answer = http.client.HTTPResponse(connect(request_text))
    answer.begin()
    assert answer.status == status
    assert answer.headers["X-Experience-API-Version"] == "1.0.3"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = json.loads(answer.read())
    assert set(told) == {"type", "title", "status", "detail", "path", "errorId"}
    assert told["status"] == status


def test_broken_chunks_are_a_400_that_ends_the_connection(
    server: Server, connect: Callable[..., socket.socket]
) -> None:
    one = connect(
        head(server, "Transfer-Encoding: chunked", "") + b"2\r\n{}zz\r\nGET /healthz HTTP/1.1\r\n\r\n"
    )
    answer = http.client.HTTPResponse(one)
    answer.begin()
    assert (answer.status, answer.headers["Connection"]) == (400, "close")
    answer.read()
    assert one.recv(100) == b""


def test_long_lines_and_fields_are_read(server: Server) -> None:
    """An agent with an account and several parameters needs 8,000 octets of a request line."""
    path = "/xapi/statements?verb=http://a.example/" + "x" * 7900
    assert ask(server, "GET", path)[0] == 200
    assert ask(server, "GET", "/xapi/about", **{"X-Long": "y" * 20_000})[0] == 200


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "PATH_INFO"])
def test_no_header_changes_where_a_request_goes(server: Server, name: str) -> None:
    """Gunicorn would believe these of a sender on this machine, such as a proxy that passes them on."""
    status, body, _ = ask(server, "GET", "/xapi/about", **{name: "/console"})
    assert status == 200
    assert "version" in json.loads(body)


def test_no_header_changes_the_scheme(server: Server) -> None:
    """Two headers that contradict each other would be refused by who believes one of them."""
    contradicting = {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "off", "X-Forwarded-Protocol": "ssl"}
    assert ask(server, "GET", "/xapi/about", **contradicting)[0] == 200
