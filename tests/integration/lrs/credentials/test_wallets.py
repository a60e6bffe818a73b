"""A wallet takes a credential by OpenID4VCI 1.0: once, within minutes, bound to its key; all else is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import html
import json
import re
import zlib
from urllib.parse import parse_qs, urlsplit

import pytest
from factories_credentials import MemorySigner, make_period

from lrs.app import create_app
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.issuer import issuer_of, links_of
from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.context import Services
from lrs.foundation.fetching import Fetched
from rules.credentials.issuing import issue, refresh_status
from rules.credentials.proving.multikey import encode_multikey
from rules.credentials.proving.signing import (
    b64,
    make_private_key,
    public_jwk,
    read_compact,
    sign_with,
    unb64,
    verify,
)

BASE = "https://lrs.example"
AWARD, PERSON = "01JZ3T8Q4M5N6P7R8S9TAVBWCX", make_period().person
GRANT = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
JWT, LDP = "OpenBadgeCredential_jwt_vc_json", "OpenBadgeCredential_ldp_vc"
SD_JWT = "Certification_dc+sd-jwt"
KEY = make_private_key("ES256")


class World:
    """An installation with one credential, a clock, and a wallet."""

    def __init__(self, settings, db):
        self.at = dt.datetime.now(dt.UTC)
        self.db = db
        self.settings = dataclasses.replace(
            settings, public_url=BASE, key_passphrase="test", signing_algorithm="ES256"
        )
        app = create_app(self.settings, db)
        app.extensions["laurel"] = Services(self.settings, db, lambda: self.at)
        self.client = app.test_client()
        self.issuer = issuer_of(self.settings, db)
        period = make_period(
            valid_from=self.at - dt.timedelta(days=2), ends_at=self.at + dt.timedelta(days=9)
        )
        issue(self.issuer, period, self.at)
        db.people.insert_one({"_id": PERSON, "org": "vendor", "name": "Ana Ferreira", "ifis": []})
        self.page = f"/credentials/{AWARD}/wallet?token=" + links_of(self.settings).make(
            AWARD, "holder", self.at
        )

    def code(self):
        """Make an offer as the holder does, and return its code."""
        link = html.unescape(
            re.search(r'href="(openid-credential-offer:[^"]*)"', self.client.post(self.page).text)[1]
        )
        [offer] = parse_qs(urlsplit(link).query)["credential_offer"]
        assert json.loads(offer)["credential_issuer"] == BASE
        return json.loads(offer)["grants"][GRANT]["pre-authorized_code"]

    def token(self, code=None, **changes):
        form = {"grant_type": GRANT, "pre-authorized_code": code or self.code()} | changes
        return self.client.post("/oid4vci/token", data=form)

    def nonce(self):
        return self.client.post("/oid4vci/nonce").json["c_nonce"]

    def proof(self, key=KEY, header=(), **changes):
        claims = {"aud": BASE, "iat": int(self.at.timestamp()), "nonce": self.nonce()} | changes
        head = {"typ": "openid4vci-proof+jwt", "alg": "ES256", "jwk": public_jwk(KEY)} | dict(header)
        head = {name: one for name, one in head.items() if one is not None}
        signed = ".".join(b64(json.dumps(one).encode()) for one in (head, claims))
        return f"{signed}.{b64(sign_with(key, signed.encode()))}"

    def ask(self, access, configuration=JWT, proofs=None, path="credential", body=None):
        given = {"credential_configuration_id": configuration, "proofs": {"jwt": proofs or [self.proof()]}}
        headers = {"Authorization": f"Bearer {access}"}
        return self.client.post(f"/oid4vci/{path}", json=body or given, headers=headers)

    def access(self):
        return self.token().json["access_token"]

    def verdict(self, copy):
        def get(url, accept):
            answer = self.client.get(url.removeprefix(BASE), headers={"Accept": accept})
            return Fetched(url, "", answer.data)

        text = copy if isinstance(copy, str) else json.dumps(copy)
        return verify_credential(text.encode(), Inquiry(get, self.at)).verdict


@pytest.fixture
def world(settings, db):
    return World(settings, db)


def test_a_wallet_that_knows_only_the_offer_gets_both_forms_bound_to_its_key_and_they_verify(world):
    metadata = world.client.get("/.well-known/openid-credential-issuer").json
    server = world.client.get("/.well-known/oauth-authorization-server").json
    assert (metadata["credential_issuer"], server["token_endpoint"]) == (BASE, f"{BASE}/oid4vci/token")
    assert set(metadata["credential_configurations_supported"]) == {JWT, LDP, SD_JWT}
    answer = world.token()
    assert (answer.json["token_type"], answer.headers["Cache-Control"]) == ("Bearer", "no-store")
    access = answer.json["access_token"]
    [token] = [one["credential"] for one in world.ask(access).json["credentials"]]
    [document] = [one["credential"] for one in world.ask(access, LDP).json["credentials"]]
    claims = read_compact(token).claims
    assert claims["sub"] == claims["credentialSubject"]["id"] == document["credentialSubject"]["id"]
    assert claims["sub"].startswith("did:jwk:")
    assert "refreshService" not in claims
    assert world.verdict(token) == world.verdict(document) == "valid"
    refresh_status(world.issuer, AWARD, "revoked", world.at)
    assert world.verdict(token) == world.verdict(document) == "not valid"
    [note] = [
        one for one in world.db.audit.find({"action": "credential.wallet"}) if one["after"]["form"] == JWT
    ]
    assert (note["thing"], note["after"]) == (PERSON, {"award": AWARD, "form": JWT, "keys": 1})


def test_an_offer_is_good_once_for_ten_minutes_and_a_second_use_ends_what_the_first_one_got(world):
    late = world.code()
    newer = world.code()
    assert world.token(late).json["error"] == "invalid_grant"  # a new offer takes the place of the old one
    access = world.token(newer).json["access_token"]
    kept = json.dumps(list(world.db.wallet_offers.find({}, {"expires_at": 0})))
    assert newer not in kept
    assert access not in kept
    assert world.ask(access).status_code == 200
    assert world.ask(access).json["error"] == "credential_request_denied"  # each form once
    assert world.token(newer).json["error"] == "invalid_grant"
    assert world.ask(access, LDP).status_code == 401
    late, access = world.code(), world.access()
    world.at += dt.timedelta(minutes=10)
    assert world.token(late).json["error"] == "invalid_grant"
    answer = world.ask(access)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')


def test_only_the_holder_makes_offers_and_only_of_a_credential_in_force(world):
    DisplayStore(world.db).choose(AWARD, PERSON, Display(shown=True), world.at)
    view = links_of(world.settings).make(AWARD, "view", world.at)
    for path in (f"/credentials/{AWARD}/wallet", f"/credentials/{AWARD}/wallet?token={view}"):
        assert world.client.get(path).status_code == world.client.post(path).status_code == 404
    assert not world.db.wallet_offers.count_documents({})
    assert "data:image/svg+xml" in world.client.post(world.page).text
    access = world.access()
    refresh_status(world.issuer, AWARD, "suspended", world.at)
    assert world.ask(access).json == {
        "error": "credential_request_denied", "error_description": "the credential is suspended"
    }  # fmt: skip
    assert "openid-credential-offer" not in world.client.post(world.page).text


def test_proofs_that_prove_nothing_are_refused(world):
    access, foreign = world.access(), make_private_key("ES256")
    used = world.nonce()
    ed = make_private_key("EdDSA")
    named = f"did:key:{encode_multikey(ed.public_key())}"
    private = public_jwk(KEY) | {"d": "AA"}
    soon = int(world.at.timestamp())
    cases = [
        ("invalid_proof", world.proof(foreign)),
        ("invalid_proof", world.proof(aud="https://other.example")),
        ("invalid_proof", world.proof(iat=soon - 301)),
        ("invalid_proof", world.proof(iat="now")),
        ("invalid_proof", world.proof(iat=10**400)),
        ("invalid_proof", world.proof(iat=float("nan"))),
        ("invalid_proof", world.proof(header={"typ": "JWT"})),
        ("invalid_proof", world.proof(header={"alg": "none"})),
        ("invalid_proof", world.proof(header={"jwk": private})),
        ("invalid_proof", world.proof(header={"jwk": None})),
        ("invalid_proof", world.proof(header={"jwk": {"kty": "EC", "crv": "P-256", "x": "\ud800", "y": 1}})),
        ("invalid_proof", world.proof(header={"jwk": None, "kid": named})),
        ("invalid_proof", world.proof(header={"kid": named})),
        ("invalid_proof", "a.b"),
        ("invalid_nonce", world.proof(nonce="foreign")),
        ("invalid_proof", world.proof(nonce="\ud800")),
        ("invalid_nonce", world.proof(nonce=None)),
    ]
    for code, proof in cases:
        assert world.ask(access, proofs=[proof]).json["error"] == code, proof
    assert world.ask(access, proofs=[world.proof(nonce=used), world.proof()]).json["error"] == "invalid_nonce"
    other = MemorySigner({"k2": foreign}).keys["k2"]
    two = [world.proof(nonce=used), world.proof(other, {"jwk": public_jwk(other)}, nonce=used)]
    answer = world.ask(access, proofs=two).json["credentials"]  # one for each key
    assert len({read_compact(one["credential"]).claims["sub"] for one in answer}) == 2
    assert world.ask(access, LDP, proofs=[world.proof(nonce=used)]).json["error"] == "invalid_nonce"  # used
    kid = world.proof(ed, {"jwk": None, "kid": named, "alg": "EdDSA"})
    old = {
        "credential_configuration_id": LDP,
        "proof": {"proof_type": "jwt", "jwt": kid},
    }  # of earlier drafts
    [made] = world.ask(access, body=old).json["credentials"]
    assert made["credential"]["credentialSubject"]["id"] == named


def test_what_is_no_request_of_the_protocol_is_answered_by_its_errors(world):
    access = world.access()
    assert world.token("x", grant_type="password").json["error"] == "unsupported_grant_type"
    assert world.token("x" * 501).json["error"] == "invalid_request"
    assert world.ask("x").status_code == 401
    assert world.client.post("/oid4vci/credential", json={}).status_code == 401
    assert world.ask(access, "other").json["error"] == "unknown_credential_configuration"
    for proofs in ({}, {"jwt": []}, {"jwt": ["a.b.c"] * 6}, {"jwt": [1]}, 7):
        body = {"credential_configuration_id": JWT, "proofs": proofs}
        assert world.ask(access, body=body).json["error"] == "invalid_proof"
    headers = {"Authorization": f"Bearer {access}"}
    for data in (b"{", b"[]", b"\xff"):
        answer = world.client.post("/oid4vci/credential", data=data, headers=headers)
        assert answer.json["error"] == "invalid_credential_request"
    for path in ("token", "credential", "deferred"):
        large = world.client.post(f"/oid4vci/{path}", data={"a": "x" * 70_000}, headers=headers)
        assert large.status_code == 413


def test_a_credential_that_is_about_to_be_signed_anew_is_fetched_later(world):
    due = {"org": "vendor", "credential_due": world.at}
    world.db.awards.update_one({"_id": AWARD}, {"$set": due}, upsert=True)
    access = world.access()
    answer = world.ask(access)
    transaction = answer.json["transaction_id"]
    assert (answer.status_code, answer.json["interval"]) == (202, 5)
    later = {"transaction_id": transaction}
    assert world.ask(access, path="deferred", body=later).status_code == 202
    other = world.ask(access, path="deferred", body={"transaction_id": "x"})
    assert other.json["error"] == "invalid_transaction_id"
    world.db.awards.delete_one({"_id": AWARD})
    [made] = world.ask(access, path="deferred", body=later).json["credentials"]
    assert world.verdict(made["credential"]) == "valid"
    assert world.ask(access, path="deferred", body=later).json["error"] == "invalid_transaction_id"


def token_bit(world, uri, index):
    """Return the bit of an index as a Token Status List says it, after checking who signed the list."""
    answer = world.client.get(uri.removeprefix(BASE))
    assert answer.mimetype == "application/statuslist+jwt"
    token = read_compact(answer.text)
    assert (token.header["typ"], token.claims["sub"]) == ("statuslist+jwt", uri)
    verify(token, key_named(world, token.header["kid"]))
    bits = zlib.decompress(unb64(token.claims["status_list"]["lst"]))
    return bits[index // 8] >> (index % 8) & 1


def key_named(world, kid):
    jwks = world.client.get("/.well-known/jwt-vc-issuer").json["jwks_uri"]
    keys = world.client.get(jwks.removeprefix(BASE)).json["keys"]
    return next(one for one in keys if one["kid"] == kid)


@pytest.mark.parametrize("ed", [False, True])
def test_an_sd_jwt_is_bound_to_the_key_hides_what_its_holder_hides_and_names_the_bit(world, ed):
    key = make_private_key("EdDSA")
    named = f"did:key:{encode_multikey(key.public_key())}"
    proof = world.proof(key, {"jwk": None, "kid": f"{named}#0", "alg": "EdDSA"}) if ed else world.proof()
    [text] = [one["credential"] for one in world.ask(world.access(), SD_JWT, [proof]).json["credentials"]]
    issued, *disclosures, end = text.split("~")
    token = read_compact(issued)
    claims = token.claims
    verify(token, key_named(world, token.header["kid"]))
    assert (token.header["typ"], end, claims["iss"]) == ("dc+sd-jwt", "", BASE)
    assert claims["vct"] == world.client.get("/vct/certification").json["vct"]
    holder = public_jwk(key if ed else KEY)
    assert all(holder[name] == value for name, value in claims["cnf"]["jwk"].items())
    assert "d" not in claims["cnf"]["jwk"]
    told = {}
    for one in disclosures:
        assert b64(hashlib.sha256(one.encode()).digest()) in claims["_sd"]
        salt, name, value = json.loads(unb64(one))
        assert len(unb64(salt)) == 16
        told[name] = value
    assert sorted(told) == ["awarded_date", "evidence", "identifier", "result"]
    assert not set(told) & set(claims)
    assert len(claims["_sd"]) == len(told)
    status = claims["status"]["status_list"]
    assert token_bit(world, status["uri"], status["idx"]) == 0
    refresh_status(world.issuer, AWARD, "revoked", world.at)
    assert token_bit(world, status["uri"], status["idx"]) == 1
    assert world.client.get("/status/none/token").status_code == 404


def test_an_sd_jwt_is_verified_with_what_its_holder_tells_until_it_is_revoked(world):
    """Its key by the issuer's metadata, its bit in the Token Status List; both as they are published."""
    [text] = [one["credential"] for one in world.ask(world.access(), SD_JWT).json["credentials"]]
    issued, *disclosures, _ = text.split("~")
    presented = [text, "~".join([issued, disclosures[0], ""]), f"{issued}~"]
    assert {world.verdict(one) for one in presented} == {"valid"}
    assert world.verdict(text.replace(disclosures[0], disclosures[1])) == "not valid"
    refresh_status(world.issuer, AWARD, "revoked", world.at)
    assert {world.verdict(one) for one in presented} == {"not valid"}


def test_salts_of_two_sd_jwts_differ(world):
    first, second = (world.ask(world.access(), SD_JWT).json["credentials"][0]["credential"] for _ in range(2))
    assert not set(first.split("~")[1:-1]) & set(second.split("~")[1:-1])
