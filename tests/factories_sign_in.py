"""Login providers, authenticators and directories of others, for tests of signing in."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import html
import json
import re
import secrets
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import cbor2
import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Provider:
    """An OpenID Connect provider of ours on loopback: code flow with PKCE, as the specification says."""

    def __init__(self) -> None:
        self.asked: dict[str, str] = {}
        self.claims: dict[str, Any] = {"sub": "42", "email": "ada@vendor.example", "email_verified": True}
        self.about: Any = None  # what it says of the user beside the ID token
        self.told: Any = None  # instead of its endpoints
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def answer(self, body: Any, status: int = 200) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                if self.path == "/keys":
                    key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
                    self.answer({"keys": [{**key, "kid": "k1", "use": "sig"}]})
                elif self.path == "/about":
                    shown = self.headers.get("Authorization") == "Bearer x"
                    self.answer(provider.about if shown else {}, 200 if shown else 401)
                else:
                    self.answer(provider.told or provider.endpoints())

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.answer(*provider.exchange({name: values[0] for name, values in form.items()}))

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def endpoints(self) -> dict[str, str]:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        if self.about is not None:
            places["userinfo_endpoint"] = "about"
        return {"issuer": self.url, **{name: f"{self.url}/{place}" for name, place in places.items()}}

    def exchange(self, form: dict[str, str]) -> tuple[Any, int]:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if form.get("code") != "code-1" or challenge.decode().rstrip("=") != self.asked["code_challenge"]:
            return {"error": "invalid_grant"}, 400
        now = dt.datetime.now(dt.UTC)
        claims = {
            "iss": self.url, "aud": "laurel", "iat": now, "exp": now + dt.timedelta(minutes=5),
            "nonce": self.asked["nonce"], **self.claims,
        }  # fmt: skip
        signed = jwt.encode(claims, KEY, algorithm="RS256", headers={"kid": "k1"})
        return {"access_token": "x", "token_type": "Bearer", "id_token": signed}, 200


def led(answer: Any) -> str:
    """Return where a page leads on, as its link and its refresh say."""
    to = re.findall(r'(?:href="|;url=)([^"]+)"', answer.text.partition("http-equiv")[2])
    assert len(to) >= 2, answer.text
    link = re.search(r'id="onward" href="([^"]+)"', answer.text)
    assert link is not None
    assert to[0] == link[1]
    return html.unescape(link[1])


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class SoftKey:
    """An authenticator in software: what a right one says, and what a wrong one would (WebAuthn 6.1, 7)."""

    def __init__(self, rp: str = "lrs.example", origin: str = "http://lrs.example") -> None:
        self.rp, self.origin = rp, origin
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id, self.count, self.handle = secrets.token_bytes(32), 0, b""

    def data(self, flags: int, attested: bytes = b"") -> bytes:
        return (
            hashlib.sha256(self.rp.encode()).digest()
            + bytes([flags])
            + self.count.to_bytes(4, "big")
            + attested
        )

    def client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def made(self, options: dict[str, Any], flags: int = 0x45, **more: Any) -> dict[str, Any]:
        """Answer `create`: user present (1), verified (4), with key (0x40)."""
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(cose)
        self.handle = unb64(options["user"]["id"])
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": self.data(flags, attested)})
        said = self.client(more.get("kind", "webauthn.create"), more.get("challenge", options["challenge"]))
        return self._told({"attestationObject": b64(attestation), "clientDataJSON": b64(said)})

    def answered(self, options: dict[str, Any], flags: int = 0x05, **more: Any) -> dict[str, Any]:
        """Answer `get`."""
        self.count = more.get("count", self.count + 1)
        data, said = (
            self.data(flags),
            self.client("webauthn.get", more.get("challenge", options["challenge"])),
        )
        signature = self.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        told = {"authenticatorData": b64(data), "clientDataJSON": b64(said), "signature": b64(signature)}
        return self._told({**told, "userHandle": b64(more.get("handle", self.handle))})

    def _told(self, response: dict[str, str]) -> dict[str, Any]:
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": response,
                "clientExtensionResults": {}}  # fmt: skip
