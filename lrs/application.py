"""Flask with less on the way of each request: what Laurel never uses is not asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, cast

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import Map, MapAdapter
from werkzeug.wsgi import get_host

Environ = dict[str, Any]


class NoSessions(SessionInterface):
    """Flask's own sessions are not used: ours are documents (lrs.sessions)."""

    null = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002 -- Flask's signature
        """Return the one session that holds nothing and refuses every change."""
        return self.null

    def is_null_session(self, obj: object) -> bool:  # noqa: ARG002 -- Flask's signature
        """Return true: nothing is ever saved."""
        return True


class Application(Flask):
    """The class of Laurel's application."""

    session_interface = NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is: none of ours is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what finds the view of a request; raises werkzeug's BadRequest for a host that is none."""
        if request is None:
            return None
        environ: Environ = request.environ
        return MapAdapter(
            self.url_map,
            host_of(
                environ.get("HTTP_HOST"),
                environ["SERVER_NAME"],
                environ["SERVER_PORT"],
                environ["wsgi.url_scheme"],
            ),
            environ.get("SCRIPT_NAME") or "/",
            "",
            environ["wsgi.url_scheme"],
            request.path,
            environ["REQUEST_METHOD"],
            environ.get("QUERY_STRING", ""),
        )


@lru_cache(maxsize=256)
def host_of(given: str | None, server: str, port: str, scheme: str) -> str:
    """Return the host that a request names, as werkzeug checks and spells it; the same few are asked for."""
    environ = {"SERVER_NAME": server, "SERVER_PORT": port, "wsgi.url_scheme": scheme}
    return Map().bind(get_host(environ | ({} if given is None else {"HTTP_HOST": given}))).server_name


class Answer(Response):
    """A body that is finished, with its own headers, sent as it is.

    werkzeug looks for relative addresses among the headers and for the body's length once more.
    """

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as a WSGI application."""
        if environ["REQUEST_METHOD"] == "HEAD" or self.status_code != 200:
            return super().__call__(environ, start_response)
        start_response(self.status, self.headers.to_wsgi_list())
        return cast("list[bytes]", self.response)
