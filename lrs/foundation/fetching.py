"""Fetching a URL that somebody else named: https only, no private address, bounded in size, time, redirects.

The address is resolved once, checked, and the connection goes to that very address, so a name that points
elsewhere a moment later gains nothing.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

import urllib3

log = logging.getLogger("lrs.fetching")

MAX_BYTES = 2_000_000
TIMEOUT = urllib3.Timeout(connect=5, read=10)
LONGEST = 20.0  # seconds for one answer as a whole
MAX_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
GIVEN_OUT = ipaddress.ip_network(
    "2000::/3"
)  # all of IPv6 that is; site-local, ::a.b.c.d and the like are not
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 behind NAT64
NOBODYS = [ipaddress.ip_network(one) for one in ("3fff::/20", "192.88.99.0/24")]  # RFC 9637, RFC 7526
# Said of a name that is not known and of one that leads inside alike: nobody learns names by trying.
NO_ADDRESS = "the host has no public address"


class FetchRefused(Exception):
    """A URL is not fetched, or its answer is not taken; `status` is that of an answer other than 200."""

    def __init__(self, url: str, reason: str, status: int | None = None) -> None:
        self.url, self.reason, self.status = url, reason, status
        super().__init__(f"{url}: {reason}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL answered."""

    url: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches by GET, and posts forms; `allow_private` admits private addresses, and plain http to them."""

    allow_private: bool = False
    max_bytes: int = MAX_BYTES
    longest: float = LONGEST

    def get(self, url: str, accept: str = "*/*", bearer: str | None = None) -> Fetched:
        """Return the answer of a URL, following up to three redirects; raise FetchRefused.

        With a token to show (`bearer`) none is followed: it is for this address only.
        """
        shown = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        services = url
        for _ in range(MAX_REDIRECTS + 1):
            parts = urlsplit(services)
            address = checked_address(services, parts, allow_private=self.allow_private)
            headers = {**request_headers(parts, accept), **shown}
            with_pool = connect(parts, address)
            try:
                with within(with_pool, self.longest):
                    answer = with_pool.request(
                        "GET", target(parts), headers=headers, timeout=TIMEOUT,
                        redirect=False, retries=False, preload_content=False,
                    )  # fmt: skip
                    if answer.status in REDIRECTS and answer.headers.get("Location") and not shown:
                        services = urljoin(services, answer.headers["Location"])
                        continue
                    return self._read(services, answer)
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise FetchRefused(services, f"no answer: {type(error).__name__}") from error
            finally:
                with_pool.close()
        raise FetchRefused(url, f"more than {MAX_REDIRECTS} redirects")

    def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Fetched:
        """Return the answer to a form, which goes to this address only: no redirects; raise FetchRefused."""
        parts = urlsplit(url)
        sent = {**request_headers(parts, "application/json"), **headers}
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        with_pool = connect(parts, checked_address(url, parts, allow_private=self.allow_private))
        try:
            with within(with_pool, self.longest):
                answer = with_pool.request(
                    "POST", target(parts), body=urlencode(form), headers=sent, timeout=TIMEOUT,
                    redirect=False, retries=False, preload_content=False,
                )  # fmt: skip
                return self._read(url, answer)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise FetchRefused(url, f"no answer: {type(error).__name__}") from error
        finally:
            with_pool.close()

    def _read(self, url: str, answer: urllib3.BaseHTTPResponse) -> Fetched:
        if answer.status != 200:
            raise FetchRefused(url, f"answered {answer.status}", answer.status)
        body = answer.read(self.max_bytes + 1, decode_content=True)
        if len(body) > self.max_bytes:
            raise FetchRefused(url, f"more than {self.max_bytes} bytes")
        return Fetched(url, answer.headers.get("Content-Type", "").partition(";")[0].strip().lower(), body)


def checked_address(url: str, parts: SplitResult, *, allow_private: bool) -> str:
    """Return the address to connect to; raise FetchRefused for one that is not allowed."""
    host = parts.hostname
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise FetchRefused(url, "malformed") from error
    if not url.isprintable() or " " in url or "\\" in url:
        raise FetchRefused(url, "malformed")  # parsers disagree about what these mean
    if parts.scheme not in ({"https", "http"} if allow_private else {"https"}) or not host or parts.username:
        raise FetchRefused(url, "not an https address")
    addresses = resolve(url, host, port)
    if not allow_private:
        private = next((one for one in addresses if not is_public(one)), None)
        if private is not None:
            log.info("%s is refused: it has the private address %s", host, private)
            raise FetchRefused(url, NO_ADDRESS)
    elif parts.scheme == "http" and any(is_public(one) for one in addresses):
        raise FetchRefused(url, "plain http is accepted for private addresses only")
    return addresses[0]


def resolve(url: str, host: str, port: int) -> list[str]:
    """Return the addresses of a host; raise FetchRefused when there are none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        log.info("%s is refused: it is not known", host)
        raise FetchRefused(url, NO_ADDRESS) from error
    return [str(one[4][0]) for one in found]


def is_public(address: str) -> bool:
    """Say whether an address belongs to the public internet, also behind a mapping or tunnel prefix."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return is_public(str(inner))
        if ip in TRANSLATED:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip not in GIVEN_OUT:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in one for one in NOBODYS)


def connect(parts: SplitResult, address: str) -> urllib3.HTTPConnectionPool:
    """Return a pool to one checked address that still proves the name of the host by its certificate."""
    if parts.scheme == "http":
        return urllib3.HTTPConnectionPool(address, parts.port or 80, maxsize=1)
    return urllib3.HTTPSConnectionPool(
        address, parts.port or 443, maxsize=1, server_hostname=parts.hostname, assert_hostname=parts.hostname
    )


@contextmanager
def within(pool: urllib3.HTTPConnectionPool, seconds: float) -> Iterator[None]:
    """Cut the connections that a pool makes inside the block when a time is over; raises TimeoutError.

    The limits of urllib3 are for each read: a server that sends a byte now and then would hold a thread.
    """
    opened: list[socket.socket] = []
    kind: Any = pool.ConnectionCls

    class Watched(kind):  # type: ignore[misc]  # a class that is known when the pool is
        def connect(self) -> None:
            super().connect()
            opened.append(self.sock)

    over = threading.Event()

    def cut() -> None:
        over.set()
        for one in opened:
            with suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    pool.ConnectionCls = Watched
    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if over.is_set():
            raise TimeoutError(f"no whole answer within {seconds:g} s")


def target(parts: SplitResult) -> str:
    """Return the request target of a URL."""
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def request_headers(parts: SplitResult, accept: str) -> Mapping[str, str]:
    """Return the headers of a request."""
    return {
        "Host": parts.netloc.rpartition("@")[2],
        "Accept": accept,
        "User-Agent": "Laurel",
        "Accept-Encoding": "gzip",
    }
