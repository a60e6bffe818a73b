"""Copies with an embedded proof: of ours and of other issuers, bare and baked, and what has to be refused."""

from __future__ import annotations

import copy
import hashlib
import io
import json

import pytest
import rfc8785
from factories_credentials import (
    EC_KEY,
    ED_KEY,
    ISSUER,
    NOW,
    SIGNER,
    MemorySigner,
    credential_of,
    make_period,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lrs.credentials.keys import PublicKey, did_document
from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.fetching import Fetched, FetchRefused
from rules.credentials.baking import bake_png, bake_svg
from rules.credentials.proving.multikey import encode_multikey, multibase
from rules.credentials.proving.proofs import with_proof, without_claims
from rules.credentials.proving.signing import b64, compact, make_private_key, public_jwk
from rules.credentials.proving.status_list import build_list, empty, set_bits

LIST = "https://lrs.example/status/1"
DID = "https://lrs.example/.well-known/did.json"
METHOD = ISSUER.method("k3")
KEYS = [
    PublicKey("k3", "EdDSA", public_jwk(ED_KEY), NOW, None),
    PublicKey("k2", "ES256", public_jwk(EC_KEY), NOW, None),
]


def listed(bits, issuer=ISSUER.did, key="k3"):
    return json.dumps(
        with_proof(without_claims(build_list(LIST, issuer, bits, NOW)), SIGNER, key, METHOD, NOW)
    )


def signed(signer=SIGNER, key="k3", method=METHOD, **changes):
    document = {
        name: one for name, one in (credential_of(make_period()) | changes).items() if one is not None
    }
    return with_proof(document, signer, key, method, NOW)


GOOD = signed()
FILES = {DID: json.dumps(did_document(ISSUER, KEYS)), LIST: listed(empty())}


def report_of(document, files=None, **options):
    def get(url, _):
        found = (FILES | (files or {})).get(url)
        if found is None:
            raise FetchRefused(url, "not there")
        return Fetched(url, "", found.encode())

    data = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
    return verify_credential(data, Inquiry(get, NOW), **options)


def failures(document, files=None, **options):
    return {
        one.name: one.detail
        for one in report_of(document, files, **options).checks
        if one.outcome == "failed"
    }


def test_a_good_copy_passes_every_check():
    report = report_of(GOOD, email="ana@example.com")
    names = ["form", "structure", "signature", "dates", "status", "holder"]
    assert [(one.name, one.outcome) for one in report.checks] == [(name, "ok") for name in names]
    assert report.checks[2].detail == f"by {METHOD} of {ISSUER.did}"


def picture():
    stream = io.BytesIO()
    Image.new("RGBA", (4, 4), "navy").save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    "bake", [lambda text: bake_png(picture(), text), lambda text: bake_svg(b"<svg><g/></svg>", text)]
)
def test_a_baked_copy_passes_whatever_its_texts_hold(bake):
    text = json.dumps(signed(name="]]> <日本> & \b \"'"), ensure_ascii=False)
    assert report_of(bake(text)).is_valid


def test_the_list_may_be_a_token_too():
    token = compact(SIGNER, "k2", build_list(LIST, ISSUER.did, empty(), NOW), kid=METHOD.replace("k3", "k2"))
    assert failures(GOOD, {LIST: token}) == {}


@pytest.mark.parametrize(
    ("files", "check", "words"),
    [
        ({LIST: listed(set_bits(empty(), [7]))}, "status", "bit 7"),
        ({LIST: listed(empty(), issuer="did:web:other")}, "status", "signed by did:web:other"),
        ({LIST: listed(empty()).replace("2026-06-01", "2026-05-31")}, "status", "does not match"),
        (
            {LIST: json.dumps(without_claims(build_list(LIST, ISSUER.did, empty(), NOW)))},
            "status",
            "embedded proofs",
        ),
        ({LIST: "{nonsense"}, "status", "not JSON"),
        ({DID: json.dumps(did_document(ISSUER, KEYS[1:]))}, "signature", "not in the issuer's DID document"),
        (
            {DID: json.dumps(did_document(ISSUER, KEYS) | {"assertionMethod": []})},
            "signature",
            "not in the issuer's",
        ),
        (
            {DID: json.dumps(did_document(ISSUER, KEYS) | {"assertionMethod": 5})},
            "signature",
            "not in the issuer's",
        ),
        ({DID: json.dumps(did_document(ISSUER, KEYS) | {"id": "did:web:x"})}, "signature", "is that of"),
    ],
)
def test_what_the_issuer_publishes_is_checked(files, check, words):
    assert words in failures(GOOD, files)[check]


def changed(change):
    document = copy.deepcopy(GOOD)
    change(document)
    return document


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda one: one.update(name="Another"), "signature"),
        (lambda one: one["credentialSubject"].update(id="urn:uuid:other"), "signature"),
        (lambda one: one.update(holdr="unsigned"), "signature"),
        (lambda one: one["@context"].append({"name": "urn:x:other"}), "signature"),
        (lambda one: one["proof"].update(proofPurpose="authentication"), "signature"),
        (lambda one: one["proof"].update(cryptosuite="eddsa-jcs-2022"), "signature"),
        (lambda one: one["proof"].update(verificationMethod=ISSUER.method("k9")), "signature"),
        (lambda one: one["proof"].update(verificationMethod=5), "signature"),
        (lambda one: one["proof"].update(expires="2026-01-01T00:00:00Z"), "signature"),
        (lambda one: one["issuer"].update(id="did:web:evil.example"), "signature"),
        (lambda one: one["issuer"].update(id="urn:x:y"), "signature"),
        (lambda one: one.update(proof=[]), "form"),
        (lambda one: one.update(proof=[one["proof"]] * 11), "form"),
        (lambda one: one.pop("proof"), "form"),
        (lambda one: one.pop("validFrom"), "structure"),
    ],
)  # fmt: skip
def test_a_changed_copy_fails_the_check_that_concerns_it(change, check):
    unsure = [
        one.name for one in report_of(changed(change)).checks if one.outcome in {"failed", "cannot say"}
    ]
    assert check in unsure
    assert failures(changed(change)), "something is wrong, whatever cannot be said besides"


