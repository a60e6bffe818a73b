"""What the conformance tests share: a short way to say requests, statements, multipart bodies, signatures."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

V1, V2 = "1.0.3", "2.0.0"
BOTH = (V1, V2)
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
SIGNATURE = "http://adlnet.gov/expapi/attachments/signature"
Json = dict[str, Any]
FIXED = "6f0a9e5c-1c1e-4f0e-9a4b-2d1f7c3b5a11"  # where a test's name holds a UUID, every run has the same


def uid() -> str:
    """Return a fresh UUID as text."""
    return str(uuid.uuid4())


def agent(local: str = "learner", **more: Any) -> Json:
    return {"mbox": f"mailto:{local}@example.com", **more}


def statement(**overrides: Any) -> Json:
    """Return a small valid statement; `None` removes a member."""
    made = {
        "id": uid(),
        "actor": agent(),
        "verb": {"id": "http://example.com/verbs/did", "display": {"en": "did"}},
        "object": {"id": "http://example.com/activities/thing"},
        **overrides,
    }
    return {key: value for key, value in made.items() if value is not None}


def changed(value: Json, path: str, new: Any) -> Json:
    """Return a copy with the member at a dotted path replaced, or removed where `new` is ..."""
    made = copy.deepcopy(value)
    *parents, last = path.split(".")
    at: Any = made
    for key in parents:
        at = at[int(key)] if isinstance(at, list) else at.setdefault(key, {})
    if new is ...:
        del at[last]
    elif isinstance(at, list):
        at[int(last)] = new
    else:
        at[last] = new
    return made


def sub_statement(**overrides: Any) -> Json:
    made = statement(**overrides)
    made.pop("id")
    return {"objectType": "SubStatement", **made}


def voider(target: str, **more: Any) -> Json:
    return statement(verb={"id": VOIDED}, object=ref(target), **more)


def ref(target: str) -> Json:
    return {"objectType": "StatementRef", "id": target}


def attachment(content: bytes, **overrides: Any) -> Json:
    made = {
        "usageType": "http://example.com/usage",
        "display": {"en": "A file"},
        "contentType": "application/octet-stream",
        "length": len(content),
        "sha2": hashlib.sha256(content).hexdigest(),
        **overrides,
    }
    return {key: value for key, value in made.items() if value is not None}


def multipart(
    statements: Any,
    *contents: bytes,
    boundary: str = "b0und",
    first: str = "application/json",
    **headers: str | None,
) -> tuple[bytes, str]:
    """Return body and Content-Type; `headers` replace those of the attachment parts (None leaves one out)."""
    body = statements if isinstance(statements, bytes) else json.dumps(statements).encode()
    text = f"--{boundary}\r\nContent-Type: {first}\r\n\r\n".encode() + body
    for content in contents:
        own = {
            "Content-Type": "application/octet-stream",
            "Content-Transfer-Encoding": "binary",
            "X-Experience-API-Hash": hashlib.sha256(content).hexdigest(),
        }
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in own.items() if value is not None)
        text += f"\r\n--{boundary}\r\n{lines}\r\n".encode() + content
    return text + f"\r\n--{boundary}--\r\n".encode(), f"multipart/mixed; boundary={boundary}"


def parts_of(answer: TestResponse) -> list[tuple[dict[str, str], bytes]]:
    """Return the parts of a multipart answer, read by its own means: header by header, byte by byte."""
    kind, _, boundary = answer.headers["Content-Type"].partition("; boundary=")
    assert kind == "multipart/mixed"
    marker = b"--" + boundary.encode()
    assert answer.data.startswith(marker + b"\r\n")
    assert answer.data.endswith(b"\r\n" + marker + b"--\r\n")
    found = []
    inner = answer.data[len(marker) : -len(marker) - 6]
    for part in inner.split(b"\r\n" + marker):
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        found.append((dict(lines), content))
    return found


def query_of(params: Mapping[str, Any]) -> str:
    """Return the query string of parameters; objects become JSON text."""
    given = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in params.items()}
    return urlencode(given, doseq=True, quote_via=quote)


class Lrs:
    """Requests to one version of an application, as one client."""

    def __init__(self, client: FlaskClient, headers: Mapping[str, str], version: str = V1) -> None:
        self.client = client
        self.version = version
        self.headers = {**headers, "X-Experience-API-Version": version}
        self.key = base64.b64decode(self.headers["Authorization"].split()[1]).decode().partition(":")[0]

    def as_version(self, version: str) -> Lrs:
        return Lrs(self.client, self.headers, version)

    def request(
        self,
        method: str,
        path: str,
        params: Any = None,
        body: Any = None,
        headers: Any = None,
        kind: str | None = None,
    ) -> TestResponse:
        """Send a request below /xapi; dicts become JSON, in parameters too; a header of None is left out."""
        sent = {**self.headers, **(headers or {})}
        if isinstance(body, dict | list):
            body, kind = json.dumps(body), kind or "application/json"
        query = params if isinstance(params, str) else query_of(params or {})
        return self.client.open(
            f"/xapi{path}",
            method=method,
            query_string=query,
            data=body,
            content_type=kind,
            headers={name: value for name, value in sent.items() if value is not None},
        )

    def get(self, path: str, params: Any = None, **more: Any) -> TestResponse:
        return self.request("GET", path, params, **more)

    def put(self, path: str, params: Any = None, body: Any = None, **more: Any) -> TestResponse:
        return self.request("PUT", path, params, body, **more)

    def post(self, path: str, body: Any = None, params: Any = None, **more: Any) -> TestResponse:
        return self.request("POST", path, params, body, **more)

    def delete(self, path: str, params: Any = None, **more: Any) -> TestResponse:
        return self.request("DELETE", path, params, **more)

    def store(self, *statements: Json) -> list[str]:
        """Store statements in one request; return their ids."""
        answer = self.post("/statements", list(statements))
        assert answer.status_code == 200, answer.text
        return list(answer.json)

    def refuses(self, body: Any, status: int = 400, **more: Any) -> TestResponse:
        """Post something that must be refused; the refusal must say why, and store nothing."""
        answer = self.post("/statements", body, **more)
        assert answer.status_code == status, f"{answer.status_code} {answer.text} for {body!r:.500}"
        assert answer.json["message"]
        return answer

    def one(self, statement_id: str, **params: str) -> Json:
        answer = self.get("/statements", {"statementId": statement_id, **params})
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def ids(self, **params: Any) -> list[str]:
        """Return the ids that a list query selects, through all pages."""
        answer = self.get("/statements", params)
        assert answer.status_code == 200, answer.text
        found = [one["id"] for one in answer.json["statements"]]
        while answer.json["more"]:
            answer = self.client.get(answer.json["more"], headers=self.headers)
            assert answer.status_code == 200, answer.text
            found += [one["id"] for one in answer.json["statements"]]
        return found

    def more(self, link: str, **headers: str) -> TestResponse:
        return self.client.get(link, headers={**self.headers, **headers})


def pause() -> None:
    """Let the clock move on by more than a millisecond."""
    time.sleep(0.003)


def certificate(key: rsa.RSAPrivateKey) -> str:
    """Return a self-signed certificate of the key, as `x5c` carries it."""
    import datetime as dt

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=9999))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    return base64.b64encode(made).decode()


KEY = rsa.generate_private_key(65537, 2048)
OTHER_KEY = rsa.generate_private_key(65537, 2048)


def signed(
    value: Json,
    payload: Any = None,
    *,
    alg: str = "RS256",
    kind: str = "application/octet-stream",
    **header: Any,
) -> tuple[bytes, str]:
    """Return a multipart request for `value` with a signature over it (or over another payload)."""
    text = (
        json.dumps(value if payload is None else payload).encode()
        if not isinstance(payload, bytes)
        else payload
    )
    secret: Any = KEY if alg.startswith("RS") else "x" * 32 if alg != "none" else None
    token = jwt.api_jws.encode(text, secret, algorithm=alg, headers=header).encode()
    return with_signature(value, token, kind=kind)


def with_signature(value: Json, token: bytes, *, kind: str = "application/octet-stream") -> tuple[bytes, str]:
    """Return a multipart request whose statement carries these bytes as its signature."""
    entry = attachment(token, usageType=SIGNATURE, contentType=kind)
    return multipart({**value, "attachments": [entry]}, token, Content_Type=kind)
