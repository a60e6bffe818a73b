"""Refusals for people: like ones in one group, and the request as a command that can be tried again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Final

Document = dict[str, Any]
_INDEX: Final = re.compile(r"\[\d+\]")
_VARYING: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b\d+(?:\.\d+)?\b")


def shape(message: str | None) -> str:
    """Return a message without what differs from one refusal to the next: values, ids, numbers."""
    return _VARYING.sub("…", message or "")


def place(path: str | None) -> str:
    """Return where something was refused, without the numbers of a list's members."""
    return _INDEX.sub("[]", path or "")


def groups(rows: Iterable[Mapping[str, Any]]) -> list[Document]:
    """Return refusals of one client for one reason as one row, the most frequent first.

    Rows come newest first and may lack a text; a group has its newest refusal's id, message and instant.
    """
    found: dict[tuple[Any, ...], Document] = {}
    for one in rows:
        key = (
            one["org"],
            one["client"],
            one["status"],
            one["error"],
            place(one["path"]),
            shape(one["message"]),
        )
        if key in found:
            found[key] |= {"count": found[key]["count"] + 1, "first": one["at"]}
        else:
            found[key] = {
                "newest": one["_id"], "count": 1, "first": one["at"], "last": one["at"], "org": one["org"],
                "client": one["client"], "label": one["label"], "status": one["status"],
                "error": one["error"], "path": place(one["path"]) or None, "message": one["message"],
                "request": f"{one['method']} {one['resource']}",
            }  # fmt: skip
    return sorted(found.values(), key=lambda one: (-one["count"], one["newest"]))


def as_curl(refusal: Mapping[str, Any], server: str) -> str:
    """Return a refused request as a command for a shell, with `$KEY` and `$SECRET` to fill in.

    The log keeps neither secrets nor query strings, and of a batch only the statement that was refused.
    """
    parts = ["curl -i", f"-X {shlex.quote(refusal['method'])}", '-u "$KEY:$SECRET"']
    if refusal.get("version"):
        parts.append(f"-H {shlex.quote('X-Experience-API-Version: ' + refusal['version'])}")
    if refusal.get("text"):
        parts += ["-H 'Content-Type: application/json'", f"--data-binary {shlex.quote(refusal['text'])}"]
    return " \\\n  ".join([*parts, shlex.quote(server.rstrip("/") + refusal["resource"])])
