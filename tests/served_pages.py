"""An application behind a socket, for a browser to open, and what axe is asked about its pages."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from flask import Flask
from places import ROOT
from werkzeug.serving import WSGIRequestHandler, make_server

AXE = ROOT / "tests" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
MINE = (
    "/me",
    "/me/certifications/sales-pro",
    "/me/record",
    "/me/elsewhere",
    "/me/history",
    "/me/settings",
    "/me/progress",
    "/me/questions",
)
OURS = ("/partner", "/partner/people", "/partner/people/import", "/partner/due", "/partner/reports")


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 -- werkzeug's name
        """Say nothing."""


@contextlib.contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application until the block ends; gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
