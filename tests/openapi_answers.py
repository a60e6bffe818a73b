"""Whether an answer of /api/v1 is what the OpenAPI document says: its status, media type, and every member.

The document is read more strictly than it is written: an object has the members that its schema names and no
others, unless it says that others may be there.
"""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Flask, Response, request
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Document = dict[str, Any]


def watch(app: Flask) -> list[str]:
    """Compare every answer of an application's API from now on; return where contradictions are noted."""
    found: list[str] = []

    @app.after_request
    def compare(answer: Response) -> Response:
        if request.path.startswith("/api/v1/") and request.url_rule is not None:
            found.extend(judge(app).contradictions(request.method, request.url_rule.rule, answer))
        return answer

    return found


_JUDGES: list[Judge] = []  # one for a run: all applications have the same document


def judge(app: Flask) -> Judge:
    """Return who judges answers of an application."""
    if not _JUDGES:
        _JUDGES.append(Judge(json.dumps(app.extensions["laurel_openapi"].document(), sort_keys=True)))
    return _JUDGES[0]


class Judge:
    """Compares answers with a document, which is given as JSON."""

    def __init__(self, text: str) -> None:
        self.document: Document = json.loads(text)
        closed = Resource.from_contents(_closed(self.document), default_specification=DRAFT202012)
        self.registry: Registry[Any] = Registry().with_resource("urn:openapi", closed)

    def contradictions(self, method: str, rule: str, answer: Response) -> list[str]:
        """Return what an answer to a rule of Flask's has that the document does not say."""
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)
        operation = self.document["paths"].get(path, {}).get(method.lower())
        if operation is None:
            return []
        where, responses = f"{method} {rule} {answer.status_code}", operation["responses"]
        told = responses.get(str(answer.status_code))
        if told is None and answer.status_code < 400:
            return [f"{where}: the document names {sorted(responses)}"]
        told = self._resolved(told or responses["default"])
        content = told.get("content", {})
        if not content:
            sent = answer.content_length and answer.status_code != 204  # which werkzeug sends without a body
            return [f"{where}: has a body, the document says none"] if sent else []
        if answer.mimetype not in content:
            return [f"{where}: is {answer.mimetype}, the document names {sorted(content)}"]
        if not answer.mimetype.endswith("json") or not answer.is_sequence:
            return []
        schema = _absolute(content[answer.mimetype]["schema"])
        errors = Draft202012Validator(schema, registry=self.registry).iter_errors(answer.json)
        return [f"{where}: {one.json_path}: {one.message[:200]}" for one in errors]

    def _resolved(self, told: Document) -> Document:
        """Return an answer of the document, where it stands."""
        if "$ref" not in told:
            return told
        found: Document = self.document["components"]["responses"][told["$ref"].rpartition("/")[2]]
        return found


def _absolute(schema: Any) -> Any:
    """Return a schema whose references name the document."""
    if isinstance(schema, dict):
        return {
            name: f"urn:openapi{inner}" if name == "$ref" else _absolute(inner)
            for name, inner in schema.items()
        }
    return [_absolute(one) for one in schema] if isinstance(schema, list) else schema


def _closed(schema: Any) -> Any:
    """Return a copy in which an object has no members beside those that are named."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(inner) for name, inner in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        closed.setdefault("additionalProperties", False)
    return closed
