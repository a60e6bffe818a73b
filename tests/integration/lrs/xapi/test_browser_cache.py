"""Two devices of one learner: a browser never answers from its cache what another device has overwritten."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from browser import CHROMIUM, browsing
from conftest import Server

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """An empty page of another origin, as content has one."""

    class Blank(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>content</title>")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Blank)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{web.server_port}/"
    web.shutdown()
    web.server_close()
    thread.join()


@pytest.mark.parametrize("resource", ["activities/state", "activities/profile", "agents/profile"])
def test_what_another_device_wrote_is_what_the_next_read_shows(
    server: Server, elsewhere: str, resource: str
) -> None:
    """The document is old, so that a browser that is told nothing holds it fresh for a tenth of its age."""
    key = {"activityId": f"http://two.example/{resource}", "agent": '{"mbox":"mailto:two@devices.example"}'}
    if resource == "agents/profile":
        del key["activityId"]
    elif resource == "activities/profile":
        del key["agent"]
    id_name = "stateId" if resource.endswith("state") else "profileId"
    url = f"{server.xapi}/{resource}?{urlencode({**key, id_name: 'bookmark'})}"
    headers = server.auth(version="1.0.2")
    requests.put(url, data=b"page 1", headers=headers, timeout=30).raise_for_status()
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=100)
    server.db.documents.update_many({}, {"$set": {"updated": int(long_ago.timestamp() * 1_000_000)}})
    read = f"fetch({json.dumps(url)}, {{headers: {json.dumps(headers)}}})"
    with browsing() as browser:
        page = browser.open(elsewhere)
        assert page.run(f"{read}.then(r => r.text())") == "page 1"
        etag = requests.get(url, headers=headers, timeout=30).headers["ETag"]
        requests.put(
            url, data=b"page 2", headers={**headers, "If-Match": etag}, timeout=30
        ).raise_for_status()
        assert page.run(f"{read}.then(r => r.text())") == "page 2"
        # and the write that follows a read does not meet 412
        write = (
            f"{read}.then(r => fetch({json.dumps(url)}, {{method: 'PUT', body: 'page 3', headers: "
            f"{{...{json.dumps(headers)}, 'Content-Type': 'text/plain', 'If-Match': r.headers.get('ETag')}}}}))"
        )
        assert page.run(f"{write}.then(r => r.status)") == 204


def test_every_answer_below_xapi_says_so(server: Server) -> None:
    """Lists, single statements, documents, errors and preflights alike (RFC 9111 5.2.2.4)."""
    for path in ("statements", "statements?limit=x", "about", "activities/state", "nothing"):
        answer = requests.get(f"{server.xapi}/{path}", headers=server.auth(), timeout=30)
        assert answer.headers["Cache-Control"] == "private, no-cache", path
