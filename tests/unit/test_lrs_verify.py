"""Checking anybody's copy: each check says what decided, and whatever a stranger sends is a report, no crash."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from factories_credentials import EC_KEY, EC_SIGNER, ISSUER, NOW, RSA_KEY, SIGNER, make_period
from hypothesis import given
from hypothesis import strategies as st

from lrs.fetching import Fetched, FetchRefused
from lrs.verify import Inquiry, did_url, read_credential, verify_credential
from rules.credential_document import build_credential
from rules.signing import compact, public_jwk, read_compact
from rules.statuslist import build_entry, build_list, empty, set_bits

LIST = "https://lrs.example/status/1"
DID = "https://lrs.example/.well-known/did.json"


class Web:
    """What the issuer publishes; a test changes it."""

    def __init__(self, kid=None):
        self.kid = kid or ISSUER.kid("k2")
        self.files = {DID: self.did(), LIST: self.listed(empty())}

    def did(self, **changes):
        method = {"id": ISSUER.kid("k2"), "type": "JsonWebKey", "controller": ISSUER.did,
                  "publicKeyJwk": public_jwk(EC_KEY)}  # fmt: skip
        document = {"id": ISSUER.did, "verificationMethod": [method], "assertionMethod": [method["id"]]}
        return json.dumps(document | changes)

    def listed(self, bits, now=NOW, issuer=ISSUER.did, url=LIST, **subject):
        claims = build_list(url, issuer, bits, now)
        claims["credentialSubject"] |= subject
        return compact(EC_SIGNER, "k2", claims, kid=self.kid)

    def get(self, url, _):
        if url not in self.files:
            raise FetchRefused(url, "not there")
        return Fetched(url, "", self.files[url].encode())


def credential(kid=None, **changes):
    period = make_period()
    claims = build_credential(
        period, ISSUER, valid_from=period.valid_from.replace(microsecond=0), status=build_entry(LIST, 7),
        subject="urn:uuid:7e3b1c9a-5d0f-4f8e-9a54-0e6c2b1d7f30", salts=["Kosher"],
    ) | changes  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not None}
    return compact(EC_SIGNER, "k2", claims, kid=kid or ISSUER.kid("k2")).encode()


def failures(data, web=None, now=NOW, **options):
    report = verify_credential(data, Inquiry((web or Web()).get, now), **options)
    return {one.name: one.detail for one in report.checks if one.outcome == "failed"}


def test_a_good_credential_passes_every_check():
    report = verify_credential(credential(), Inquiry(Web().get, NOW), email=" Ana@example.com")
    assert [one.name for one in report.checks] == [
        "form", "structure", "claims", "signature", "dates", "status", "holder"
    ]  # fmt: skip
    assert report.is_valid


def test_another_address_is_not_the_holder():
    assert failures(credential(), email="bo@example.com") == {"holder": "not made for bo@example.com"}


def test_a_credential_without_status_says_that_it_was_not_checked():
    report = verify_credential(credential(credentialStatus=None), Inquiry(Web().get, NOW))
    assert [one.outcome for one in report.checks if one.name == "status"] == ["not checked"]
    assert report.is_valid


@pytest.mark.parametrize(
    ("did", "url"),
    [
        ("did:web:a.example", "https://a.example/.well-known/did.json"),
        ("did:web:a.example:x:y", "https://a.example/x/y/did.json"),
        ("did:web:a.example%3A8443", "https://a.example:8443/.well-known/did.json"),
    ],
)
def test_did_web_names_lead_to_their_documents(did, url):
    assert did_url(did) == url


@pytest.mark.parametrize(
    ("files", "check", "words"),
    [
        ({DID: "no json"}, "signature", "does not answer JSON"),
        ({DID: "[]"}, "signature", "JSON object"),
        ({DID: Web().did(id="did:web:other")}, "signature", "is that of"),
        ({DID: Web().did(assertionMethod=[])}, "signature", "not in the issuer's DID document"),
        ({LIST: "nonsense"}, "status", "three parts"),
        ({LIST: Web().listed(set_bits(empty(), [7]))}, "status", "bit 7"),
        ({LIST: Web().listed(empty(), NOW - dt.timedelta(days=2))}, "status", "is over"),
        ({LIST: Web().listed(empty(), issuer="did:web:other")}, "status", "signed by did:web:other"),
        ({LIST: Web().listed(empty(), url="https://lrs.example/status/2")}, "status", "says that it is"),
        ({LIST: Web().listed(empty(), statusPurpose="suspension")}, "status", "not for 'revocation'"),
        ({LIST: Web().listed(bytes(10))}, "status", "fewer than"),
        ({LIST: Web(kid="did:web:lrs.example#other").listed(empty())}, "status", "not in the issuer's"),
    ],
)
def test_what_the_issuer_publishes_is_checked(files, check, words):
    web = Web()
    web.files |= files
    found = failures(credential(), web)
    assert words in found[check]


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"iss": "did:web:other"}, "claims"), ({"nbf": 5}, "claims"), ({"exp": None}, "claims"),
        ({"validUntil": None}, "claims"), ({"nbf": None}, "claims"), ({"jti": "urn:x:y"}, "claims"),
        ({"validUntil": "2026-05-25T00:00:00Z", "exp": 1779667200}, "dates"),
        ({"validFrom": "2030-01-01T00:00:00Z", "nbf": 1893456000}, "dates"),
        ({"validFrom": "yesterday"}, "dates"), ({"credentialSubject": "x"}, "structure"),
        ({"credentialStatus": [build_entry(LIST, 7)]}, "status"),
        ({"credentialStatus": {"id": "urn:x:y", "type": "1EdTechRevocationList"}}, "status"),
        ({"credentialStatus": build_entry(LIST, 7) | {"statusListIndex": "-1"}}, "status"),
        ({"credentialStatus": build_entry(LIST, 131_072)}, "status"),
        ({"issuer": {"id": "did:web:lrs.example", "type": "Profile"}}, "structure"),
    ],
)  # fmt: skip
def test_a_wrong_credential_fails_the_check_that_concerns_it(changes, check):
    assert check in failures(credential(**changes))


def test_a_key_named_by_url_has_to_be_one_of_the_did_document():
    url = "https://lrs.example/keys/k2"
    web = Web(kid=url)
    web.files[url] = json.dumps(public_jwk(EC_KEY))
    assert failures(credential(kid=url), web) == {}
    web.files[url] = json.dumps(public_jwk(RSA_KEY))
    assert "signature" in failures(credential(kid=url), web)


def test_an_issuer_named_by_url_keeps_its_keys_on_its_own_host():
    issuer = {"id": "https://other.example/issuer", "type": ["Profile"], "name": "Other"}
    changes = {"issuer": issuer, "iss": issuer["id"], "credentialStatus": None}
    web = Web()
    web.files["https://other.example/keys/1"] = json.dumps(public_jwk(EC_KEY))
    web.files["https://evil.example/keys/1"] = json.dumps(public_jwk(EC_KEY))
    assert failures(credential(kid="https://other.example/keys/1", **changes), web) == {}
    elsewhere = failures(credential(kid="https://evil.example/keys/1", **changes), web)
    assert "not on the issuer's host" in elsewhere["signature"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"proof": {}}',
        b"\xff\xfe",
        b"<svg/>",
        b"<html>",
        b"\x89PNG",
        b"a.b.c",
        b"%PDF-1.4",
    ],
)
def test_what_holds_no_credential_is_said_to_be_so(data):
    assert list(failures(data)) == ["form"]


def test_white_space_around_a_token_does_no_harm():
    token = credential()
    assert read_credential(b"\n" + token + b"\n") == token.decode()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
                    max_leaves=5))  # fmt: skip
def test_any_signed_json_in_place_of_any_member_is_a_report(value):
    for name in ("issuer", "credentialSubject", "credentialStatus", "validFrom", "@context", "type"):
        failures(credential(**{name: value}))


def test_rsa_and_ec_issuers_are_both_accepted():
    web = Web()
    method = {"id": ISSUER.kid("k1"), "type": "JsonWebKey", "publicKeyJwk": public_jwk(RSA_KEY)}
    web.files[DID] = web.did(
        verificationMethod=[method, json.loads(web.did())["verificationMethod"][0]],
        assertionMethod=["#k1", ISSUER.kid("k2")],
    )
    token = compact(SIGNER, "k1", json.loads(json.dumps(claims_of())), kid=ISSUER.kid("k1"))
    assert failures(token.encode(), web) == {}


def claims_of():
    return read_compact(credential().decode()).claims
