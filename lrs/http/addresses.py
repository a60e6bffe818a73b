"""Addresses on this server."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from flask import request


def address(path: str, **more: str) -> str:
    """Return an address on this server with the filters of the present one, all its parameters but `after`.

    Not by `url_for`: a filter or a variable of a route may have the name of one of its own arguments.
    """
    kept = [(name, one) for name, one in request.args.items(multi=True) if name != "after" and one]
    query = urlencode([*kept, *more.items()], errors="replace")
    return f"{request.script_root}{quote(path)}?{query}" if query else f"{request.script_root}{quote(path)}"


def beside(**changed: str | None) -> str:
    """Return the address of the present list from its beginning, with filters changed or left out (None)."""
    changed = {"after": None, **changed}
    kept = [(name, one) for name, one in request.args.items(multi=True) if name not in changed and one]
    given = [(name, one) for name, one in changed.items() if one]
    return f"{request.script_root}{quote(request.path)}?{urlencode([*kept, *given], errors='replace')}"
