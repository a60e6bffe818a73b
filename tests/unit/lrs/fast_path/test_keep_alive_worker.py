"""The web worker's answers are gunicorn's, byte for byte, in fewer packets; workers share the processors out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from gunicorn.config import Config
from gunicorn.http.wsgi import Response
from hypothesis import given
from hypothesis import strategies as st

from lrs.fast_path.keep_alive_worker import ONE_PACKET, Reply, http_date


@dataclass
class Asked:
    method: str = "GET"
    version: tuple[int, int] = (1, 1)
    closes: bool = False

    def should_close(self) -> bool:
        return self.closes


@dataclass
class Wire:
    packets: list[bytes] = field(default_factory=list)

    def sendall(self, data: bytes) -> None:
        self.packets.append(bytes(data))


def sent(
    kind: Any, asked: Asked, status: str, headers: list[tuple[str, str]], pieces: list[bytes]
) -> list[bytes]:
    wire = Wire()
    response = kind(asked, wire, Config())
    response.start_response(status, list(headers))
    for piece in pieces:
        response.write(piece)
    response.close()
    return wire.packets


def test_headers_and_a_short_body_leave_together() -> None:
    headers = [("Content-Type", "text/plain"), ("Content-Length", "3"), ("X-Request-Id", "a-1")]
    (packet,) = sent(Reply, Asked(), "200 OK", headers, [b"ok\n"])
    assert packet.startswith(b"HTTP/1.1 200 OK\r\nServer: ")
    assert packet.endswith(b"\r\nX-Request-Id: a-1\r\n\r\nok\n")


def test_a_long_body_is_not_copied_behind_its_headers() -> None:
    body = b"x" * (ONE_PACKET + 1)
    packets = sent(Reply, Asked(), "200 OK", [("Content-Length", str(len(body)))], [body])
    assert len(packets) == 2
    assert packets[1] == body


@given(
    asked=st.builds(
        Asked,
        method=st.sampled_from(["GET", "HEAD", "POST", "PUT"]),
        version=st.sampled_from([(1, 0), (1, 1)]),
        closes=st.booleans(),
    ),
    status=st.sampled_from(["200 OK", "204 No Content", "304 Not Modified", "400 Bad Request", "503 Busy"]),
    pieces=st.lists(st.binary(max_size=20), max_size=4),
    length=st.sampled_from(["right", "too short", "absent"]),
    names=st.lists(st.sampled_from(["X-A", "Connection", "Upgrade", "Content-Type", "ETag"]), max_size=5),
)
def test_the_bytes_are_those_of_gunicorn(
    asked: Asked, status: str, pieces: list[bytes], length: str, names: list[str]
) -> None:
    total = sum(map(len, pieces))
    sizes = {"right": [("Content-Length", str(total))], "too short": [("Content-Length", str(total // 2))]}
    headers = [(name, "upgrade" if name == "Connection" else "v") for name in names] + sizes.get(length, [])
    before = int(time.time())
    theirs = b"".join(sent(Response, asked, status, headers, pieces))
    ours = b"".join(sent(Reply, asked, status, headers, pieces))
    if int(time.time()) == before:  # else a second passed between the two
        assert ours == theirs


def test_the_date_is_the_one_of_its_second() -> None:
    assert http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert http_date(86_400) == "Fri, 02 Jan 1970 00:00:00 GMT"
