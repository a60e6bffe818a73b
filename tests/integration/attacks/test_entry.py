"""The attacker's list: one test for each way in that must stay shut."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from conftest import KEY, SECRET, Server
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from factories_access import basic, key_of, log_in, make_client, make_org, make_person, make_user, utc_now
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.access import auth as auth_module
from lrs.access import bearer, launch_tokens, secret_hashes, sessions

Db = Database[dict[str, Any]]
ISSUER, AUDIENCE = "https://login.example", "http://lrs.example"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
VERSION = {"X-Experience-API-Version": "1.0.3"}


def jwk(key: rsa.RSAPrivateKey, kid: str, **more: str) -> dict[str, Any]:
    return {
        **json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())),
        "kid": kid,
        "use": "sig",
        **more,
    }


class Jwks:
    """A provider that counts how often its keys are fetched."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys, self.fetched = list(keys), 0

    def __call__(self, url: str) -> dict[str, Any]:
        if url.endswith("openid-configuration"):
            return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
        self.fetched += 1
        return {"keys": self.keys}


def token(key: Any = RSA_KEY, algorithm: str = "RS256", headers: Any = None, **claims: Any) -> str:
    now = dt.datetime.now(dt.UTC)
    body = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "app", "iat": now, "exp": now + dt.timedelta(minutes=5),
        "org": "vendor", "scope": "orgs statements/read", **claims,
    }  # fmt: skip
    body = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(body, key, algorithm=algorithm, headers={"kid": "k1", **(headers or {})})


@pytest.fixture
def provider(app: Flask) -> Jwks:
    keys = Jwks(jwk(RSA_KEY, "k1"))
    with app.app_context():
        auth_module.memory().issuer = bearer.Issuer(ISSUER, AUDIENCE, fetch=keys)
    return keys


@pytest.fixture
def ask(client: FlaskClient) -> Callable[..., int]:
    def send(authorization: str, path: str = "/api/v1/orgs") -> int:
        return client.get(path, headers={"Authorization": authorization, **VERSION}).status_code

    return send


def test_a_right_bearer_token_is_let_in(provider: Jwks, ask: Any) -> None:
    assert ask(f"Bearer {token()}") == 200
    assert ask(f"Bearer {token(scope='statements/read')}") == 403


def test_the_public_key_as_hmac_secret_is_refused(provider: Jwks, ask: Any) -> None:
    """JWT algorithm confusion: HS256 over the issuer's public key."""
    pem = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header, body, _ = token().split(".")
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k1","typ":"JWT"}').decode().rstrip("=")
    mac = hmac.new(pem, f"{header}.{body}".encode(), hashlib.sha256).digest()
    forged = f"{header}.{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    assert ask(f"Bearer {forged}") == 401


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_a_token_without_signature_is_refused(provider: Jwks, ask: Any, algorithm: str) -> None:
    _, body, signature = token().split(".")
    header = (
        base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "k1"}).encode()).decode().rstrip("=")
    )
    assert ask(f"Bearer {header}.{body}.") == 401
    assert ask(f"Bearer {header}.{body}.{signature}") == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)},
        {"exp": None},
        {"exp": "9999999999"},
        {"nbf": dt.datetime(2099, 1, 1, tzinfo=dt.UTC)},
        {"iat": dt.datetime(2099, 1, 1, tzinfo=dt.UTC)},
        {"aud": "http://other.example"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"sub": None},
        {"org": "no-such-org"},
        {"org": None},
        {"org": {"$ne": None}},
    ],
)
def test_a_token_of_another_time_place_or_issuer_is_refused(
    provider: Jwks, ask: Any, claims: dict[str, Any]
) -> None:
    assert ask(f"Bearer {token(**claims)}") == 401


def test_clock_skew_is_tolerated_within_its_limit(provider: Jwks, ask: Any) -> None:
    now = dt.datetime.now(dt.UTC)
    assert ask(f"Bearer {token(exp=now - dt.timedelta(seconds=20))}") == 200
    assert ask(f"Bearer {token(exp=now - dt.timedelta(seconds=120))}") == 401


def test_a_token_of_another_key_is_refused(provider: Jwks, ask: Any) -> None:
    assert ask(f"Bearer {token(OTHER_KEY)}") == 401
    assert ask(f"Bearer {token(OTHER_KEY, headers={'kid': 'k2'})}") == 401


