"""Messages of platforms: a login begun, and what comes back read as a value (LTI core 1.3, security 1.0).

Checks of the message itself are pylti1p3's. State and nonce belong to one login and count once
(`lrs.content.lti.logins`); the signature is checked with audience, issuer, and some leeway for clocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
import requests
from jwcrypto.common import JWException
from pylti1p3.cookie import CookieService
from pylti1p3.deep_link import DeepLink
from pylti1p3.deployment import Deployment
from pylti1p3.exception import LtiException, LtiKeyException, OIDCException
from pylti1p3.message_launch import MessageLaunch
from pylti1p3.oidc_login import OIDCLogin
from pylti1p3.redirect import Redirect
from pylti1p3.registration import Registration as LtiRegistration
from pylti1p3.request import Request
from pylti1p3.session import SessionService
from pylti1p3.tool_config.abstract import ToolConfAbstract

from lrs.content.lti.connecting import KeySets
from lrs.content.lti.keys import ToolKey
from lrs.content.lti.logins import LaunchRefused
from lrs.content.lti.platforms import LONGEST_ID, Platform
from lrs.foundation.fetching import FetchRefused

Json = Mapping[str, Any]

CLAIM: Final = "https://purl.imsglobal.org/spec/lti/claim/"
AGS: Final = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
CHOOSING: Final = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
SCORE: Final = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
LINE_ITEM: Final = "https://purl.imsglobal.org/spec/lti-ags/scope/lineitem"
ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"})
LEEWAY: Final = 60  # seconds that a platform's clock may be off
LONGEST_TOKEN: Final = 64_000  # characters
LONGEST_URL: Final = 4000
REQUIRED: Final = ("exp", "iat", "iss", "aud", "nonce")


@dataclass(frozen=True, slots=True)
class Message:
    """A verified message: who is sent by which deployment, and to what."""

    platform: Platform
    deployment: str
    org: str  # whose the deployment is
    subject: str
    is_choosing: bool  # a deep linking request, else a resource link
    is_learner: bool
    name: str = ""
    language: str = "en"
    item: str = ""
    return_url: str | None = None
    grading: Json | None = None  # {scope, lineitem?, lineitems?}
    choosing: Json = field(default_factory=dict)  # {deep_link_return_url, data?}


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that the platform is asked for."""

    url: str
    state: str
    nonce: str


def registration_of(platform: Platform, key: ToolKey | None = None) -> LtiRegistration:
    """Return a platform as pylti1p3 knows it."""
    made = LtiRegistration().set_issuer(platform.issuer).set_client_id(platform.client_id)
    made.set_auth_login_url(platform.login_url).set_auth_token_url(platform.token_url)
    made.set_key_set_url(platform.keys_url)
    if platform.audience:
        made.set_auth_audience(platform.audience)
    if key is not None:
        made.set_tool_private_key(key.private).set_tool_public_key(key.public)
    return made


class _Fields(Request):
    """The fields of a request."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = fields

    @property
    def session(self) -> dict[str, Any]:
        return {}

    def is_secure(self) -> bool:
        return True

    def get_param(self, key: str) -> str:
        return self.fields.get(key, "")


class _Known(ToolConfAbstract[_Fields]):
    """One platform, which the request or the login named."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def check_iss_has_one_client(self, iss: str) -> bool:  # noqa: ARG002 -- pylti1p3's signature
        return False

    def check_iss_has_many_clients(self, iss: str) -> bool:  # noqa: ARG002 -- pylti1p3's signature
        return True

    def find_registration_by_params(self, iss: str, client_id: str, *_: Any, **__: Any) -> LtiRegistration:
        if iss != self.platform.issuer or client_id not in {"", self.platform.client_id}:
            raise LtiException("The message is of another platform than the login.")
        return registration_of(self.platform)

    def find_deployment_by_params(
        self,
        iss: str,  # noqa: ARG002 -- pylti1p3's signature
        deployment_id: str,
        client_id: str,  # noqa: ARG002 -- pylti1p3's signature
        *_: Any,
        **__: Any,
    ) -> Deployment | None:
        known = isinstance(deployment_id, str) and deployment_id in self.platform.orgs
        return Deployment().set_deployment_id(deployment_id) if known else None

    def find_registration_by_issuer(self, iss: str, *_: Any, **__: Any) -> LtiRegistration:
        raise NotImplementedError

    def find_deployment(self, iss: str, deployment_id: str) -> Deployment | None:
        raise NotImplementedError


