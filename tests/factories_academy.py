"""Another issuer, at https://academy.example: its signed credentials, learner records, keys and status list."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

from factories_credentials import ED_KEY, SIGNER, make_period

from lrs.credentials.keys import PublicKey, did_document
from lrs.foundation.fetching import Fetched, FetchRefused
from rules.credentials.document import Achievement, Issuer, build_credential, hash_identity
from rules.credentials.learner_record import build_record
from rules.credentials.proving.multikey import encode_multikey
from rules.credentials.proving.proofs import with_proof, without_claims
from rules.credentials.proving.signing import compact, public_jwk
from rules.credentials.proving.status_list import build_entry, build_list, empty, set_bits

BASE = "https://academy.example"
DID = "did:web:academy.example"
ACHIEVEMENT = f"{BASE}/achievements/cloud-basics/2"
LIST = f"{BASE}/status/1"
SUBJECT = "urn:uuid:7e3b1c9a-5d0f-4f8e-9a54-0e6c2b1d7f30"


@dataclasses.dataclass
class Academy:
    """An issuer that answers, revokes, falls silent; `asked` are the addresses that somebody asked for."""

    now: Any
    signer: Any = SIGNER
    revoked: set[int] = dataclasses.field(default_factory=set)
    answers: dict[str, bytes] = dataclasses.field(default_factory=dict)
    silent: bool = False
    asked: list[str] = dataclasses.field(default_factory=list)
    issuer: Issuer = dataclasses.field(default_factory=lambda: Issuer(did=DID, name="Academy", base=BASE))

    def get(self, url: str, _accept: str = "") -> Fetched:
        self.asked.append(url)
        if self.silent:
            raise FetchRefused(url, "no answer: TimeoutError")
        if url in self.answers:
            return Fetched(url, "", self.answers[url])
        if url == LIST:
            bits = set_bits(empty(), self.revoked)
            listed = build_list(LIST, self.issuer.did, bits, self.now())
            return Fetched(url, "", compact(self.signer, "k2", listed, kid=f"{self.issuer.did}#k2").encode())
        if url == f"{BASE}/.well-known/did.json":
            keys = [
                PublicKey(name, self.signer.algorithm(name), public_jwk(key.public_key()), self.now(), None)
                for name, key in self.signer.keys.items()
                if name != "k1"
            ]
            return Fetched(url, "", json.dumps(did_document(self.issuer, keys)).encode())
        raise FetchRefused(url, "not there")

    def claims(self, email: str | None = "ana@example.com", index: int = 7, **changes: Any) -> dict[str, Any]:
        """Return the claims of a credential for an address, awarded ten days ago."""
        at = changes.pop("at", self.now() - dt.timedelta(days=10))
        period = make_period(
            award=changes.pop("award", f"01JZ3T8Q4M5N6P7R8S9TAVBW{index:02d}"),
            achievement=Achievement("cloud-basics", "2", "Cloud Basics", "All of it.", "All of it"),
            awarded_at=changes.pop("awarded_at", at), valid_from=at, ends_at=at + dt.timedelta(days=300), evidence=(),
            result=(), emails=(email,) if email else (),
        )  # fmt: skip
        status = build_entry(LIST, index)
        built = build_credential(
            period, self.issuer, valid_from=at.replace(microsecond=0), status=status, subject=SUBJECT,
            salts=["salt"] * len(period.emails),
        )  # fmt: skip
        return built | changes

    def token(self, *args: Any, **changes: Any) -> bytes:
        """Return a credential as compact JWS."""
        return self.sign(self.claims(*args, **changes))

    def document(self, *args: Any, **changes: Any) -> dict[str, Any]:
        """Return a credential with an embedded proof."""
        return self.prove(without_claims(self.claims(*args, **changes)))

    def sign(self, claims: dict[str, Any]) -> bytes:
        return compact(self.signer, "k2", claims, kid=f"{self.issuer.did}#k2").encode()

    def prove(self, body: dict[str, Any]) -> dict[str, Any]:
        return with_proof(body, self.signer, "k3", f"{self.issuer.did}#k3", self.now().replace(microsecond=0))

    def record(self, *held: dict[str, Any], email: str | None = None) -> bytes:
        """Return a learner record that holds credentials, with an embedded proof."""
        body = without_claims(
            build_record(
                held,
                self.issuer,
                name="urn:uuid:2f0ad1a2-12bc-4d55-9c0f-9a61b33ad0d1",
                now=self.now().replace(microsecond=0),
                status=build_entry(LIST, 99),
            )
        )
        if email is not None:
            body["credentialSubject"]["identifier"] = [hash_identity(email, "pepper")]
        return json.dumps(self.prove(body)).encode()


SELF_NAMED = f"did:key:{encode_multikey(ED_KEY.public_key())}"
"""An issuer whose name is its key: nobody has to be asked to check what it signed."""

RULE = f"""
kind: Certification
id: cloud-elsewhere
version: "1"
title: Cloud Basics
effective_from: 2020-01-01
max_lateness: 12 months
evidence:
  elsewhere: {{recognises: {{issuer: "{SELF_NAMED}", achievement: "{BASE}/achievements/*"}}}}
award: {{when: {{done: elsewhere, label: Earned at the academy}}}}
validity: {{lasts: 12 months}}
tests:
  - name: a credential of the academy counts
    given: [{{who: a, verb: recognised, activity: "{ACHIEVEMENT}", issuer: "{SELF_NAMED}", at: 2026-01-10}}]
    expect: [{{who: a, at: 2026-01-11, status: active}}]
"""


def self_named(email: str, now: dt.datetime) -> bytes:
    """Return a credential of the issuer that is its key, which `RULE` recognises, for an address."""
    claims = Academy(lambda: now).claims(email)
    claims |= {"issuer": {"id": SELF_NAMED, "type": ["Profile"], "name": "Academy"}, "iss": SELF_NAMED}
    del claims["credentialStatus"]
    return compact(SIGNER, "k3", claims, kid=SELF_NAMED).encode()
