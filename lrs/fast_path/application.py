"""Flask with less on the way of each request: what Laurel never uses is not asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Flask, Request, Response, appcontext_tearing_down, request_tearing_down
from flask.globals import request_ctx
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import Map, MapAdapter
from werkzeug.wsgi import get_host

from lrs.foundation.context import current_request

Environ = dict[str, Any]


class NoSessions(SessionInterface):
    """Flask's own sessions are not used: ours are documents (lrs.access.sessions)."""

    null = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002 -- Flask's signature
        """Return the one session that holds nothing and refuses every change."""
        return self.null

    def is_null_session(self, obj: object) -> bool:  # noqa: ARG002 -- Flask's signature
        """Return true: nothing is ever saved."""
        return True


class Addresses(MapAdapter):
    """Finds the view of an address without variables by one look-up, once it was found by werkzeug."""

    def match(self, *args: Any, **kwargs: Any) -> Any:
        """Return (rule, variables) as werkzeug does, for Flask's one way of asking; raises HTTPException."""
        if args or kwargs != {"return_rule": True}:
            return super().match(*args, **kwargs)
        known = self.map.known  # type: ignore[attr-defined]  # an AddressMap
        address = (self.default_method, self.path_info)
        rule = known.get(address)
        if rule is None:
            rule, variables = super().match(return_rule=True)
            if variables:
                return rule, variables
            known[address] = rule
        return rule, {}


class AddressMap(Map):
    """The rules of an application, and those that were found under an address as it stands."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known: dict[tuple[str, str], Any] = {}  # no more than there are methods and rules


@dataclass(frozen=True, slots=True)
class Hooks:
    """What an application does before and after the views of one blueprint, in order."""

    before: tuple[Callable[[], Any], ...]
    after: tuple[Callable[[Any], Any], ...]


class Application(Flask):
    """The class of Laurel's application."""

    session_interface = NoSessions()
    url_map_class = AddressMap

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hooks: dict[str | None, Hooks] = {}  # by endpoint

    def hooks(self) -> Hooks:
        """Return what surrounds the view of the present request; gathered once for each endpoint."""
        present = current_request()
        found = self._hooks.get(present.endpoint)
        if found is None:
            names = present.blueprints
            before, after = self.before_request_funcs, self.after_request_funcs
            found = self._hooks[present.endpoint] = Hooks(
                tuple(each for name in (None, *reversed(names)) for each in before.get(name, ())),
                tuple(each for name in (*names, None) for each in reversed(after.get(name, ()))),
            )
        return found

    def preprocess_request(self) -> Any:
        """Do what comes before a view; return the answer of the first that has one."""
        if self.url_value_preprocessors:
            return super().preprocess_request()
        for each in self.hooks().before:
            if (answer := each()) is not None:
                return answer
        return None

    def process_response(self, response: Response) -> Response:
        """Do what comes after a view."""
        if request_ctx._after_request_functions:  # noqa: SLF001 -- Flask's own place for them
            return super().process_response(response)
        for each in self.hooks().after:
            response = each(response)
        return response

    def do_teardown_request(self, *args: Any) -> None:
        """Tell those who asked to be told that a request is over."""
        if self.teardown_request_funcs or request_tearing_down.receivers:
            super().do_teardown_request(*args)

    def do_teardown_appcontext(self, *args: Any) -> None:
        """Tell those who asked to be told that a context is over."""
        if self.teardown_appcontext_funcs or appcontext_tearing_down.receivers:
            super().do_teardown_appcontext(*args)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is: none of ours is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what finds the view of a request; raises werkzeug's BadRequest for a host that is none."""
        if request is None:
            return None
        environ: Environ = request.environ
        return Addresses(
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
