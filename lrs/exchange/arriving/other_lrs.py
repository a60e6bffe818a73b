"""Another learning record store, read through its statements resource, attachments included."""

from __future__ import annotations

import io
from collections.abc import Iterator
from urllib.parse import quote, urljoin, urlsplit

import requests

from lrs.exchange.arriving.importing import BATCH, Line, PartFinder, no_part
from lrs.exchange.json_stream import JsonStream
from lrs.xapi.errors import InvalidRequest
from lrs.xapi.requests.multipart import BodyPart, boundary_of, split_parts
from statements.errors import InvalidStatement
from statements.intake.attachments import Part

MAX_PAGE = 256 * 1024 * 1024
TIMEOUT = (10, 60)


class OtherLrs:
    """The statements of another store, oldest first, `page` at a time.

    Positions are `more` links; the same host only, so that a link cannot lead the credentials elsewhere.
    """

    def __init__(self, endpoint: str, key: str, secret: str, *, since: str = "", page: int = BATCH) -> None:
        self.endpoint, self.since, self.page = endpoint.rstrip("/"), since, page
        self.session = requests.Session()
        self.session.auth = (key, secret)
        self.session.headers["X-Experience-API-Version"] = "1.0.3"
        retry = requests.adapters.Retry(5, backoff_factor=1, status_forcelist=(429, 502, 503, 504))
        self.session.mount("http", requests.adapters.HTTPAdapter(max_retries=retry))

    def size(self) -> None:
        """Return None: xAPI does not tell how many statements there are."""

    def lines(self, position: str) -> Iterator[Line]:
        """Yield the statements page by page."""
        with self.session:
            yield from self._pages(position or self._first())

    def _pages(self, address: str) -> Iterator[Line]:
        number = 0
        while address:
            body, part = read_answer(*self._get(address))
            statements, more = split_page(body)
            for index, statement in enumerate(statements):
                number += 1
                # only a whole page is a position: the next link is known to work from there
                last = index == len(statements) - 1
                yield Line(f"statement {number}", statement, self._next(more) if last else address, part)
            address = self._next(more) if statements else ""

    def _first(self) -> str:
        since = f"&since={quote(self.since)}" if self.since else ""
        return f"{self.endpoint}/statements?ascending=true&attachments=true&limit={self.page}{since}"

    def _next(self, more: str) -> str:
        if not more:
            return ""
        address = urljoin(self.endpoint + "/", more)
        if urlsplit(address)[:2] != urlsplit(self.endpoint)[:2]:
            raise InvalidStatement("more", f"leads to another host: {address}")
        return address

    def _get(self, address: str) -> tuple[str, bytes]:
        """Return the media type and the body of an answer."""
        with self.session.get(address, timeout=TIMEOUT, stream=True, allow_redirects=False) as response:
            response.raise_for_status()
            out = io.BytesIO()
            for block in response.iter_content(1 << 16):
                out.write(block)
                if out.tell() > MAX_PAGE:
                    told = f"the page is larger than {MAX_PAGE >> 20} MiB"
                    raise InvalidStatement("$", f"{told}; begin again (--restart) with a smaller --page")
        return response.headers.get("Content-Type", ""), out.getvalue()


def read_answer(content_type: str, body: bytes) -> tuple[bytes, PartFinder]:
    """Return the statements of an answer and what finds its attachments; InvalidStatement.

    A store that knows no `attachments=true` answers the statements alone.
    """
    if content_type.partition(";")[0].strip().lower() != "multipart/mixed":
        return body, no_part
    try:
        first, *others = split_parts(body, boundary_of(content_type))
    except InvalidRequest as error:
        raise InvalidStatement("$", f"the page is no multipart/mixed: {error}") from error
    return first.body, {part.sha2: part for part in map(_part, others)}.get


def _part(part: BodyPart) -> Part:
    sha2 = part.headers.get("x-experience-api-hash", "").lower()
    return Part(sha2, part.headers.get("content-type", "application/octet-stream"), part.body)


def split_page(body: bytes) -> tuple[list[bytes], str]:
    """Return the exact text of each statement of a StatementResult, and its `more`; InvalidStatement if none.

    Nothing is encoded again, so numbers, key order and escapes stay as the other store gave them.
    """
    stream = JsonStream(io.BytesIO(body))
    statements: list[bytes] | None = None
    more = ""
    for name in stream.members():
        if name == "statements":
            statements = [text.encode("utf-8", "surrogateescape") for text in stream.elements()]
        elif name == "more":
            more = stream.text()
        else:
            stream.value()
    if statements is None:
        raise InvalidStatement("$", "is not a StatementResult: it has no statements")
    return statements, more