class _Once(SessionService):
    """The nonce of one login: kept for the caller, or compared with what came back."""

    def __init__(self, request: _Fields, is_nonce: Any = None) -> None:
        super().__init__(request)
        self.nonce, self.is_nonce = "", is_nonce

    def save_nonce(self, nonce: str) -> None:
        self.nonce = nonce

    def check_nonce(self, nonce: str) -> bool:
        return bool(self.is_nonce(nonce))

    def check_state_is_valid(self, state: str, id_token_hash: str) -> bool:  # noqa: ARG002 -- pylti1p3's
        return True  # the caller compared the cookie and took the login

    def set_state_valid(self, state: str, id_token_hash: str) -> None:
        """Keep nothing: a state counts once."""

    def save_launch_data(self, key: str, jwt_body: Any) -> None:
        """Keep nothing: what is needed of a message is read at once."""


class _Kept(CookieService):
    """The state, for the caller to set as a cookie."""

    state = ""

    def get_cookie(self, name: str) -> str | None:  # noqa: ARG002 -- pylti1p3's signature
        return None

    def set_cookie(self, name: str, value: str | int, exp: int | None = 3600) -> None:  # noqa: ARG002 -- pylti1p3 names it
        self.state = str(value)


class _Address(Redirect[str]):
    """Where a login leads."""

    def __init__(self, url: str) -> None:
        self.url = url

    def do_redirect(self) -> str:
        return self.url

    def do_js_redirect(self) -> str:
        return self.url

    def set_redirect_url(self, location: str) -> None:
        self.url = location

    def get_redirect_url(self) -> str:
        return self.url


class _Login(OIDCLogin[_Fields, _Known, _Once, _Kept, str]):
    def get_redirect(self, url: str) -> Redirect[str]:
        return _Address(url)


class _Launch(MessageLaunch[_Fields, _Known, _Once, _Kept]):
    key_sets: KeySets

    def _get_request_param(self, key: str) -> str:
        return self._request.get_param(key)

    def get_client_id(self) -> str:
        """Return our client id where the message is for it, also among others."""
        audience = self._get_jwt_body().get("aud")
        own = self._tool_config.platform.client_id
        return own if isinstance(audience, list) and own in audience else super().get_client_id()

    def fetch_public_key(self, key_set_url: str) -> Any:
        return self.key_sets.get(key_set_url)

    def get_public_key(self) -> tuple[str, str]:
        """Return key and algorithm of the message; a key that is not known yet may be a new one."""
        if self._jwt.get("header", {}).get("alg") not in ALGORITHMS:
            raise LtiKeyException("The message is signed by no algorithm that is taken.")
        try:
            return super().get_public_key()
        except LtiKeyException:
            assert self._registration is not None  # noqa: S101 -- the step before set it
            fresh: Any = self.key_sets.get(self._registration.get_key_set_url() or "", wanting=True)
            self._registration.set_key_set(fresh)
            return super().get_public_key()

    def validate_jwt_signature(self) -> _Launch:
        """Check signature, audience, issuer and times, with leeway."""
        key, algorithm = self.get_public_key()
        assert self._registration is not None  # noqa: S101 -- the step before set it
        body = jwt.decode(
            self._get_id_token(), key, algorithms=[algorithm], leeway=LEEWAY,
            audience=self._registration.get_client_id(), issuer=self._registration.get_issuer(),
            options={"require": list(REQUIRED)},
        )  # fmt: skip
        if isinstance(body["aud"], list) and len(body["aud"]) > 1 and body.get("azp") != self.get_client_id():
            raise LtiException("The message is for somebody else too.")
        return self