def test_a_key_inside_the_token_is_not_believed(provider: Jwks, ask: Any) -> None:
    """Header members `jwk` and `jku` that bring the attacker's own key."""
    embedded = {"jwk": jwk(OTHER_KEY, "k9"), "jku": "https://evil.example/keys", "kid": "k9"}
    assert ask(f"Bearer {token(OTHER_KEY, headers=embedded)}") == 401


def test_a_key_of_another_type_is_not_used(provider: Jwks, ask: Any) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    assert ask(f"Bearer {token(key, 'ES256')}") == 401


def test_unknown_key_ids_do_not_make_us_fetch_each_time(provider: Jwks, ask: Any) -> None:
    for number in range(20):
        assert ask(f"Bearer {token(OTHER_KEY, headers={'kid': f'k{number + 2}'})}") == 401
    assert provider.fetched == 1


def test_a_new_key_of_the_issuer_is_found_and_an_old_one_ends(app: Flask, provider: Jwks) -> None:
    issuer = bearer.Issuer(ISSUER, AUDIENCE, fetch=provider)
    now = utc_now()
    assert issuer.claims(token(), now)["sub"] == "app"
    provider.keys = [jwk(OTHER_KEY, "k2")]
    later = now + dt.timedelta(minutes=1)
    assert issuer.claims(token(OTHER_KEY, headers={"kid": "k2"}), later)["sub"] == "app"
    with pytest.raises(auth_module.Unauthenticated):
        issuer.claims(token(), later)


def test_keys_at_hand_serve_while_the_issuer_is_away(provider: Jwks) -> None:
    issuer = bearer.Issuer(ISSUER, AUDIENCE, skew=3600 * 24, fetch=provider)
    now = utc_now()
    issuer.claims(token(), now)

    def away(url: str) -> Any:
        raise bearer.requests.ConnectionError(url)

    issuer.fetch = away
    assert issuer.claims(token(), now + dt.timedelta(hours=1))["sub"] == "app"


def test_an_encryption_or_secret_key_in_the_jwks_signs_nothing(app: Flask) -> None:
    secret = {"kty": "oct", "kid": "k1", "k": base64.urlsafe_b64encode(b"x" * 32).decode().rstrip("=")}
    issuer = bearer.Issuer(ISSUER, AUDIENCE, fetch=Jwks(secret, jwk(RSA_KEY, "k2", use="enc")))
    for forged in (token("x" * 32, "HS256"), token(headers={"kid": "k2"})):
        with pytest.raises(auth_module.Unauthenticated):
            issuer.claims(forged, utc_now())


@pytest.mark.parametrize(
    "value",
    [
        "Basic", "Basic ", "Basic:xxx", "Basic !!!!", "Basic dGVzdA==", "Basic OnNlY3JldA==", "Bearer", "Bearer x",
        "Bearer a.b.c", "Digest abc", "Basic dGVzdC1rZXk6dGVzdC1zZWNyZXQ= x", "\x00", "Basic " + "A" * 100_000,
        "Basic dGVzdC1rZXk6dGVzdC1zZWNyZXQ=, Basic dGVzdC1rZXk6dGVzdC1zZWNyZXQ=",
    ],
)  # fmt: skip
def test_malformed_authorization_is_401_and_never_500(ask: Any, value: str) -> None:
    assert ask(value) == 401


def test_two_authorization_headers_do_not_smuggle_one_in(client: FlaskClient, app: Flask) -> None:
    good = basic(KEY, SECRET)["Authorization"]
    for pair in ([good, "Basic eDp5"], ["Basic eDp5", good]):
        headers = [("Authorization", one) for one in pair]
        assert client.get("/api/v1/orgs", headers=headers).status_code == 401


def test_a_forwarded_or_underscored_header_is_no_authorization(client: FlaskClient, app: Flask) -> None:
    good = basic(KEY, SECRET)["Authorization"]
    for name in ("X-Authorization", "Proxy-Authorization", "X-Forwarded-User", "X-Remote-User"):
        assert client.get("/api/v1/orgs", headers={name: good}).status_code == 401


def test_a_method_override_header_does_nothing(client: FlaskClient, db: Db, app: Flask) -> None:
    headers = {**basic(KEY, SECRET), "X-HTTP-Method-Override": "DELETE"}
    victim = key_of(make_client(db, "vendor"))
    assert client.get(f"/api/v1/clients/{victim}", headers=headers).status_code == 200
    assert db.clients.find_one({"_id": victim})["revoked_at"] is None


