"""The web worker: keep-alive, pipelining, idle clients and more clients than threads."""

from __future__ import annotations

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from conftest import FAST_PATH, Server

ASK = b"GET /healthz HTTP/1.1\r\nHost: lrs.example\r\n\r\n"


def connect(server: Server) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=15)


def answer(connection: socket.socket) -> bytes:
    """Read one answer; /healthz says `ok`."""
    text = b""
    while not text.endswith(b"\r\n\r\nok\n"):
        more = connection.recv(4096)
        assert more, text
        text += more
    return text


def test_requests_follow_on_one_connection_at_once_and_after_a_pause(server: Server) -> None:
    with connect(server) as connection:
        for pause in (0, 0, 0.001, 0.05, 0.3, 0):
            time.sleep(pause)
            connection.sendall(ASK)
            assert answer(connection).startswith(b"HTTP/1.1 200")


def test_pipelined_requests_are_all_answered_in_order(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(ASK * 5)
        text = b""
        while text.count(b"\r\n\r\nok\n") < 5:
            more = connection.recv(65536)
            assert more
            text += more
        assert text.count(b"HTTP/1.1 200") == 5


def test_idle_connections_take_no_thread_from_others(server: Server) -> None:
    idle = [connect(server) for _ in range(60)]
    try:
        for connection in idle:
            connection.sendall(ASK)
        for connection in idle:
            assert answer(connection)
        assert requests.get(f"{server.url}/healthz", timeout=10).text == "ok\n"
    finally:
        for connection in idle:
            connection.close()


def test_more_busy_clients_than_threads_are_all_served(server: Server) -> None:
    def ask_often(_: int) -> int:
        with requests.Session() as session:
            return sum(session.get(f"{server.url}/healthz", timeout=30).ok for _ in range(20))

    with ThreadPoolExecutor(40) as pool:
        assert sum(pool.map(ask_often, range(40))) == 800


def test_a_connection_that_asks_to_close_is_closed(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert b"ok\n" in answer(connection)
        assert connection.recv(10) == b""


@pytest.mark.skipif(not FAST_PATH, reason="plain gthread pins nothing")
def test_each_worker_keeps_to_a_processor_of_its_own_where_there_are_no_more(server: Server) -> None:
    master = server.process.pid
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    masks = [os.sched_getaffinity(int(worker)) for worker in workers]
    processors = os.sched_getaffinity(0)
    assert len(masks) == 2
    if len(processors) == 2:
        assert sorted(map(sorted, masks)) == sorted([one] for one in processors)
    else:
        assert masks == [processors, processors]
    assert os.sched_getaffinity(master) == processors
