"""The document of cert#7: exactly its members, claims equal to the body, dates, identity."""

from __future__ import annotations

import datetime as dt

import pytest
from factories_credentials import ISSUER, NOW, make_period

from rules.credentials.document import Achievement, build_credential, core_digest, digest, hash_identity
from rules.credentials.issuing import is_wrong, starts_at
from rules.credentials.proving.status_list import build_entry
from rules.credentials.store import Record

STATUS = build_entry("https://lrs.example/status/1", 7)
START = dt.datetime(2026, 5, 20, 9, 30, 15, tzinfo=dt.UTC)


def build(refreshable=False, **overrides):
    period = make_period(**overrides)
    salts = [f"salt{n}" for n, _ in enumerate(period.emails)]
    return build_credential(
        period,
        ISSUER,
        valid_from=START,
        status=STATUS,
        subject=period.subject_did or "urn:uuid:7e3b1c9a-5d0f-4f8e-9a54-0e6c2b1d7f30",
        salts=salts,
        refreshable=refreshable,
    )


def test_members_are_exactly_those_of_section_7():
    claims = build(refreshable=True)
    assert list(claims) == [
        "@context", "id", "type", "name", "issuer", "validFrom", "awardedDate", "validUntil",
        "credentialSubject", "evidence", "credentialStatus", "credentialSchema", "refreshService",
        "iss", "jti", "sub", "nbf", "exp",
    ]  # fmt: skip
    assert set(claims["issuer"]) == {"id", "type", "name", "url"}
    assert set(claims["credentialSubject"]) == {"id", "type", "identifier", "achievement", "result"}
    assert set(claims["credentialSubject"]["achievement"]) == {
        "id", "type", "name", "description", "criteria", "version", "achievementType"
    }  # fmt: skip
    assert set(claims["evidence"][0]) == {"id", "type", "name", "narrative"}


def test_claims_equal_the_body():
    claims = build()
    assert claims["iss"] == claims["issuer"]["id"]
    assert claims["jti"] == claims["id"] == "https://lrs.example/credentials/01JZ3T8Q4M5N6P7R8S9TAVBWCX"
    assert claims["sub"] == claims["credentialSubject"]["id"]
    assert claims["nbf"] == dt.datetime.fromisoformat(claims["validFrom"]).timestamp()
    assert claims["exp"] == dt.datetime.fromisoformat(claims["validUntil"]).timestamp()


def test_contexts_stand_in_the_order_of_the_specification():
    assert build()["@context"] == [
        "https://www.w3.org/ns/credentials/v2",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",
    ]


def test_valid_until_is_the_last_second_of_the_expiry_date_with_offset():
    assert build()["validUntil"] == "2027-05-20T23:59:59+02:00"


def test_a_credential_for_ever_has_neither_valid_until_nor_exp():
    claims = build(ends_at=None)
    assert "validUntil" not in claims
    assert "exp" not in claims


def test_nulls_and_empty_arrays_are_left_out():
    claims = build(evidence=(), result=(), emails=())
    assert "evidence" not in claims
    assert "refreshService" not in claims
    assert set(claims["credentialSubject"]) == {"id", "type", "achievement"}


def test_check_value_of_the_hashed_identity():
    identity = hash_identity(" A@Example.com ", "Kosher")
    assert (
        identity["identityHash"] == "sha256$b5809d8a92f8858436d7e6b87c12ebc0ae1eac4baecc2c0b913aee2c922ef399"
    )
    assert identity["hashed"] is True


def test_no_address_and_no_person_id_is_in_the_credential():
    text = str(build(emails=("ana@example.com", "ana@south.example"))).lower()
    assert "ana@" not in text
    assert "p_01jz" not in text


def test_the_subject_is_a_urn_or_the_holders_did():
    assert build()["sub"].startswith("urn:uuid:")
    assert build(subject_did="did:key:z6Mk")["sub"] == "did:key:z6Mk"


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("https://lrs.example/rules/sales", {"id": "https://lrs.example/rules/sales"}),
        ("https://lrs.example is the place", {"narrative": "https://lrs.example is the place"}),
        ("Pass the exam", {"narrative": "Pass the exam"}),
    ],
)
def test_criteria_are_an_iri_or_text(criteria, expected):
    claims = build(achievement=Achievement("a", "1", "A", "", criteria))
    assert claims["credentialSubject"]["achievement"]["criteria"] == expected


def record(period, valid_from=START, **overrides):
    values = {
        "award": period.award, "seq": 1, "person": period.person, "period": period.period,
        "certification": "sales-pro", "version": "3", "digest": digest(period), "core": core_digest(period),
        "jwt": "", "valid_from": valid_from, "ends_at": period.ends_at, "list": "1", "index": 1,
        "key": "k1", "reason": "award", "issued_at": START,
    }  # fmt: skip
    return Record(**values | overrides)


def test_first_valid_from_is_the_start_of_the_period():
    assert starts_at(make_period(), None, "award", NOW) == START


def test_renewal_starts_with_its_period():
    renewal = make_period(period=2, valid_from=NOW - dt.timedelta(hours=1))
    assert starts_at(renewal, record(make_period()), "renewal", NOW) == NOW - dt.timedelta(hours=1)


@pytest.mark.parametrize("reason", ["correction", "reinstatement"])
def test_reissue_is_dated_by_its_own_instant(reason):
    assert starts_at(make_period(), record(make_period()), reason, NOW) == NOW


def test_valid_from_is_strictly_newer_even_within_one_second():
    newest = record(make_period(), valid_from=NOW)
    assert starts_at(make_period(), newest, "correction", NOW) == NOW + dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, False),
        ({"emails": ("new@example.com",)}, False),
        ({"ends_at": dt.datetime(2028, 1, 1, tzinfo=dt.UTC)}, False),
        ({"ends_at": None}, False),
        ({"ends_at": dt.datetime(2027, 1, 1, tzinfo=dt.UTC)}, True),
        ({"evidence": ()}, True),
        ({"valid_from": NOW}, True),
    ],
)
def test_only_a_replacement_of_wrong_content_spends_the_old_bit(change, wrong):
    assert is_wrong(record(make_period()), make_period(**change)) is wrong


def test_a_later_period_that_was_annulled_is_wrong_an_earlier_one_is_not():
    assert is_wrong(record(make_period(period=2)), make_period())
    assert not is_wrong(record(make_period()), make_period(period=2, valid_from=NOW))
