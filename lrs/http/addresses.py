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