@pytest.mark.parametrize(
    "query", ["limit[$gt]=1", "parent[$ne]=x", "$where=1", "after[$gt]=a", "region=a&region=b&$or=1"]
)
def test_operators_in_parameters_are_refused(client: FlaskClient, app: Flask, query: str) -> None:
    assert client.get(f"/api/v1/orgs?{query}", headers=basic(KEY, SECRET)).status_code == 422


@pytest.mark.parametrize("after", ["eyIkZ3QiOiAiIn0", "!!", "AA", "/w", "bnVsbA"])
def test_a_forged_cursor_is_a_text_or_nothing(client: FlaskClient, app: Flask, after: str) -> None:
    """A position is only ever compared as a text, so `{"$gt": ""}` inside it selects nothing."""
    assert client.get(f"/api/v1/orgs?after={after}", headers=basic(KEY, SECRET)).status_code in {200, 422}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/orgs", {"id": {"$ne": 1}, "name": "x"}),
        ("/orgs", {"id": "x", "name": {"$gt": ""}}),
        ("/orgs", {"id": "x", "name": "x", "attributes": {"$set": 1}}),
        ("/orgs", {"id": "x", "name": "x", "attributes": {"a.b": 1}}),
        ("/orgs", {"id": "x", "name": "x", "attributes": {"a": {"$where": "1"}}}),
        ("/clients", {"org": {"$ne": ""}, "scopes": ["state"]}),
        ("/clients", {"org": "vendor", "scopes": [{"$ne": 1}]}),
        ("/people/p_x/merge", {"gone": {"$ne": 1}}),
        ("/users", {"org": "vendor", "email": {"$ne": 1}, "role": "analyst"}),
        ("/people/invitations/accept", {"code": {"$ne": None}}),
        ("/launches", {"url": "http://c.example", "activity_id": "urn:x:y", "actor": {"mbox": {"$ne": 1}}}),
    ],
)
def test_operators_in_bodies_are_refused(client: FlaskClient, app: Flask, path: str, body: Any) -> None:
    assert client.post(f"/api/v1{path}", json=body, headers=basic(KEY, SECRET)).status_code == 422


def test_operators_in_a_login_are_texts(client: FlaskClient, app: Flask) -> None:
    answer = client.post("/login", data={"email[$ne]": "x", "password[$ne]": "x"})
    assert answer.status_code in {400, 401, 403, 422}
    answer = client.post("/login", json={"email": {"$ne": ""}, "password": {"$ne": ""}})
    assert answer.status_code in {400, 401, 403, 415, 422}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/orgs/..%2f..%2fetc%2fpasswd", "/api/v1/orgs/%2e%2e", "/api/v1/clients/..%5c..%5cx",
        "/static/..%2f..%2fsettings.py", "/static/%2e%2e/settings.py", "/api/v1/people/%00", "/keys/..%2f..%2fx",
    ],
)  # fmt: skip
def test_paths_in_ids_lead_nowhere(client: FlaskClient, app: Flask, path: str) -> None:
    answer = client.get(path, headers=basic(KEY, SECRET))
    assert answer.status_code == 404
    assert "root:" not in answer.text


@pytest.mark.parametrize("org", ["../x", "a/b", "A", "", "a" * 65, "-a", "a\n", "a\u0000", "$ne"])
def test_an_organizations_id_is_plain(client: FlaskClient, app: Flask, org: str) -> None:
    body = {"id": org, "name": "x"}
    assert client.post("/api/v1/orgs", json=body, headers=basic(KEY, SECRET)).status_code == 422


def test_a_session_needs_its_token_for_changes(app: Flask, db: Db) -> None:
    """Cross-site request forgery: the cookie alone changes nothing."""
    browser = log_in(app, make_user(db, "vendor", "vendor_admin", "ada@vendor.example"))
    body = {"id": "north", "name": "N"}
    assert browser.client.post("/api/v1/orgs", json=body).status_code == 403
    wrong = {sessions.CSRF_HEADER: "x" * 43}
    assert browser.client.post("/api/v1/orgs", json=body, headers=wrong).status_code == 403
    other = {sessions.CSRF_HEADER: browser.csrf, "Origin": "https://evil.example"}
    assert browser.client.post("/api/v1/orgs", json=body, headers=other).status_code == 403
    fetched = {sessions.CSRF_HEADER: browser.csrf, "Sec-Fetch-Site": "cross-site"}
    assert browser.client.post("/api/v1/orgs", json=body, headers=fetched).status_code == 403
    assert browser.open("/api/v1/orgs", "POST", json=body).status_code == 201


