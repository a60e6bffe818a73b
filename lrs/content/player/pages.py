"""The player over HTTP, on the content origin: its page, and what its script asks for.

The token stands in the path, for a beacon carries no header of ours and a cookie would be every package's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from typing import Any, Final, cast

import orjson
from flask import Blueprint, Flask, Response, abort, current_app, request, send_file
from pymongo.errors import PyMongoError

from lrs.content.attempts.deciding import AttemptOver
from lrs.content.errors import STATUS
from lrs.content.origin.problems import note
from lrs.content.packages.model import Kind
from lrs.content.player import launches, problems, reports, units
from lrs.content.player.commits import LARGEST, BadCommit, read_commit, read_sequencing, refusal
from lrs.content.player.playing import Play, h5p_outline
from lrs.content.player.shelf import Shelf, Shelved
from lrs.content.player.states import LARGEST as LARGEST_STATE
from lrs.content.player.states import keep_state, state_of
from lrs.foundation.context import current_services
from lrs.foundation.errors import UnknownThing
from statements.errors import StoreBusy

blueprint = Blueprint("player", __name__)

Json = dict[str, Any]

NO_STORE: Final = {"Cache-Control": "no-store"}
PAGE_HEADERS: Final = {
    **NO_STORE,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "frame-src 'self' http: https:; form-action 'none'; base-uri 'none'"
    ),
}
OURS: Final = {
    "h5p.js": "text/javascript",
    "player.css": "text/css",
    "player.js": "text/javascript",
    "problems.js": "text/javascript",
    "scorm.js": "text/javascript",
    "sequencing.js": "text/javascript",
    "transport.js": "text/javascript",
    "units.css": "text/css",
    "words.js": "text/javascript",
}
LIBRARIES: Final = {
    "scorm12.min.js": "scorm-again/dist",
    "scorm2004.min.js": "scorm-again/dist",
    "main.bundle.js": "h5p-standalone/dist",
    "frame.bundle.js": "h5p-standalone/dist",
    "styles/h5p.css": "h5p-standalone/dist",
}
LARGEST_QUESTION: Final = 10_000


def register(app: Flask) -> None:
    """Add the player to the application of the content origin."""
    app.extensions["content_shelf"] = Shelf(app.extensions["laurel"].db)
    app.extensions["laurel_admits"] = partial(admits, app)
    app.register_blueprint(blueprint)


@blueprint.errorhandler(UnknownThing)
def unknown(error: UnknownThing) -> Response:
    """Answer that a launch is over, or that it has no such part."""
    return _json({"message": str(error)}, 404)


@blueprint.errorhandler(AttemptOver)
def over(error: AttemptOver) -> Response:
    """Answer that the learner has to open the course anew."""
    return _json({"message": str(error)}, STATUS[AttemptOver])


@blueprint.errorhandler(StoreBusy)
def busy(error: StoreBusy) -> Response:
    """Answer that the same should be sent again."""
    return _json({"message": str(error)}, 503)


def admits(app: Flask, environ: Mapping[str, Any], _beginning: bytes) -> Json | bool:
    """Return the launch that a long body is said to, for the view; false where it is not worth receiving."""
    parts = str(environ.get("PATH_INFO", "")).split("/")
    if len(parts) < 3 or parts[1] != "play":
        return False
    with app.app_context():
        services = current_services()
        try:
            return launches.find(services.db, parts[2], services.now())
        except UnknownThing:
            return False
        except PyMongoError:
            return True  # the view meets it again, and answers it


def _found(token: str) -> tuple[Json, Shelved]:
    """Return the running launch of a token and the version that it runs; raises UnknownThing."""
    here, shelf = current_services(), cast("Shelf", current_app.extensions["content_shelf"])
    admitted = request.environ.get("laurel.admitted")
    launch = admitted if isinstance(admitted, dict) else launches.find(here.db, token, here.now())
    return launch, shelf.version(launch["version"])


def _play(token: str) -> Play:
    """Return the running launch of SCORM content; raises UnknownThing."""
    launch, version = _found(token)
    if version.outline is None:
        raise UnknownThing("launch", "of this address")
    return Play(current_services().db, launch, version, version.outline)


def _json(value: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, NO_STORE, content_type="application/json")


def _asked() -> Json:
    """Return the object that a small request holds, an empty one where it holds none."""
    request.max_content_length = LARGEST_QUESTION
    try:
        found = orjson.loads(request.get_data(cache=False))
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


@blueprint.get("/play/<token>/")
def page(token: str) -> Response:
    """Answer the player's page; what it shows it asks for. A cmi5 course has a page of its units instead.

    H5P runs in that page itself, with styles and scripts of the package, so it has the content's own policy.
    """
    launch, version = _found(token)
    if version.package.kind is Kind.CMI5:
        return units.menu_page(launch, version)
    if version.package.kind is Kind.H5P:
        return _page("h5p.html", NO_STORE)
    return _page("player.html", PAGE_HEADERS)


def _page(body: str, headers: Mapping[str, str]) -> Response:
    return Response(
        _ours("head.html") + _ours(body), headers=headers, content_type="text/html; charset=utf-8"
    )


@blueprint.post("/play/<token>/unit")
def open_unit(token: str) -> Response:
    """Launch a unit of a cmi5 course, and lead there."""
    launch, version = _found(token)
    request.max_content_length = units.LARGEST
    if version.package.kind is not Kind.CMI5:
        raise UnknownThing("launch", "of this address")
    return units.open_chosen(token, launch, request.form.get("unit", ""))


@blueprint.get("/play/<token>/outline")
def outline(token: str) -> Response:
    """Answer the course with its parts and where the learner stands in them."""
    launch, version = _found(token)
    if version.package.kind is Kind.H5P:
        return _json(h5p_outline(launch, version, state_of(current_services().db, launch, version.course)))
    return _json(_play(token).course())


@blueprint.post("/play/<token>/open")
def open_part(token: str) -> Response:
    """Begin a run of a part."""
    asked = _asked()
    after = asked["after"] if isinstance(asked.get("after"), int) else 0
    return _json(_play(token).open(str(asked.get("part", "")), current_services().now(), after))


@blueprint.post("/play/<token>/commit")
def commit(token: str) -> Response:
    """Keep a commit: JSON whatever its content type says, for a beacon can only say text/plain."""
    play = _play(token)
    request.max_content_length = LARGEST
    try:
        sent = read_commit(request.get_data(cache=False))
    except BadCommit as error:
        return _json(refusal(play.outline.edition, error.reason))
    return _json(play.commit(sent, current_services().now()))


@blueprint.post("/play/<token>/sequencing")
def keep_sequencing(token: str) -> Response:
    """Keep the state of the sequencing engine."""
    play = _play(token)
    request.max_content_length = LARGEST
    try:
        run, state, claim = read_sequencing(request.get_data(cache=False))
    except BadCommit as error:
        return _json({"kept": False, "reason": error.reason})
    return _json(play.keep_sequencing(run, state, claim, current_services().now()))


@blueprint.post("/play/<token>/report")
def report(token: str) -> Response:
    """Store what H5P content reports; a report that is none is refused for good."""
    here, (launch, version) = current_services(), _found(token)
    request.max_content_length = reports.LARGEST
    if version.package.kind is not Kind.H5P:
        raise UnknownThing("launch", "of this address")
    if launch["mode"] != "normal":
        return _json({"kept": False})
    try:
        given = reports.read_report(request.get_data(cache=False))
        statement = reports.complete(given, launch, version.course, here.now())
        reports.keep(here.db, statement, launch["org"], here.settings.public_url, here.now())
    except BadCommit as error:
        return _json({"kept": False, "reason": error.reason}, 400)
    return _json({"kept": True})


@blueprint.post("/play/<token>/state")
def keep(token: str) -> Response:
    """Keep where the learner is in H5P content."""
    here, (launch, version) = current_services(), _found(token)
    request.max_content_length = LARGEST_STATE
    if version.package.kind is not Kind.H5P:
        raise UnknownThing("launch", "of this address")
    if launch["mode"] != "normal":
        return _json({"kept": False})
    try:
        keep_state(here.db, launch, version.course, request.get_data(cache=False), here.now())
    except BadCommit as error:
        return _json({"kept": False, "reason": error.reason}, 400)
    return _json({"kept": True})


@blueprint.post("/play/<token>/problems")
def tell_problems(token: str) -> Response:
    """Count what went wrong in the learner's browser."""
    here, (launch, _) = current_services(), _found(token)
    request.max_content_length = problems.LARGEST
    try:
        found = problems.read_problems(request.get_data(cache=False))
    except BadCommit as error:
        return _json({"kept": 0, "reason": error.reason}, 400)
    agent = request.headers.get("User-Agent", "")
    return _json({"kept": note(here.db, launch, found, agent, here.now())})


@blueprint.post("/play/<token>/leave")
def leave(token: str) -> Response:
    """Answer where the learner goes after the course."""
    return _json({"url": launches.find(current_services().db, token, current_services().now())["return_url"]})


@blueprint.get("/player/<name>")
def ours(name: str) -> Response:
    """Answer a file of the player."""
    if name not in OURS:
        abort(404)
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(_ours(name), headers=headers, content_type=f"{OURS[name]}; charset=utf-8")


@blueprint.get("/player/lib/<path:name>")
def library(name: str) -> Response:
    """Answer a file of scorm-again or h5p-standalone, which the set-up puts in place."""
    folder = LIBRARIES.get(name)
    path = current_services().settings.player_libraries / folder / name if folder else None
    if path is None or not path.is_file():
        abort(404)
    response = send_file(path, max_age=3600, conditional=True)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _ours(name: str) -> bytes:
    found: Callable[[], bytes] = files("lrs").joinpath("static", "player", name).read_bytes
    return found()
