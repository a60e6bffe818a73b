"""Errors of the administration API as problem details (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from flask import Response
from werkzeug.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


def problem(
    status: int, name: str, detail: str, *, path: str | None, error_id: str, headers: Mapping[str, str] | None
) -> Response:
    """Return a problem document; its `type` names our error class, `path` the place where there is one."""
    body = members(status, name, detail, path=path, error_id=error_id)
    response = Response(orjson.dumps(body), status, content_type=MEDIA_TYPE)
    response.headers.update(headers or {})
    return response


def members(status: int, name: str, detail: str, *, path: str | None, error_id: str) -> dict[str, Any]:
    """Return the members of a problem document."""
    return {
        "type": f"urn:laurel:problem:{_kebab(name)}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "path": path,
        "errorId": error_id,
    }


def add_places(response: Response, error: HTTPException) -> None:
    """Add `errors: [{path, detail}]` to a problem document of refused arguments (of webargs)."""
    messages = (getattr(error, "data", None) or {}).get("messages")
    if not messages or response.mimetype != MEDIA_TYPE:
        return
    places = [{"path": path, "detail": text} for path, text in _flat(messages, "")]
    detail = "; ".join(f"{place['path']}: {place['detail']}" for place in places[:3])
    response.data = orjson.dumps({**orjson.loads(response.data), "detail": detail, "errors": places})


def add_errors(response: Response, places: Sequence[tuple[str, str]]) -> None:
    """Add `errors: [{path, detail}]` to a problem document of an error with several places."""
    if places and response.mimetype == MEDIA_TYPE:
        errors = [{"path": path, "detail": detail} for path, detail in places]
        response.data = orjson.dumps({**orjson.loads(response.data), "errors": errors})


def _flat(messages: Any, path: str) -> Iterator[tuple[str, str]]:
    """Walk the nested messages of marshmallow; paths read `location.field.0.field`."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(messages, list | tuple):
        for text in messages:
            yield from _flat(text, path)
    else:
        yield path, str(messages)


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