def test_a_session_is_no_proof_for_content(app: Flask, db: Db) -> None:
    browser = log_in(app, make_user(db, "vendor", "vendor_admin", "ada@vendor.example"))
    assert browser.open("/xapi/statements", headers=VERSION).status_code == 401


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "data:text/html,x", "//evil.example/x", "/relative", "https://user@evil.example/",
        "https://good.example@evil.example/", "https://good.example\\@evil.example/", "https:evil.example",
        "https://evil.example/ x", "https://evil.example/\nX", "ftp://evil.example/", "https://[::1", "https://",
        "https://c.example/?endpoint=https://evil.example/", "https://c.example/?a=1&auth=x",
        "https://c.example/?fetch=https://evil.example/", "https://c.example/#endpoint=https://evil.example/",
        "https://c.example/?%65ndpoint=https://evil.example/", "https://elsewhere.example/",
    ],
)  # fmt: skip
def test_a_launch_leads_nowhere_else(client: FlaskClient, db: Db, app: Flask, url: str) -> None:
    """Open redirect, and content that would send the token to another endpoint."""
    db.orgs.update_one(
        {"_id": "vendor"}, {"$set": {"launch_origins": ["https://c.example", "https://good.example"]}}
    )
    body = {"url": url, "activity_id": "http://c.example/a", "actor": {"mbox": "mailto:a@b.example"}}
    assert client.post("/api/v1/launches", json=body, headers=basic(KEY, SECRET)).status_code == 422


def test_a_return_address_stays_at_home(client: FlaskClient, app: Flask) -> None:
    body = {
        "kind": "cmi5", "url": "https://c.example/", "activity_id": "http://c.example/a", "publisher_id": "urn:p:1",
        "actor": {"account": {"homePage": "http://h.example", "name": "a"}},
        "return_url": "https://evil.example/",
    }  # fmt: skip
    assert client.post("/api/v1/launches", json=body, headers=basic(KEY, SECRET)).status_code == 422


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:x",
        "/\n/evil",
        "x",
    ],
)
def test_login_goes_on_to_our_own_pages_only(onward: str) -> None:
    assert sessions.own_path(onward) == "/console"


