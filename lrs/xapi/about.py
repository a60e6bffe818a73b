"""About, agents (the Person object) and activities (1.0.3 Communication 2.4, 2.5, 2.8; 2.0 4.1.6)."""

from __future__ import annotations

from typing import Final

import orjson
from flask import Response, g, request

from lrs.access.guard import PUBLIC, Blueprint
from lrs.access.launch_tokens import permit_activity, permit_agent
from lrs.foundation.context import current_services
from lrs.xapi import protocol
from lrs.xapi.errors import InvalidRequest
from statements.parsing.actor import is_group
from statements.parsing.json_text import dump_text
from statements.query.parameters import read_agent, read_iri
from statements.storage.store import StatementStore

blueprint = Blueprint("about", __name__)

JSON: Final = "application/json"
ABOUT: Final = orjson.dumps({"version": list(protocol.SERVED), "extensions": {}})
# Libraries of that age refuse to read a list with versions that they do not know (edx-tincan).
OLD: Final = frozenset({"1.0.0", "1.0.1", "1.0.2"})
ABOUT_FOR_OLD: Final = orjson.dumps({"version": ["1.0.3"], "extensions": {}})


@blueprint.get("/xapi/about", scope=PUBLIC)
def about() -> Response:
    """Answer the versions served; needs no credentials and no version header."""
    protocol.parameters(())
    asked_by = request.environ.get("HTTP_X_EXPERIENCE_API_VERSION")
    return Response(ABOUT_FOR_OLD if asked_by in OLD else ABOUT, content_type=JSON)


@blueprint.get("/xapi/agents", scope=("statements/read", "profile"))
def agents() -> Response:
    """Answer the Person object: the identifier that was asked for and every name seen with it."""
    version = protocol.version()
    given = protocol.parameters(("agent",))
    if "agent" not in given:
        raise InvalidRequest("agent", "required")
    agent = read_agent("agent", given["agent"][0], version)
    if is_group(agent):
        raise InvalidRequest("agent", "must be an Agent, not a Group")
    if g.principal.limit is not None:
        permit_agent(g.principal.limit, given["agent"][0])
    person = StatementStore(current_services().db, g.principal.org).person(agent)
    return Response(orjson.dumps(person), content_type=JSON)


@blueprint.get("/xapi/activities", scope=("statements/read", "profile", "state"))
def activities() -> Response:
    """Answer the Activity with what the store knows of its definition; an unknown one has only its id."""
    version = protocol.version()
    given = protocol.parameters(("activityId",))
    if "activityId" not in given:
        raise InvalidRequest("activityId", "required")
    activity_id = read_iri("activityId", given["activityId"][0], version)
    if g.principal.limit is not None:
        permit_activity(g.principal.limit, activity_id)
    activity = StatementStore(current_services().db, g.principal.org).activity(activity_id)
    return Response(dump_text(activity), content_type=JSON)
