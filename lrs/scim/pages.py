"""`/scim/v2`: the endpoints of SCIM 2.0 for the directory that a bearer token stands for.

The library reads requests and writes answers; we say who asks, keep what is told, and bound both.
"""

from __future__ import annotations

from types import ModuleType
from typing import Final

import orjson
from flask import Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from lrs.access.guard import PUBLIC, Blueprint
from lrs.access.limits import Limits
from lrs.access.tries import check_tries, count_try
from lrs.foundation.audit import Editor
from lrs.foundation.context import current_services
from lrs.foundation.errors import AccessError, Unauthenticated
from lrs.scim import tokens

ROOT: Final = "/scim/v2"
METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
LARGEST: Final = 1024 * 1024  # bytes of a request
LARGEST_QUESTION: Final = 16 * 1024
WRONG_TOKENS: Final = 30  # of one address within a quarter of an hour

blueprint = Blueprint("scim", __name__)


def library() -> ModuleType:
    """Return the module that speaks SCIM."""
    from lrs.scim import speaking  # noqa: PLC0415 -- half a second, which installations without SCIM spare

    return speaking


@blueprint.route(ROOT, methods=METHODS, scope=PUBLIC, defaults={"rest": ""})
@blueprint.route(f"{ROOT}/<path:rest>", methods=METHODS, scope=PUBLIC)
def answer(rest: str) -> Response:
    """Answer a request of a directory; without its token nothing is read, and nothing told."""
    here, speaking = current_services(), library()
    try:
        editor, org = asker()
        request.max_content_length = LARGEST_QUESTION if rest.endswith(".search") else LARGEST
        asked = speaking.ScimRequest(
            method=request.method,
            base_url=f"{here.settings.public_url}{ROOT}",
            path=f"/{rest}",
            query=request.args.to_dict(),
            headers=list(request.headers.items()),
            body=here.bodies.read(request),
        )
        told = speaking.answer(editor, org, asked, here.part(Limits).check_people)
    except (AccessError, RequestEntityTooLarge) as error:
        told = speaking.refusal(error)
    body = b"" if told.body is None else orjson.dumps(told.body)
    response = Response(body, status=int(told.status), headers=told.headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def asker() -> tuple[Editor, str]:
    """Return the directory that asks, as who changes things, and its organization.

    Raises Unauthenticated, TooManyTries.
    """
    here = current_services()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    found = tokens.find(here.db, token.strip(), here.now()) if scheme.lower() == "bearer" else None
    if found is None:
        name = f"scim from {request.remote_addr}"
        check_tries(here.db, {name: WRONG_TOKENS}, here.now())
        count_try(here.db, name, here.now())
        raise Unauthenticated("a live token of an organization is needed")
    here.part(Limits).admit_directory(found["name"], found["org"], request)
    now = here.now()
    who = {"kind": "scim", "id": found["name"], "name": found["label"], "org": found["org"]}
    kept = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as MongoDB keeps it
    return Editor(here.db, who, kept, request.remote_addr), found["org"]
