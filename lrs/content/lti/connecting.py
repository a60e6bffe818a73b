"""Requests to platforms: to public addresses only, bounded in time and size, and their keys for a while."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import requests
import urllib3
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from lrs.foundation.context import Services
from lrs.foundation.fetching import Fetcher, FetchRefused, checked_address, connect, target, within

Document = dict[str, Any]

PATIENCE: Final = 15.0  # seconds for an answer as a whole
LARGEST: Final = 1_000_000
LARGEST_KEYS: Final = 200_000
KEYS_LAST: Final = 600.0  # seconds
KEYS_REST: Final = 30.0  # seconds before a key set that lacks a key is fetched again


class GuardedAdapter(BaseAdapter):
    """Sends requests as `lrs.foundation.fetching` does: the address is checked, and is the one used."""

    def __init__(self, *, allow_private: bool) -> None:
        super().__init__()
        self.allow_private = allow_private

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Return the answer; raises requests.ConnectionError."""
        url = request.url or ""
        parts = urlsplit(url)
        try:
            address = checked_address(url, parts, allow_private=self.allow_private)
            headers = {**request.headers, "Host": parts.netloc.rpartition("@")[2]}
            with connect(parts, address) as pool, within(pool, PATIENCE):
                answer = pool.request(
                    request.method or "GET", target(parts), body=request.body, headers=headers,
                    redirect=False, retries=False, preload_content=False,
                    timeout=urllib3.Timeout(total=PATIENCE),
                )  # fmt: skip
                body = answer.read(LARGEST + 1, decode_content=True)
        except (FetchRefused, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            reason = error.reason if isinstance(error, FetchRefused) else type(error).__name__
            raise requests.ConnectionError(f"{parts.hostname}: {reason}") from error
        if len(body) > LARGEST:
            raise requests.ConnectionError(f"{parts.hostname}: more than {LARGEST} bytes")
        response = requests.Response()
        response.status_code, response.url, response.request = answer.status, url, request
        response.headers = CaseInsensitiveDict(answer.headers)
        response._content = body  # noqa: SLF001 -- what every adapter that does not stream sets
        return response

    def close(self) -> None:
        """Hold nothing open."""


def session(*, allow_private: bool) -> requests.Session:
    """Return what asks platforms; it follows no redirect, for one would carry a token elsewhere."""
    made = requests.Session()
    made.trust_env = False
    made.max_redirects = 0
    for scheme in ("https://", "http://"):
        made.mount(scheme, GuardedAdapter(allow_private=allow_private))
    return made


@dataclass(slots=True)
class KeySets:
    """The key sets of platforms, remembered in a process."""

    services: Services
    known: dict[str, tuple[float, Document]] = field(default_factory=dict)

    def get(self, url: str, *, wanting: bool = False) -> Document:
        """Return the key set of an address; with `wanting` a fresh one, unless it was fetched just now.

        Raises FetchRefused.
        """
        now = time.monotonic()
        found = self.known.get(url)
        if found is not None and now - found[0] < (KEYS_REST if wanting else KEYS_LAST):
            return found[1]
        fetcher = Fetcher(self.services.settings.allow_private_addresses, LARGEST_KEYS, PATIENCE)
        body = fetcher.get(url, "application/json").body
        try:
            keys = orjson.loads(body)["keys"]
            read = {"keys": [one for one in keys if isinstance(one, dict)]}
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise FetchRefused(url, "answers no key set") from error
        self.known[url] = (now, read)
        return read
