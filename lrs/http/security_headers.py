"""Headers that every answer outside of /xapi has, unless its view says something stricter or wider.

Answers below /xapi get theirs from `lrs.xapi.protocol`, in front of routing.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from lrs.foundation.context import current_request
from lrs.foundation.settings import Settings

# Only the console and the player run scripts, each with a policy of its own.
# `unsafe-inline` styles: the API's page and drawings carry their own.
DEFAULTS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
PRIVATE: Final = ("/api/v1/", "/unsubscribe/")  # never kept by a cache: data of one asker, tokens in paths


def harden(response: Response) -> Response:
    """Add the headers that are missing."""
    path = current_request().path
    if path.startswith("/xapi"):
        return response
    for name, value in DEFAULTS.items():
        response.headers.setdefault(name, value)
    if path.startswith(PRIVATE):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def register(app: Flask, settings: Settings) -> None:
    """Install the headers, and believe `X-Forwarded-For` of as many proxies as are configured."""
    app.after_request(harden)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # the way that Flask documents
            app.wsgi_app, x_for=count, x_proto=0, x_host=0, x_port=0, x_prefix=0
        )
