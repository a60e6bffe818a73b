"""Embedded proofs: the cryptosuite's own steps, and every change that they have to notice."""

from __future__ import annotations

import copy
import datetime as dt

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from factories_credentials import (
    EC_KEY,
    ED_KEY,
    NOW,
    RSA_KEY,
    SIGNER,
    MemorySigner,
    credential_of,
    make_period,
)

from rules.credentials.proving.multikey import decode_multikey, encode_multikey
from rules.credentials.proving.proofs import verify_proof, with_proof
from rules.credentials.proving.signing import (
    InvalidToken,
    key_from_jwk,
    lock,
    make_private_key,
    public_jwk,
    sign_with,
    thumbprint,
    unlock,
)

METHOD = "did:web:lrs.example#k3"


def signed(**changes):
    return with_proof(credential_of(make_period()) | changes, SIGNER, "k3", METHOD, NOW)


def check(document, key=None):
    verify_proof(document, document["proof"], (key or ED_KEY).public_key())


def test_a_proof_says_by_whom_when_and_what_for_and_verifies():
    document = signed()
    proof = {name: value for name, value in document["proof"].items() if name != "proofValue"}
    assert proof == {
        "type": "DataIntegrityProof", "cryptosuite": "eddsa-rdfc-2022", "created": "2026-06-01T12:00:00Z",
        "verificationMethod": METHOD, "proofPurpose": "assertionMethod",
    }  # fmt: skip
    check(document)
    assert signed() == document


def test_the_proof_of_a_known_key_is_the_one_that_another_implementation_accepted():
    # Accepted by @digitalbazaar/vc 7.3.0 with eddsa-rdfc-2022-cryptosuite 1.3.0.
    signer = MemorySigner({"k": ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))})
    document = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": "urn:uuid:1", "type": ["VerifiableCredential"], "name": "a\b\x7f\u00e9",
        "issuer": "did:web:a.example", "validFrom": "2026-06-01T12:00:00Z",
        "credentialSubject": {"name": "Ana"},
    }  # fmt: skip
    made = with_proof(document, signer, "k", "did:web:a.example#k", NOW)
    assert made["proof"]["proofValue"] == KNOWN


KNOWN = "z4VP3rkNeQWtc1ZywEmwmtL1ZLUC4yq9QbfkPwR5wLTr84HwLa6bmhNGsqYmUr3RoGHB4LiTnCsfZ4uyJPvxKBE9N"


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(name="Another"),
        lambda one: one["credentialSubject"]["achievement"].update(version="4"),
        lambda one: one["proof"].update(created="2026-06-01T12:00:01Z"),
        lambda one: one["proof"].update(verificationMethod="did:web:lrs.example#k9"),
        lambda one: one["proof"].update(proofPurpose="authentication"),
        lambda one: one["proof"].update(proofValue="z" + one["proof"]["proofValue"][2:]),
        lambda one: one["proof"].update(proofValue="u" + one["proof"]["proofValue"][1:]),
        lambda one: one["proof"].update(cryptosuite="ecdsa-rdfc-2019"),
        lambda one: one["proof"].update(cryptosuite="eddsa-jcs-2022"),
        lambda one: one["proof"].update(type="Ed25519Signature2020"),
        lambda one: one["proof"].pop("proofValue"),
        lambda one: one.pop("validUntil"),
    ],
)
def test_a_change_is_refused(change):
    document = copy.deepcopy(signed())
    change(document)
    with pytest.raises(InvalidToken):
        check(document)


def test_a_foreign_key_or_one_of_another_kind_is_refused():
    for key in (make_private_key("EdDSA"), EC_KEY, RSA_KEY):
        with pytest.raises(InvalidToken):
            check(signed(), key)


def test_an_ecdsa_proof_of_others_is_checked():
    class Es(MemorySigner):
        def sign(self, kid, message):
            return sign_with(EC_KEY, message)

    document = with_proof(credential_of(make_period()), Es({}), "k", METHOD, NOW)
    with pytest.raises(InvalidToken, match="not one for eddsa"):
        check(document, EC_KEY)


def test_multikeys_are_read_as_written_and_nothing_else_is():
    for key in (ED_KEY, EC_KEY):
        text = encode_multikey(key.public_key())
        assert text.startswith("z6Mk" if key is ED_KEY else "zDn")
        assert public_jwk(decode_multikey(text)) == public_jwk(key)
    with pytest.raises(InvalidToken):
        encode_multikey(RSA_KEY.public_key())
    known = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"  # of Data Integrity EdDSA Cryptosuites 1.0
    assert encode_multikey(decode_multikey(known)) == known


@pytest.mark.parametrize(
    "text", [None, 5, "", "z", "zz", "z0OIl", "u6Mk", "z" + "1" * 300, "z6MkrJVnaZkeFzdQ"]
)
def test_what_is_no_multikey_is_refused(text):
    with pytest.raises(InvalidToken):
        decode_multikey(text)


def test_an_ed25519_key_is_kept_locked_and_published_as_jwk():
    key = make_private_key("EdDSA")
    jwk = public_jwk(unlock(lock(key, b"open sesame"), b"open sesame"))
    assert (jwk["kty"], jwk["crv"], jwk["alg"]) == ("OKP", "Ed25519", "EdDSA")
    assert public_jwk(key_from_jwk(jwk)) == jwk == public_jwk(key)
    known = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(known) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"  # RFC 8037, A.3
    with pytest.raises(InvalidToken):
        key_from_jwk({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"})


def test_instants_of_other_zones_are_written_in_utc():
    other = NOW.astimezone(dt.timezone(dt.timedelta(hours=5)))
    assert with_proof(credential_of(make_period()), SIGNER, "k3", METHOD, other) == signed()
