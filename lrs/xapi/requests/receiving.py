"""The body of PUT and POST /statements: JSON, or multipart/mixed with attachments (Communication 1.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lrs.foundation.context import current_request, current_services
from lrs.foundation.work_budget import BYTES_OF_STATEMENT, Share
from lrs.xapi import inbound_log, protocol
from lrs.xapi.errors import InvalidRequest
from lrs.xapi.requests import multipart
from statements.intake.attachments import Part
from statements.parsing.parse import Parsed

Parser = Callable[[bytes, int], Sequence[Parsed]]


def receive(parse: Parser) -> tuple[Sequence[Parsed], dict[str, Part] | None]:
    """Return the parsed statements and the attachment parts by lower-case sha2 (None without multipart).

    Raises InvalidRequest, and what `parse` raises.
    """
    kind = protocol.media_type()
    given = current_request()
    services = current_services()
    most = services.settings.max_statement_mb * 1024 * 1024
    body = given.environ[inbound_log.BODY] = services.bodies.read(given)
    if kind == "application/json":
        return _counted(parse(body, most)), None
    if kind != "multipart/mixed":
        raise InvalidRequest("Content-Type", "must be application/json, or multipart/mixed with attachments")
    boundary = multipart.boundary_of(given.environ["CONTENT_TYPE"])
    first, *others = multipart.split_parts(body, boundary)
    if _media_type(first) != "application/json":
        raise InvalidRequest("body part 0", "the first part must be application/json with the statements")
    return _counted(parse(first.body, most)), _attachments(others)


def _counted(batch: Sequence[Parsed]) -> Sequence[Parsed]:
    """Return the batch, counted against the budget of this process; raises TooMuchInWork."""
    share: Share | None = current_request().environ.get("laurel.share")
    if share is not None:
        share.take(len(batch) * BYTES_OF_STATEMENT)
    return batch


def _attachments(others: list[multipart.BodyPart]) -> dict[str, Part]:
    """Return the parts after the first by their hash; one that is sent twice must be the same twice."""
    parts: dict[str, Part] = {}
    for index, part in enumerate(others, 1):
        attachment = _attachment(part, f"body part {index}")
        known = parts.setdefault(attachment.sha2, attachment)
        if known.content != attachment.content:
            raise InvalidRequest(f"body part {index}", "other bytes under the hash of an earlier part")
    return parts


def _attachment(part: multipart.BodyPart, place: str) -> Part:
    """Return one attachment; its encoding must be binary, its hash must be named."""
    sha2 = part.headers.get("x-experience-api-hash", "")
    if not sha2:
        raise InvalidRequest(place, "the header X-Experience-API-Hash is missing")
    encoding = part.headers.get("content-transfer-encoding", "binary")
    if encoding.lower() != "binary":
        raise InvalidRequest(place, "Content-Transfer-Encoding must be binary")
    content_type = part.headers.get("content-type", "application/octet-stream")
    return Part(sha2.lower(), content_type, part.body)


def _media_type(part: multipart.BodyPart) -> str:
    return part.headers.get("content-type", "").partition(";")[0].strip().lower()
