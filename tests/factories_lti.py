"""A learning system that opens content by LTI 1.3: its keys, its token service, its line items, over HTTP."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from factories_access import editor
from flask import Flask, Response, jsonify, request
from flask.testing import FlaskClient
from jwt.algorithms import RSAAlgorithm
from pymongo.database import Database
from werkzeug.serving import WSGIRequestHandler, make_server

from lrs.content.lti import platforms
from lrs.content.lti.platforms import Platform, Registration

Document = dict[str, Any]
CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
AGS = "https://purl.imsglobal.org/spec/lti-ags/"
DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"
ROLE = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
CLIENT = "laurel-at-lms"


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


def make_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


KEY = make_key()
FORM = """<form method="post" action="{url}"><input name="state" value="{state}">
<input name="id_token" value="{token}"></form><script>document.forms[0].submit()</script>"""


@dataclass
class Lms:
    """A platform: what it signs with, and what it was sent."""

    url: str = ""
    key: rsa.RSAPrivateKey = field(default_factory=lambda: KEY)
    kid: str = "lms-1"
    scores: list[Document] = field(default_factory=list)
    items: list[Document] = field(default_factory=list)
    tokens: list[Document] = field(default_factory=list)
    failing: int = 0  # answers of 503 before scores are taken
    tool_keys: Document = field(default_factory=dict)
    links: Document = field(default_factory=dict)  # claims of the message that a login is answered with
    chosen: list[str] = field(default_factory=list)  # answers to deep linking

    @property
    def registration(self) -> Registration:
        return Registration(
            issuer=self.url, client_id=CLIENT, login_url=f"{self.url}/auth", token_url=f"{self.url}/token",
            keys_url=f"{self.url}/keys", label="LMS",
        )  # fmt: skip

    def register(self, db: Database[Document], org: str = "vendor", deployment: str = "1") -> Platform:
        made = platforms.register(editor(db), self.registration, plain_http=True)
        return platforms.deploy(editor(db), made.id, deployment, org)

    def claims(self, nonce: str, **changes: Any) -> Document:
        """The claims of a resource link for a learner; a change of None leaves one out."""
        now = int(time.time())
        body = {
            "iss": self.url, "aud": CLIENT, "sub": "u-17", "iat": now, "exp": now + 300, "nonce": nonce,
            "name": "Ana Learner",
            f"{CLAIM}message_type": "LtiResourceLinkRequest", f"{CLAIM}version": "1.3.0",
            f"{CLAIM}deployment_id": "1", f"{CLAIM}roles": [f"{ROLE}Learner"],
            f"{CLAIM}resource_link": {"id": "link-1"}, f"{CLAIM}target_link_uri": "http://lrs.example/lti/launch",
            **changes,
        }  # fmt: skip
        return {name: value for name, value in body.items() if value is not None}

    def grading(self, line: str = "/items/1", *scopes: str) -> Document:
        wanted = scopes or ("score",)
        named = "lineitem" if line != "/items" else "lineitems"
        return {
            f"{AGS}claim/endpoint": {"scope": [f"{AGS}scope/{one}" for one in wanted], named: self.url + line}
        }

    def sign(
        self, claims: Document, key: Any = None, kid: str | None = None, algorithm: str = "RS256"
    ) -> str:
        return jwt.encode(claims, key or self.key, algorithm=algorithm, headers={"kid": kid or self.kid})


def application(lms: Lms) -> Flask:
    app = Flask("lms")

    @app.get("/keys")
    def keys() -> Response:
        public = json.loads(RSAAlgorithm.to_jwk(lms.key.public_key()))
        return jsonify({"keys": [{**public, "kid": lms.kid, "alg": "RS256", "use": "sig"}]})

    @app.get("/auth")
    def auth() -> str:
        token = lms.sign(lms.claims(request.args["nonce"], **lms.links))
        return FORM.format(url=request.args["redirect_uri"], state=request.args["state"], token=token)

    @app.get("/course")
    def course() -> str:
        return f"<h1>Course</h1><iframe title='Tool' width='380' height='560' src='{request.args['begin']}'></iframe>"

    @app.post("/back")
    def back() -> str:
        lms.chosen.append(request.form["JWT"])
        return "linked"

    @app.post("/token")
    def token() -> Response:
        found = jwt.PyJWKSet.from_dict(lms.tool_keys)
        assertion = request.form["client_assertion"]
        key = found[jwt.get_unverified_header(assertion)["kid"]]
        body = jwt.decode(assertion, key, algorithms=["RS256"], audience=f"{lms.url}/token")
        assert body["iss"] == body["sub"] == CLIENT
        lms.tokens.append({**body, "scope": request.form["scope"]})
        return jsonify({"access_token": "t-1", "expires_in": 3600, "token_type": "Bearer"})

    @app.post("/items/<line>/scores")
    def scores(line: str) -> Response:
        if request.headers["Authorization"] != "Bearer t-1":
            return Response(status=401)
        if lms.failing:
            lms.failing -= 1
            return Response(status=503)
        assert request.content_type == "application/vnd.ims.lis.v1.score+json"
        lms.scores.append({**json.loads(request.data), "line": line})
        return Response(status=204)

    @app.route("/items", methods=["GET", "POST"])
    def items() -> Response:
        if request.method == "GET":
            return jsonify(lms.items)
        made = {**json.loads(request.data), "id": f"{lms.url}/items/{len(lms.items) + 7}"}
        lms.items.append(made)
        return jsonify(made)

    return app


@contextlib.contextmanager
def running_lms() -> Iterator[Lms]:
    """Serve a platform until the block ends."""
    lms = Lms()
    server = make_server("127.0.0.1", 0, application(lms), threaded=True, request_handler=_Quiet)
    lms.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield lms
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def begin_login(client: FlaskClient, lms: Lms, **changes: str) -> dict[str, str]:
    """Begin a login as a platform's link does; return what the platform is asked for."""
    asked = {"iss": lms.url, "login_hint": "u-17", "target_link_uri": "x", "client_id": CLIENT, **changes}
    answer = client.get("/lti/login", query_string=asked)
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}


def post_message(client: FlaskClient, state: str, token: str, **headers: str) -> Any:
    return client.post("/lti/launch", data={"state": state, "id_token": token}, headers=headers)
