"""Whose store a request reads, and that two processes answer as one."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from conformance_support import Lrs, agent, query_of, statement, uid


def test_a_vendor_wide_reader_names_the_store(
    lrs: Lrs, foreign: Lrs, org: str, other_client: Callable[..., Lrs]
) -> None:
    ids = lrs.store(*(statement() for _ in range(3)))
    wide = other_client("all/read", org="vendor", vendor_wide=True, version=lrs.version)
    assert wide.get("/statements", {"org": "no-such-store"}).status_code == 404
    first = wide.get("/statements", {"org": org, "limit": 2}).json
    rest = wide.more(first["more"]).json
    assert [one["id"] for one in first["statements"] + rest["statements"]] == ids[::-1]
    assert wide.get("/statements", {"org": org, "statementId": ids[0]}).status_code == 200
    assert wide.get("/statements", {"statementId": ids[0]}).status_code == 404
    other_store = first["more"].replace(
        f"org={org}", f"org={foreign.one(foreign.store(statement())[0])['id']}"
    )
    assert wide.more(other_store).status_code == 404
    for narrow in (lrs, foreign):
        assert narrow.get("/statements", {"org": org}).status_code == 400


def test_two_vendor_wide_clients_do_not_share_links(
    lrs: Lrs, org: str, other_client: Callable[..., Lrs]
) -> None:
    lrs.store(statement(), statement())
    one, two = (other_client("all/read", org="vendor", vendor_wide=True) for _ in range(2))
    link = one.get("/statements", {"org": org, "limit": 1}).json["more"]
    assert one.more(link).status_code == 200
    assert two.more(link).status_code == 404


def test_who_may_not_define_still_writes(lrs: Lrs, other_client: Callable[..., Lrs]) -> None:
    writer = other_client("statements/write", version=lrs.version)
    assert writer.post("/statements", statement()).status_code == 200


@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
def test_links_of_one_process_are_read_by_the_other(server: Any, version: str) -> None:
    headers = server.auth(version=version)
    who = agent(uid())
    batch = [statement(actor=who) for _ in range(12)]
    assert (
        requests.post(f"{server.xapi}/statements", json=batch, headers=headers, timeout=30).status_code == 200
    )
    seen = []
    link = f"/xapi/statements?{query_of({'agent': who, 'limit': 1, 'ascending': 'true'})}"
    while link:
        page = requests.get(
            server.url + link, headers=headers, timeout=30
        ).json()  # a connection each: any worker
        seen += [one["id"] for one in page["statements"]]
        link = page["more"]
    assert seen == [one["id"] for one in batch]


def test_a_broken_connection_or_request_leaves_the_server_well(server: Any) -> None:
    import socket

    host, port = server.url.removeprefix("http://").split(":")
    for raw in (
        b"POST /xapi/statements HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nshort",
        b"POST /xapi/statements HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /xapi/statements HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"GET /xapi/statements?" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x00\xff\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
            assert not answer.startswith(b"HTTP/1.1 5"), answer[:200]
    assert requests.get(f"{server.xapi}/about", timeout=10).status_code == 200
