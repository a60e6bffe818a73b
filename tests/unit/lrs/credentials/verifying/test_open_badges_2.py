"""Open Badges 2.0 of other issuers: hosted and signed assertions, bare and baked, and what has to be refused."""

from __future__ import annotations

import io
import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from factories_credentials import NOW, RSA_KEY, SIGNER
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.fetching import Fetched, FetchRefused
from rules.credentials.baking import OPEN_BADGES_2, bake_png, bake_svg
from rules.credentials.document import hash_identity
from rules.credentials.proving.signing import compact

HOST = "https://badges.example"
ISSUER, KEY, LIST = f"{HOST}/issuer", f"{HOST}/key", f"{HOST}/revoked"
V2 = "https://w3id.org/openbadges/v2"
RECIPIENT = {
    "type": "email", "hashed": True, "salt": "Kosher",
    "identity": hash_identity("ana@example.com", "Kosher")["identityHash"],
}  # fmt: skip
HOSTED = {
    "@context": V2, "type": "Assertion", "id": f"{HOST}/a/1", "recipient": RECIPIENT, "badge": f"{HOST}/b/1",
    "verification": {"type": "HostedBadge"}, "issuedOn": "2026-05-01T00:00:00+00:00",
    "expires": "2027-05-01T00:00:00.5Z",
}  # fmt: skip
SIGNED = HOSTED | {"id": "urn:uuid:1c", "verification": {"type": "SignedBadge", "creator": KEY}}
BADGE = {"@context": V2, "type": "BadgeClass", "id": f"{HOST}/b/1", "name": "Welder", "issuer": ISSUER}
PROFILE = {"@context": V2, "type": "Issuer", "id": ISSUER, "name": "Forge", "publicKey": KEY}
PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
FILES = {
    HOSTED["id"]: HOSTED, BADGE["id"]: BADGE, ISSUER: PROFILE,
    KEY: {"type": "CryptographicKey", "id": KEY, "owner": ISSUER, "publicKeyPem": PEM},
}  # fmt: skip
REVOKING = {ISSUER: PROFILE | {"revocationList": LIST}}


def listed(*revoked, issuer=ISSUER):
    return REVOKING | {LIST: {"id": LIST, "issuer": issuer, "revokedAssertions": list(revoked)}}


def token(**changes):
    return compact(SIGNER, "k1", SIGNED | changes)


def report_of(copy, files=None, **options):
    served = FILES | (files or {})

    def get(url, _):
        if not isinstance(served.get(url), dict | list):
            raise FetchRefused(url, "answered", served.get(url))
        return Fetched(url, "application/json", json.dumps(served[url]).encode())

    data = json.dumps(copy).encode() if isinstance(copy, dict) else copy
    return verify_credential(data if isinstance(data, bytes) else data.encode(), Inquiry(get, NOW), **options)


def picture():
    stream = io.BytesIO()
    Image.new("RGBA", (4, 4), "navy").save(stream, "PNG")
    return stream.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>'
GOOD = {
    "hosted": HOSTED,
    "hosted, as older issuers write it": HOSTED | {"verification": {"type": "hosted"}},
    "signed": token(),
    "address": HOSTED["id"],
    "address in a PNG": bake_png(picture(), HOSTED["id"], OPEN_BADGES_2),
    "JSON in a PNG": bake_png(picture(), json.dumps(HOSTED), OPEN_BADGES_2),
    "JSON in an SVG": bake_svg(SVG, json.dumps(HOSTED), OPEN_BADGES_2),
    "token in an SVG": bake_svg(SVG, token(), OPEN_BADGES_2),
}


@pytest.mark.parametrize("copy", GOOD.values(), ids=GOOD)
def test_a_good_copy_passes_every_check_in_every_form(copy):
    report = report_of(copy, email=" Ana@example.com")
    assert [one.name for one in report.checks] == [
        "form", "structure", "signature", "dates", "status", "holder"
    ]  # fmt: skip
    assert report.is_valid or [one.outcome for one in report.checks if one.name == "status"] == [
        "not checked"
    ]
    assert report.claims["name"] == "Welder"