def test_login_keeps_a_path_of_ours() -> None:
    assert sessions.own_path("/console/people?after=x") == "/console/people?after=x"


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret is compared by `==`: argon2 verifies secrets, hmac.compare_digest tokens; a cache hit is by keyed hash."""
    hashed = secret_hashes.hash_secret("right")
    seen: list[str] = []

    class Spy:
        def verify(self, given: str, secret: str) -> bool:
            seen.append(given)
            return real.verify(given, secret)

    real = secret_hashes.HASHER
    monkeypatch.setattr(secret_hashes, "HASHER", Spy())
    assert secret_hashes.verify_secret(hashed, "right")
    assert not secret_hashes.verify_secret(hashed, "wrong")
    assert seen == [hashed, hashed]


def test_an_unknown_key_costs_the_same_work_as_a_wrong_secret(
    client: FlaskClient, app: Flask, monkeypatch: Any
) -> None:
    checks: list[str] = []
    real = secret_hashes.verify_secret
    monkeypatch.setattr(
        secret_hashes, "verify_secret", lambda given, secret: checks.append(given) or real(given, secret)
    )
    for key, secret in ((KEY, "wrong"), ("unknown-key", "wrong")):
        assert client.get("/api/v1/orgs", headers=basic(key, secret)).status_code == 401
    assert len(checks) == 2


def test_the_memory_of_verified_secrets_holds_no_secret(client: FlaskClient, app: Flask) -> None:
    assert client.get("/api/v1/orgs", headers=basic(KEY, SECRET)).status_code == 200
    with app.app_context():
        held = str(auth_module.memory().verdicts)
    assert SECRET not in held
    assert basic(KEY, SECRET)["Authorization"][6:] not in held


def test_a_launch_token_of_another_server_is_refused(client: FlaskClient, db: Db, app: Flask) -> None:
    launch_tokens.signing_key(db, utc_now())
    kid = db.launch_keys.find_one()["_id"]
    claims = {
        "iss": AUDIENCE,
        "aud": AUDIENCE,
        "sub": "x",
        "iat": utc_now(),
        "exp": utc_now() + dt.timedelta(hours=1),
    }
    for key, algorithm in ((b"x" * 32, "HS256"), (b"", "none")):
        forged = jwt.encode(claims, key or None, algorithm=algorithm, headers={"kid": kid})
        assert (
            client.get(
                "/xapi/statements", headers={"Authorization": f"Bearer {forged}", **VERSION}
            ).status_code
            == 401
        )


def test_a_hundred_organizations_keep_the_same_statement_id_apart(
    client: FlaskClient, db: Db, app: Flask
) -> None:
    same = "6690e6c9-3ef0-4ed3-8b37-7f3964730bee"
    clients = {}
    for number in range(100):
        make_org(db, f"o{number}")
        clients[number] = make_client(db, f"o{number}", scopes=["statements/write", "statements/read"])
        statement = {
            "id": same, "actor": {"mbox": f"mailto:p{number}@x.example"}, "object": {"id": "http://c.example/same"},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"}, "result": {"score": {"raw": number}},
        }  # fmt: skip
        answer = client.post("/xapi/statements", json=statement, headers=clients[number])
        assert (answer.status_code, answer.json) == (200, [same])
    for number, headers in clients.items():
        one = client.get(f"/xapi/statements?statementId={same}", headers=headers).json
        assert (one["result"]["score"]["raw"], one["actor"]["mbox"]) == (
            number,
            f"mailto:p{number}@x.example",
        )
        assert len(client.get("/xapi/statements", headers=headers).json["statements"]) == 1


def test_guessing_codes_is_slowed_down(client: FlaskClient, app: Flask) -> None:
    answers = [
        client.post("/api/v1/people/invitations/accept", json={"code": f"GUESS-{number}"})
        for number in range(40)
    ]
    assert {answer.status_code for answer in answers} == {404, 429}
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_a_person_of_another_organization_cannot_be_launched(client: FlaskClient, db: Db, app: Flask) -> None:
    make_org(db, "north")
    make_org(db, "south")
    person = make_person(db, "ana@south.example", "south")
    body = {"url": "https://c.example/", "activity_id": "http://c.example/a", "person": person}
    assert client.post("/api/v1/launches", json=body, headers=make_client(db, "north")).status_code == 404


def raw_request(server: Server, *lines: str, body: str = "") -> str:
    """Send bytes as no library would, and return the first line of each answer."""
    host = urlsplit(server.url)
    with socket.create_connection((host.hostname, host.port), timeout=10) as connection:
        connection.sendall(("\r\n".join([*lines, "", body])).encode())
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
    return " | ".join(re.findall(r"HTTP/1\.1 \d+", received.decode("latin-1")))


def test_headers_are_not_smuggled_past_a_real_server(server: Server) -> None:
    """Two Authorization headers, names with underscores, two lengths, a folded line: none of them gets in."""
    good, start = (
        f"Authorization: {server.auth()['Authorization']}",
        ["GET /api/v1/orgs HTTP/1.1", "Host: x", "Connection: close"],
    )
    assert raw_request(server, *start, good) == "HTTP/1.1 200"
    assert raw_request(server, *start, good, "Authorization: Basic eDp5") == "HTTP/1.1 401"
    assert raw_request(server, *start, "Authorization: Basic eDp5", good) == "HTTP/1.1 401"
    assert raw_request(server, *start, good.replace("Authorization", "Author_ization")) == "HTTP/1.1 401"
    assert raw_request(server, *start, good.replace("Authorization", "HTTP_AUTHORIZATION")) == "HTTP/1.1 401"
    assert raw_request(server, *start, "Authorization: Basic eDp5\r\n\t" + good.partition(" ")[2]) in {
        "HTTP/1.1 400", "HTTP/1.1 401",
    }  # fmt: skip


def test_a_second_request_is_not_smuggled_in_a_body(server: Server) -> None:
    inner = f"GET /api/v1/orgs HTTP/1.1\r\nHost: x\r\nAuthorization: {server.auth()['Authorization']}\r\n\r\n"
    answers = raw_request(
        server, "POST /login HTTP/1.1", "Host: x", "Content-Length: 5", "Transfer-Encoding: chunked",
        body=f"0\r\n\r\n{inner}",
    )  # fmt: skip
    assert "HTTP/1.1 200" not in answers