def begin(platform: Platform, fields: Mapping[str, str], launch_url: str) -> Begun:
    """Return the login to ask a platform for; raises LaunchRefused."""
    asked, cookies = _Fields(fields), _Kept()
    once = _Once(asked)
    login = _Login(asked, _Known(platform), session_service=once, cookie_service=cookies)
    try:
        url = login.get_redirect_object(launch_url).get_redirect_url()
    except (LtiException, OIDCException) as error:
        raise LaunchRefused(str(error)) from error
    return Begun(url, cookies.state, once.nonce)


def read_message(platform: Platform, fields: Mapping[str, str], is_nonce: Any, key_sets: KeySets) -> Message:
    """Return what a platform posted, verified; `is_nonce` compares a nonce. Raises LaunchRefused."""
    if fields.get("error"):
        raise LaunchRefused(f"the platform refused the login: {fields['error'][:100]}")
    if len(fields.get("id_token", "")) > LONGEST_TOKEN:
        raise LaunchRefused("the message is too long")
    asked = _Fields(fields)
    launch = _Launch(
        asked, _Known(platform), session_service=_Once(asked, is_nonce), cookie_service=_Kept(),
        requests_session=requests.Session(),
    )  # fmt: skip
    launch.key_sets = key_sets
    try:
        launch.validate()
        return _message(platform, launch)
    except FetchRefused as error:
        raise LaunchRefused(f"the platform's keys cannot be had: {error.reason}") from error
    except (LtiException, jwt.PyJWTError, JWException) as error:
        raise LaunchRefused(str(error)) from error
    except (AttributeError, TypeError, ValueError, LookupError) as error:  # claims of an odd shape
        raise LaunchRefused("the message is malformed") from error


def _message(platform: Platform, launch: _Launch) -> Message:
    body: Json = launch.get_launch_data()
    subject, deployment = body["sub"], body[f"{CLAIM}deployment_id"]
    if not isinstance(subject, str) or len(subject) > LONGEST_ID or not subject.isprintable():
        raise LaunchRefused("the subject is no identifier")
    shown = _part(body, f"{CLAIM}launch_presentation")
    return Message(
        platform=platform,
        deployment=deployment,
        org=platform.orgs[deployment],
        subject=subject,
        is_choosing=launch.is_deep_link_launch(),
        is_learner=launch.check_student_access() or not _is_teaching(launch),
        name=_text(body, "name", 200),
        language=_text(shown, "locale", 35) or _text(body, "locale", 35) or "en",
        item=_text(_part(body, f"{CLAIM}custom"), "item", 100),
        return_url=_text(shown, "return_url", LONGEST_URL) or None,
        grading=_grading(_part(body, AGS)),
        choosing=_part(body, CHOOSING),
    )


def _is_teaching(launch: _Launch) -> bool:
    return (
        launch.check_staff_access()
        or launch.check_teacher_access()
        or launch.check_teaching_assistant_access()
        or launch.check_designer_access()
        or launch.check_observer_access()
    )


def _grading(service: Json) -> Json | None:
    """Return where the result goes, None where the platform wants none."""
    scopes = [one for one in service.get("scope") or () if isinstance(one, str)]
    given = {name: _text(service, name, LONGEST_URL) for name in ("lineitem", "lineitems")}
    kept = {name: url for name, url in given.items() if url}
    wants = SCORE in scopes and ("lineitem" in kept or (LINE_ITEM in scopes and "lineitems" in kept))
    return {"scope": [one for one in scopes if one in {SCORE, LINE_ITEM}], **kept} if wants else None


def _part(body: Json, name: str) -> Json:
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(body: Json, name: str, longest: int) -> str:
    found = body.get(name)
    is_text = isinstance(found, str) and len(found) <= longest and found.isprintable()
    return str(found) if is_text else ""


def choice_token(message: Message, key: ToolKey, resource: Any) -> str:
    """Return the signed answer to a deep linking request, with one resource."""
    settings: Any = dict(message.choosing)
    link = DeepLink(registration_of(message.platform, key), message.deployment, settings)
    body = link.get_message_jwt([resource])
    signed: str = link.encode_jwt(  # type: ignore[no-untyped-call]
        {name: value for name, value in body.items() if value is not None}
    )
    return signed