@pytest.mark.parametrize(
    ("copy", "files", "check", "words"),
    [
        (HOSTED | {"expires": "2030-01-01T00:00:00Z"}, {}, "signature", "differ in expires"),
        (HOSTED | {"badge": f"{HOST}/b/2"}, {}, "signature", "differ in badge"),
        (HOSTED, {HOSTED["id"]: 410}, "signature", "is gone"),
        (HOSTED, {HOSTED["id"]: HOSTED | {"revoked": True, "revocationReason": "fraud"}}, "signature", "fraud"),
        (HOSTED, {BADGE["id"]: BADGE | {"issuer": "https://evil.example/i"},
                  "https://evil.example/i": {"id": "https://evil.example/i"}}, "signature", "not on a host of"),
        (HOSTED, {ISSUER: PROFILE | {"verification": {"startsWith": f"{HOST}/other/"}}}, "signature", "not where"),
        (HOSTED, {ISSUER: PROFILE | {"verification": {"allowedOrigins": "x.example"}}}, "signature", "not on a host"),
        (HOSTED, {BADGE["id"]: BADGE | {"id": "https://x.example/b"}}, "signature", "says that it is"),
        (HOSTED, {BADGE["id"]: BADGE | {"type": "Thing"}}, "signature", "no BadgeClass"),
        (HOSTED | {"verification": {"type": "Oath"}}, {}, "structure", "not known"),
        (HOSTED | {"recipient": "ana"}, {}, "structure", "recipient"),
        (SIGNED, {}, "signature", "compact JWS"),
        (token(expires="2026-05-02T00:00:00Z"), {}, "dates", "is over"),
        (token(issuedOn="2026-07-02T00:00:00Z"), {}, "dates", "not issued before"),
        (token(verification={"type": "SignedBadge", "creator": f"{HOST}/k2"}), {}, "signature", "not one of"),
        (token(), {KEY: FILES[KEY] | {"owner": "https://evil.example/i"}}, "signature", "belongs to"),
        (token(), {KEY: FILES[KEY] | {"publicKeyPem": "no"}}, "signature", "not a PEM key"),
        (compact(SIGNER, "k2", SIGNED), {}, "signature", "does not fit the key"),
        (token(), listed({"id": "urn:uuid:1c", "revocationReason": "left"}), "status", "revoked: left"),
        (token(), listed("urn:uuid:1c"), "status", "revoked"),
        (token(), listed(issuer="https://evil.example/i"), "status", "is that of"),
    ],
)  # fmt: skip
def test_what_is_wrong_fails_the_check_that_concerns_it(copy, files, check, words):
    failed = [one for one in report_of(copy, files).checks if one.outcome == "failed"]
    assert [one.name for one in failed] == [check]
    assert words in failed[0].detail


@pytest.mark.parametrize("rule", [{"startsWith": [f"{HOST}/a/"]}, {"allowedOrigins": ["badges.example"]}])
def test_an_issuer_may_say_where_its_assertions_lie(rule):
    assert report_of(HOSTED, {ISSUER: PROFILE | {"verification": rule}}).is_valid


def test_a_signed_one_that_is_not_in_the_issuers_list_is_valid():
    assert report_of(token(), listed("urn:uuid:2d")).is_valid


@pytest.mark.parametrize("silent", [HOSTED["id"], BADGE["id"], ISSUER])
def test_an_issuer_that_does_not_answer_makes_nothing_false_and_nothing_valid(silent):
    assert report_of(HOSTED, {silent: None}).verdict == "cannot say"
    assert report_of(HOSTED["id"], {silent: None}).verdict == "cannot say"


def test_a_copy_for_somebody_else_is_not_valid():
    assert report_of(HOSTED, email="bo@example.com").checks[-1].detail == "not made for bo@example.com"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([HOST, "https://[", ISSUER]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "type", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([*HOSTED]), st.sampled_from([*FILES]), st.sampled_from(["id", "issuer", "publicKey", "verification", "type", "revocationList"]), VALUES)  # fmt: skip
def test_any_json_in_place_of_any_member_is_a_report(name, url, member, value):
    assert report_of(HOSTED | {name: value}).checks
    assert report_of(HOSTED, {url: FILES[url] | {member: value}}).checks
    assert report_of(token(), listed() | {url: FILES[url] | {member: value}}).checks
    assert report_of(token(), listed(value)).checks
