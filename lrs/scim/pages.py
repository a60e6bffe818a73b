"""`/scim/v2`: the endpoints of SCIM 2.0 for the directory that a bearer token stands for.

The library reads requests and writes answers; we say who asks, keep what is told, and bound both.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any, Final

import orjson
from flask import Response, request
from pydantic import ValidationError
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    ConflictException,
    EnterpriseUser,
    ETag,
    External,
    Filter,
    Group,
    InvalidValueException,
    Patch,
    Reference,
    ResourceType,
    SCIMException,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    UnauthorizedException,
    User,
)
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.service import ScimService

from lrs.access.guard import PUBLIC, Blueprint
from lrs.access.limits import Limits
from lrs.access.tries import check_tries, count_try
from lrs.foundation.audit import Editor
from lrs.foundation.context import current_services
from lrs.foundation.errors import Collision, InvalidField, TooManyTries, UnknownThing
from lrs.scim import tokens
from lrs.scim.storage import Directory

Document = dict[str, Any]
log = logging.getLogger(__name__)

ROOT: Final = "/scim/v2"
METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
LARGEST: Final = 1024 * 1024  # bytes of a request
MOST_RESULTS: Final = 200
WRONG_TOKENS: Final = 30  # of one address within a quarter of an hour

blueprint = Blueprint("scim", __name__)


@cache
def service() -> ScimService:
    """Return what speaks SCIM: users with the enterprise extension, and groups."""
    scheme = AuthenticationScheme(
        type=AuthenticationScheme.Type.oauthbearertoken,
        name="bearer token",
        description="A token of an organization, made in the console",
        spec_uri=Reference[External]("https://datatracker.ietf.org/doc/html/rfc6750"),
        primary=True,
    )
    config = ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST_RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        authentication_schemes=[scheme],
    )
    types = [ResourceType.from_resource(User[EnterpriseUser]), ResourceType.from_resource(Group)]
    return ScimService(ScimProvider([User, EnterpriseUser, Group], types, config))


@blueprint.route(ROOT, methods=METHODS, scope=PUBLIC, defaults={"rest": ""})
@blueprint.route(f"{ROOT}/<path:rest>", methods=METHODS, scope=PUBLIC)
def answer(rest: str) -> Response:
    """Answer a request of a directory; without its token nothing is read, and nothing told."""
    speaks = service()
    try:
        editor, org = asker()
        request.max_content_length = LARGEST
        asked = ScimRequest(
            method=request.method,
            base_url=f"{current_services().settings.public_url}{ROOT}",
            path=f"/{rest}",
            query=request.args.to_dict(),
            headers=list(request.headers.items()),
            body=current_services().bodies.read(request),
        )
        if request.method == "POST" and rest.strip("/").lower() == "users":
            current_services().part(Limits).check_people(org)
        told = ScimHandler(speaks, Directory(editor, org, speaks)).handle(asked)
    except (SCIMException, ValidationError) as error:
        told = speaks.error_response(error)
    except (InvalidField, UnknownThing) as error:
        told = speaks.error_response(InvalidValueException(detail=str(error)))
    except Collision as error:
        told = speaks.error_response(ConflictException(detail=str(error)))
    body = b"" if told.body is None else orjson.dumps(told.body)
    response = Response(body, status=int(told.status), headers=told.headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def asker() -> tuple[Editor, str]:
    """Return the directory that asks, as who changes things, and its organization.

    Raises UnauthorizedException, TooManyTries.
    """
    here = current_services()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    name = f"scim from {request.remote_addr}"
    found = tokens.find(here.db, token.strip(), here.now()) if scheme.lower() == "bearer" else None
    if found is None:
        try:
            check_tries(here.db, {name: WRONG_TOKENS}, here.now())
        except TooManyTries as error:
            raise _too_many(error) from error
        count_try(here.db, name, here.now())
        raise UnauthorizedException(detail="a live token of an organization is needed")
    now = here.now().replace(microsecond=here.now().microsecond // 1000 * 1000)  # as MongoDB keeps it
    who = {"kind": "scim", "id": found["name"], "name": found["label"], "org": found["org"]}
    return Editor(here.db, who, now, request.remote_addr), found["org"]


def _too_many(error: TooManyTries) -> SCIMException:
    refused = SCIMException(detail=str(error))
    refused.status = 429
    return refused
