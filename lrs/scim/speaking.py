"""The library that speaks SCIM 2.0, with what we tell of ourselves and how our errors read there.

Imported with the first request of a directory: the library costs half a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

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
    InvalidFilterException,
    InvalidSyntaxException,
    InvalidValueException,
    Patch,
    Reference,
    ResourceType,
    SCIMException,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    UnauthorizedException,
    User,
)
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService
from werkzeug.exceptions import RequestEntityTooLarge

from lrs.foundation.audit import Editor
from lrs.foundation.errors import (
    AccessError,
    Collision,
    InvalidField,
    LimitReached,
    TooManyTries,
    Unauthenticated,
    UnknownThing,
)
from lrs.scim.directory import Directory, nothing_refused

MOST_RESULTS: Final = 200
LONGEST_FILTER: Final = 4000  # characters
MOST_OPERATIONS: Final = 1000  # of one PATCH
# Entra ID names whom it removes in the value, and adds an address by a filter that finds none yet. The RFC
# has both refused.
DIALECTS: Final = ScimPolicy(
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
CLASSES: Final[Mapping[type[Exception], type[SCIMException]]] = {
    Unauthenticated: UnauthorizedException,
    InvalidField: InvalidValueException,
    UnknownThing: InvalidValueException,
    Collision: ConflictException,
}
STATUS: Final[Mapping[type[Exception], int]] = {
    TooManyTries: 429,
    LimitReached: 429,
    RequestEntityTooLarge: 413,
}


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
    return ScimService(ScimProvider([User, EnterpriseUser, Group], types, config, DIALECTS))


def answer(
    editor: Editor, org: str, asked: ScimRequest, admit: Callable[[str], None] = nothing_refused
) -> ScimResponse:
    """Return the answer to a request of an organization's directory; raises AccessError."""
    speaks = service()
    try:
        operations = check_size(asked)
        return ScimHandler(speaks, Directory(editor, org, speaks, admit, operations)).handle(asked)
    except (SCIMException, ValidationError) as error:
        return speaks.error_response(error)
    except RecursionError:
        return speaks.error_response(InvalidSyntaxException(detail="it is nested too deeply"))


def check_size(asked: ScimRequest) -> int:
    """Refuse what would take long to work through, return the operations of a PATCH; raises SCIMException."""
    if any(len(value) > LONGEST_FILTER for name, value in asked.query.items() if name.lower() == "filter"):
        raise InvalidFilterException(detail=f"a filter has at most {LONGEST_FILTER} characters")
    if asked.method != "PATCH" or not asked.body:
        return 0
    try:
        told = json.loads(asked.body)
    except ValueError:
        return 0  # the library says what is wrong with it
    sent = told if isinstance(told, dict) else {}
    operations = next((sent[name] for name in sent if name.lower() == "operations"), None)
    if not isinstance(operations, list):
        return 0
    if len(operations) > MOST_OPERATIONS:
        raise InvalidValueException(detail=f"a PATCH has at most {MOST_OPERATIONS} operations")
    return len(operations)


def refusal(error: AccessError | RequestEntityTooLarge) -> ScimResponse:
    """Return an error of ours as SCIM says it."""
    made = CLASSES.get(type(error), SCIMException)(detail=str(error))
    made.status = STATUS.get(type(error), made.status)
    return service().error_response(made)
