"""About, agents (the Person object) and activities (1.0.3 Communication 2.4, 2.5, 2.8; 2.0 4.1.6)."""

from __future__ import annotations

from typing import Final

import orjson
from flask import Blueprint, Response, g

from lrs import protocol
from lrs.auth import requires
from lrs.context import laurel
from lrs.xapi_errors import InvalidRequest
from statements.documents import Key
from statements.parse import parse_json
from statements.store import StatementStore

blueprint = Blueprint("about", __name__)

JSON: Final = "application/json"
ABOUT: Final = orjson.dumps({"version": list(protocol.SERVED), "extensions": {}})


@blueprint.get("/xapi/about")
def about() -> Response:
    """Answer the versions served; needs no credentials and no version header."""
    protocol.parameters(())
    return Response(ABOUT, content_type=JSON)


@blueprint.get("/xapi/agents")
@requires("statements/read", "profile")
def agents() -> Response:
    """Answer the Person object: the identifier that was asked for and every name seen with it."""
    version = protocol.version()
    given = protocol.parameters(("agent",))
    if "agent" not in given:
        raise InvalidRequest("agent", "required")
    Key.parse("agent_profile", given, version)
    person = StatementStore(laurel().db, g.principal.org).person(parse_json(given["agent"][0], "agent"))
    return Response(orjson.dumps(person), content_type=JSON)


@blueprint.get("/xapi/activities")
@requires("statements/read", "profile", "state")
def activities() -> Response:
    """Answer the Activity with what the store knows of its definition; an unknown one has only its id."""
    version = protocol.version()
    key = Key.parse("activity_profile", protocol.parameters(("activityId",)), version)
    assert key.activity is not None  # noqa: S101 -- Key.parse asks for it
    activity = StatementStore(laurel().db, g.principal.org).activity(key.activity)
    return Response(orjson.dumps(activity), content_type=JSON)
