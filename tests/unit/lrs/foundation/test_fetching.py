"""URLs that somebody else named: no private address, no other scheme, bounded answers (SSRF)."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lrs.foundation.fetching import Fetcher, FetchRefused, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1",
        "64:ff9b::a00:1", "2002:7f00:1::", "nonsense", "::127.0.0.1", "::8.8.8.8", "fec0::1", "feff::1",
        "64:ff9b:1::a00:1", "3fff::1", "5f00::1", "192.88.99.1", "2001:0:7f00:1::", "100::1",
    ],
)  # fmt: skip
def test_private_addresses_are_recognised_in_every_dress(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "https://127.0.0.1/", "https://[::1]/",
        "https://localhost/", "https://2130706433/", "https://0x7f.1/", "https://user@127.0.0.1/", "https://",
        "https://127.0.0.1:99999/", "https://[bad/", "gopher://127.0.0.1", "",
        "https://example.com/\r\nX-Evil: 1", "https://exa\r\nmple.com/", "https://example.com/ a", "https://a\\@b.example/",
    ],
)  # fmt: skip
def test_urls_to_private_places_or_by_other_schemes_are_refused(url):
    with pytest.raises((FetchRefused, ValueError)):
        Fetcher().get(url)


def test_a_name_that_resolves_to_a_private_address_is_refused(monkeypatch):
    answers = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(FetchRefused, match="no public address"):
        Fetcher().get("https://rebound.example/")


def test_a_name_inside_reads_like_one_that_does_not_exist(monkeypatch):
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 443))]

    def look(host, *_, **__):
        if host == "inside.example":
            return inside
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look)
    said = set()
    for host in ("inside.example", "nothing.example"):
        with pytest.raises(FetchRefused) as refused:
            Fetcher().get(f"https://{host}/")
        said.add(refused.value.reason)
    assert said == {"the host has no public address"}


def test_plain_http_is_for_private_addresses_only(monkeypatch):
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: public)
    with pytest.raises(FetchRefused, match="plain http"):
        Fetcher(allow_private=True).get("http://example.com/")


class Site(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self):
        self.send_response({"/moved": 302, "/loop": 302, "/gone": 410}.get(self.path, 200))
        if self.path in {"/moved", "/loop"}:
            self.send_header("Location", {"/moved": "/here", "/loop": "/loop"}[self.path])
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(
            b"x" * 5000 if self.path == "/large" else f"{self.path} {self.headers['Host']}".encode()
        )

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_private_site_answers_when_allowed_and_redirects_are_followed(site):
    got = Fetcher(allow_private=True).get(f"{site}/moved")
    assert got.content_type == "text/plain"
    assert got.body.decode() == f"/here {site.removeprefix('http://')}"


@pytest.mark.parametrize(
    ("path", "reason"), [("/loop", "redirects"), ("/gone", "410"), ("/large", "more than")]
)
def test_endless_redirects_refusals_and_large_answers_are_refused(site, path, reason):
    with pytest.raises(FetchRefused, match=reason):
        Fetcher(allow_private=True, max_bytes=1000).get(f"{site}{path}")


def test_a_server_that_is_not_there_is_refused():
    with contextlib.closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(FetchRefused, match="no answer"):
            Fetcher(allow_private=True).get(f"http://127.0.0.1:{held.getsockname()[1]}/")


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\n\r\n", b""])
def test_a_server_that_drips_its_answer_holds_no_thread(first):
    """Each byte comes in time, the whole never does: the fetch ends at its limit all the same."""
    done = threading.Event()

    def drip(listener):
        with contextlib.suppress(OSError):
            peer, _ = listener.accept()
            with peer:
                peer.sendall(first)
                while not done.wait(0.02):
                    peer.sendall(b"x")

    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        try:
            with pytest.raises(FetchRefused, match="no answer: TimeoutError"):
                Fetcher(allow_private=True, longest=0.3).get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        finally:
            done.set()
            thread.join()