def test_a_copy_with_a_context_that_is_not_known_cannot_be_judged():
    report = report_of(
        changed(lambda one: one["@context"].append("https://www.w3.org/ns/credentials/examples/v2"))
    )
    assert [one.name for one in report.checks if one.outcome == "cannot say"] == ["signature"]
    assert report.verdict == "cannot say"


def test_a_foreign_key_is_refused():
    assert "does not match" in failures(signed(MemorySigner({"k3": make_private_key("EdDSA")})))["signature"]


def test_a_copy_past_its_end_is_refused_although_its_proof_holds():
    assert list(failures(signed(validUntil="2026-05-25T00:00:00Z"))) == ["dates"]


def test_a_proof_of_a_kind_that_is_not_known_does_no_harm_beside_one_that_is():
    other = {"type": "DataIntegrityProof", "cryptosuite": "bbs-2023", "proofValue": "u"}
    assert failures(changed(lambda one: one.update(proof=[other, one["proof"]]))) == {}
    assert "bbs-2023 cannot be checked" in failures(changed(lambda one: one.update(proof=other)))["signature"]


def test_issuers_named_by_did_key_and_by_address_are_checked():
    text = encode_multikey(ED_KEY.public_key())
    did = f"did:key:{text}"
    issuer = {"id": did, "type": ["Profile"], "name": "Other"}
    assert failures(signed(method=f"{did}#{text}", issuer=issuer, credentialStatus=None)) == {}
    assert "is not that of" in failures(signed(issuer=issuer, credentialStatus=None))["signature"]
    issuer = {"id": "https://other.example/issuer", "type": ["Profile"], "name": "Other"}
    key = "https://other.example/keys/1"
    files = {
        key: json.dumps({"id": key, "type": "Multikey", "publicKeyMultibase": text}),
        "https://evil.example/1": "{}",
    }
    assert failures(signed(method=key, issuer=issuer, credentialStatus=None), files) == {}
    elsewhere = signed(method="https://evil.example/1", issuer=issuer, credentialStatus=None)
    assert "not on the issuer's host" in failures(elsewhere, files)["signature"]
    files[key] = json.dumps({"id": key})
    assert (
        "neither a Multikey"
        in failures(signed(method=key, issuer=issuer, credentialStatus=None), files)["signature"]
    )


@pytest.mark.parametrize(
    ("suite", "key", "private"), [("eddsa-jcs-2022", "k3", ED_KEY), ("ecdsa-jcs-2019", "k2", EC_KEY)]
)
def test_proofs_over_the_json_itself_are_checked_also_of_an_issuer_named_by_did_jwk(suite, key, private):
    did = f"did:jwk:{b64(json.dumps(public_jwk(private)).encode())}"
    issuer = {"id": did, "type": ["Profile"], "name": "Other"}
    document = credential_of(make_period()) | {"issuer": issuer, "beyond": "any context"}
    del document["credentialStatus"]
    proof = {
        "type": "DataIntegrityProof", "cryptosuite": suite, "verificationMethod": f"{did}#0",
        "proofPurpose": "assertionMethod", "@context": document["@context"],
    }  # fmt: skip
    hashes = [hashlib.sha256(rfc8785.dumps(one)).digest() for one in (proof, document)]
    good = document | {"proof": proof | {"proofValue": multibase(SIGNER.sign(key, b"".join(hashes)))}}
    assert failures(good) == {}
    assert failures(good | {"beyond": 1}) == {"signature": "the signature does not match"}
    assert failures(good | {"beyond": 2**60})["signature"].startswith("not to be written")
    other = {"@context": [*document["@context"][:2], "https://x.example/context"]}
    assert "contexts of the proof" in failures(good | other)["signature"]
    written = [*document["@context"], {"name": "https://x.example/name"}]
    assert "written in the document" in failures(good | {"@context": written})["signature"]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.sampled_from(
        ["id", "issuer", "credentialSubject", "credentialStatus", "validFrom", "@context", "type"]
    ),
    ANY,
)
@settings(max_examples=40)
def test_any_json_in_place_of_any_member_is_a_report(name, value):
    report_of(GOOD | {name: value})


@given(st.sampled_from([*GOOD["proof"], "expires", None]), ANY)
@settings(max_examples=40)
def test_any_json_in_a_proof_is_a_report(name, value):
    report_of(GOOD | {"proof": value if name is None else GOOD["proof"] | {name: value}})


@given(ANY)
@settings(max_examples=20)
def test_any_json_from_the_issuer_is_a_report(value):
    report_of(
        GOOD,
        {DID: json.dumps({"id": ISSUER.did, "assertionMethod": [METHOD], "verificationMethod": [value]})},
    )
    report_of(GOOD, {LIST: json.dumps(json.loads(FILES[LIST]) | {"credentialSubject": value})})


def nobody(url, _):
    raise FetchRefused(url, "not there")


def test_half_of_a_pair_of_surrogates_is_no_json():
    for name in ("name", "\\ud800"):
        text = json.dumps(GOOD).replace("{", '{"' + name + '": "\\ud800", ', 1)
        report = verify_credential(text.encode(), Inquiry(nobody, NOW))
        assert [(one.name, one.outcome) for one in report.checks] == [("form", "failed")]
