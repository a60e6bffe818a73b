"""Checking anybody's copy: each check says what decided, and whatever a stranger sends is a report, no crash."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from factories_credentials import EC_KEY, EC_SIGNER, ED_KEY, ISSUER, NOW, RSA_KEY, SIGNER, make_period
from hypothesis import given
from hypothesis import strategies as st

from lrs.credentials.verifying.copy import text_of, verify_credential
from lrs.credentials.verifying.verify import Inquiry, did_url
from lrs.foundation.fetching import Fetched, FetchRefused
from rules.credentials.document import build_credential
from rules.credentials.proving.multikey import encode_multikey
from rules.credentials.proving.signing import b64, compact, public_jwk, read_compact, unb64
from rules.credentials.proving.status_list import build_entry, build_list, empty, set_bits

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


@pytest.mark.parametrize("silent", [DID, LIST])
def test_an_issuer_that_does_not_answer_makes_nothing_false_and_nothing_valid(silent):
    web = Web()
    del web.files[silent]
    report = verify_credential(credential(), Inquiry(web.get, NOW))
    assert (report.verdict, report.is_valid) == ("cannot say", False)
    assert verify_credential(credential(), Inquiry(web.get, NOW), email="bo@x.example").verdict == "not valid"


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
        ({"credentialStatus": []}, "structure"), ({"credentialStatus": [build_entry(LIST, 7), "x"]}, "status"),
        ({"nbf": True}, "claims"), ({"nbf": 1779269414.9}, "claims"), ({"nbf": 1779269416.0}, "claims"),
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


@pytest.mark.parametrize("name", ["did:key", "did:jwk"])
def test_an_issuer_whose_name_is_its_key_needs_no_network(name):
    key = encode_multikey(ED_KEY.public_key())
    jwk = b64(json.dumps(public_jwk(ED_KEY)).encode())
    did, kid = {"did:key": (f"did:key:{key}", key), "did:jwk": (f"did:jwk:{jwk}", "0")}[name]
    changes = {"issuer": {"id": did, "type": ["Profile"]}, "iss": did, "credentialStatus": None}
    claims = {name: one for name, one in (claims_of() | changes).items() if one is not None}
    for header in (did, f"{did}#{kid}"):
        assert failures(compact(SIGNER, "k3", claims, kid=header).encode()) == {}
    other = compact(SIGNER, "k3", claims, kid="did:key:zOther#zOther").encode()
    assert "is not that of" in failures(other)["signature"]
    assert "does not fit" in failures(compact(SIGNER, "k2", claims, kid=did).encode())["signature"]


def test_a_token_may_be_signed_by_a_key_that_is_published_as_multikey():
    web = Web()
    name = ISSUER.method("k3")
    method = {"id": name, "type": "Multikey", "publicKeyMultibase": encode_multikey(ED_KEY.public_key())}
    unknown = {"id": "#x", "type": "Multikey", "publicKeyMultibase": "zUnknown"}
    web.files[DID] = web.did(verificationMethod=[unknown, method], assertionMethod=["#x", name])
    token = compact(SIGNER, "k3", claims_of() | {"credentialStatus": []}, kid=name)
    assert "signature" not in failures(token.encode(), web)
    head, body, _ = token.split(".")
    newer = b64(json.dumps({"alg": "Ed25519", "kid": name}).encode())  # RFC 9864
    signature = b64(SIGNER.sign("k3", f"{newer}.{body}".encode()))
    assert "signature" not in failures(f"{newer}.{body}.{signature}".encode(), web)
    assert "signature" in failures(f"{newer}.{body}.{head}".encode(), web)


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
        b"%PDF-1.4 /Subtype /application#2Fvc+jwt >> stream\n" + b" " * 1_000_000,  # is looked through once
        b"%PDF-1.4 /Subtype /application#2Fvc+jwt >> stream\n" * 20_000,
        b"%PDF-1.4 " + b"/Subtype /application#2Fvc+jwt " * 20_000,
    ],
)
def test_what_holds_no_credential_is_said_to_be_so(data):
    assert list(failures(data)) == ["form"]


def test_white_space_around_a_token_does_no_harm():
    token = credential()
    assert text_of(b"\n" + token + b"\n") == token.decode()


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


def test_a_numeric_date_may_have_a_fraction():
    assert failures(credential(nbf=claims_of()["nbf"] + 0.25, exp=claims_of()["exp"] + 0.0)) == {}


def entry(purpose, index=7, **members):
    return build_entry(LIST, index) | {"statusPurpose": purpose} | members


def values(*places, size):
    """A list of entries of `size` bits, these (index, value) set."""
    bits = bytearray(131_072 * size // 8)
    for index, value in places:
        for n in range(size):
            if value >> (size - 1 - n) & 1:
                bits[(index * size + n) // 8] |= 0x80 >> (index * size + n) % 8
    return bytes(bits)


MESSAGES = [{"status": "0x0", "message": "in force"}, {"status": "0x2", "message": "being looked at"}]


@pytest.mark.parametrize(
    ("status", "bits", "words", "good"),
    [
        ([entry("revocation"), entry("suspension", 8)], empty(), "suspension: bit 8", True),
        ([entry("revocation"), entry("suspension", 8)], set_bits(empty(), [8]), "suspension: bit 8", False),
        (entry("refresh"), set_bits(empty(), [7]), "a newer copy is to be had", True),
        (entry("refresh"), empty(), "is clear", True),
        (entry("message", statusSize=2, statusMessage=MESSAGES), values((7, 2), size=2), "'being looked at'", True),
        (entry("message", statusSize=2, statusMessage=MESSAGES), values((7, 3), size=2), "'0x3'", True),
        (entry("message", 131_071, statusSize=3), values((131_071, 5), size=3), "'0x5'", True),
        (entry("revocation", statusSize=4), values((7, 1), size=4), "is set", False),
        (entry("revocation", statusSize=4), values((6, 15), (8, 15), size=4), "is clear", True),
        (entry("message", statusSize=2), values(size=2)[:-1], "fewer than", False),
        (entry("message", 131_072, statusSize=2), values(size=2), "outside", False),
        (entry("message", statusSize=0), empty(), "statusSize", False),
        (entry("message", statusSize=65), empty(), "statusSize", False),
        (entry("message", statusSize=True), empty(), "statusSize", False),
        (entry("celebration"), empty(), "not known", False),
        ([entry("revocation")] * 11, empty(), "one to 10", False),
    ],
)  # fmt: skip
def test_every_kind_of_status_entry_is_judged_by_its_purpose(status, bits, words, good):
    web = Web()
    web.files[LIST] = web.listed(
        bits, statusPurpose=["revocation", "suspension", "refresh", "message", "celebration"]
    )
    report = verify_credential(credential(credentialStatus=status), Inquiry(web.get, NOW))
    [found] = [one for one in report.checks if one.name == "status"]
    assert words in found.detail
    assert report.is_valid is good


@pytest.mark.parametrize("kid", [{}, [], 7, None])
def test_a_key_id_that_is_no_text_is_refused(kid):
    head, claims, _ = credential().decode().split(".")
    header = json.loads(unb64(head)) | {"kid": kid}
    signed = f"{b64(json.dumps(header).encode())}.{claims}"
    assert verify_credential(f"{signed}.eA".encode(), Inquiry(Web().get, NOW)).verdict == "not valid"
