"""Issuing over a real MongoDB: convergence, re-issue, bits, and indexes under concurrency."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from factories_credentials import ISSUER, NOW, SIGNER, make_period

from rules.credentials.issuing import (
    CredentialIssuer,
    TakenOver,
    issue,
    issue_first,
    refresh_status,
    settle,
)
from rules.credentials.proving.signing import public_jwk, read_compact, verify
from rules.credentials.proving.status_list import FULL_SHARE, decode, get_bit
from rules.credentials.status_publishing import current_list, rebuild, republish_due
from rules.credentials.store import CredentialStore, Outrun, StatusEntry, UnknownStatusList

LATER = NOW + dt.timedelta(days=3)


@pytest.fixture
def told():
    return []


@pytest.fixture
def credential_issuer(db, told):
    def announce(session, happenings):
        told.extend((event, data["credential"], data["list"], data["index"]) for event, data in happenings)

    return CredentialIssuer(CredentialStore(db), SIGNER, ISSUER, announce)


def bit(credential_issuer, record, now=NOW):
    claims = read_compact(current_list(credential_issuer, record.list, now).jwt).claims
    return get_bit(decode(claims["credentialSubject"]["encodedList"]), record.index)


def test_issuing_again_with_the_same_facts_changes_nothing(credential_issuer, told):
    first = issue(credential_issuer, make_period(), NOW)
    assert issue(credential_issuer, make_period(), LATER) == first
    assert [event for event, *_ in told] == ["credential.issued"]
    verify(read_compact(first.jwt), public_jwk(SIGNER.keys["k1"]))


def test_renewal_keeps_id_and_first_date_and_leaves_the_old_bit_clear(credential_issuer):
    first = issue(credential_issuer, make_period(), NOW)
    renewed = issue(credential_issuer, make_period(period=2, valid_from=LATER), LATER)
    old, new = (read_compact(one.jwt).claims for one in (first, renewed))
    assert old["id"] == new["id"]
    assert old["awardedDate"] == new["awardedDate"]
    assert new["nbf"] > old["nbf"]
    assert first.index != renewed.index
    assert not bit(credential_issuer, first)


def test_suspension_sets_the_bit_and_reinstatement_issues_afresh(credential_issuer, told):
    first = issue(credential_issuer, make_period(), NOW)
    assert not bit(credential_issuer, first)
    refresh_status(credential_issuer, first.award, "suspended", NOW)
    assert bit(credential_issuer, first)
    again = issue(credential_issuer, make_period(), LATER)
    assert (again.reason, again.seq) == ("reinstatement", 2)
    assert again.valid_from > first.valid_from
    assert bit(credential_issuer, first, LATER)
    assert not bit(credential_issuer, again, LATER)
    assert [event for event, *_ in told] == [
        "credential.issued", "credential.status_changed", "credential.issued"
    ]  # fmt: skip


@pytest.mark.parametrize("standing", ["suspended", "revoked", "withdrawn", "annulled", "ended_early"])
def test_standings_that_set_the_bit_do_so_once(credential_issuer, told, standing):
    first = issue(credential_issuer, make_period(), NOW)
    assert len(refresh_status(credential_issuer, first.award, standing, NOW)) == 1
    assert refresh_status(credential_issuer, first.award, standing, LATER) == []
    assert bit(credential_issuer, first)
    assert len(told) == 2


@pytest.mark.parametrize("standing", ["good", "expired"])
def test_plain_expiry_sets_no_bit(credential_issuer, standing):
    first = issue(credential_issuer, make_period(), NOW)
    assert settle(credential_issuer, first.award, None, standing, LATER) == first
    assert not bit(credential_issuer, first)


def test_correction_of_wrong_content_sets_the_old_bit(credential_issuer):
    first = issue(credential_issuer, make_period(), NOW)
    fixed = issue(credential_issuer, make_period(evidence=()), LATER)
    assert fixed.reason == "correction"
    assert bit(credential_issuer, first, LATER)
    assert not bit(credential_issuer, fixed, LATER)


def test_extension_reissues_and_leaves_the_old_bit_clear(credential_issuer):
    first = issue(credential_issuer, make_period(), NOW)
    longer = issue(credential_issuer, make_period(ends_at=dt.datetime(2027, 8, 1, tzinfo=dt.UTC)), LATER)
    assert longer.seq == 2
    assert not bit(credential_issuer, first, LATER)


def test_each_issue_has_a_fresh_salt(credential_issuer):
    first = issue(credential_issuer, make_period(), NOW)
    second = issue(credential_issuer, make_period(period=2, valid_from=LATER), LATER)
    salts = {
        read_compact(one.jwt).claims["credentialSubject"]["identifier"][0]["salt"] for one in (first, second)
    }
    assert len(salts) == 2


def test_the_subject_of_a_person_is_the_same_in_all_their_credentials_and_random(credential_issuer):
    one, two, other = (
        read_compact(issue(credential_issuer, make_period(award=award, person=person), NOW).jwt).claims["sub"]
        for award, person in (("A1", "p_1"), ("A2", "p_1"), ("A3", "p_2"))
    )
    assert one == two != other
    assert one.startswith("urn:uuid:")


def test_concurrent_issuing_makes_one_credential_and_one_event(db, credential_issuer, told):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: issue(credential_issuer, make_period(), NOW), range(16)))
    assert {one.seq for one in made} == {1}
    assert db["credentials"].count_documents({}) == 1


def test_first_credentials_that_are_refused_take_no_place_and_no_subject(db, credential_issuer):
    def refuse(session):
        raise TakenOver

    credential_issuer.store.allot(["before"], NOW)
    before = db["status_lists"].find_one()
    with pytest.raises(TakenOver):
        issue_first(replace(credential_issuer, fence=refuse), [make_period()], NOW)
    assert db["status_lists"].find_one() == before
    assert db["status_entries"].distinct("award") == ["before"]
    assert db["credential_subjects"].count_documents({}) == 0
    [made] = issue_first(credential_issuer, [make_period()], NOW)
    assert credential_issuer.store.entry_of(made)["award"] == made.award


def test_first_credentials_in_places_that_others_took_meanwhile_change_nothing(db, credential_issuer):
    store = credential_issuer.store
    chosen = store.choose(["A1", "A2"], NOW)
    taken = StatusEntry(chosen[1].list, chosen[1].index, "other")
    store.transaction(lambda session: store.take([taken], NOW, session))
    with pytest.raises(Outrun):
        store.transaction(lambda session: store.take(chosen, NOW, session))
    assert db["status_entries"].distinct("award") == ["other"]
    assert db["status_lists"].find_one()["room"] == int(store.size * FULL_SHARE) - 1


def test_more_credentials_than_a_list_holds_are_not_made_at_once(db):
    with pytest.raises(Outrun):
        CredentialStore(db, size=8).choose([f"a{n}" for n in range(7)], NOW)
    assert db["status_lists"].count_documents({}) == 0


def test_indexes_are_random_and_never_reused_under_concurrency(db):
    store = CredentialStore(db, size=64)
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda n: store.allot([f"a{n}", f"b{n}"], NOW), range(100)))
    places = [(one.list, one.index) for pair in entries for one in pair]
    assert len(set(places)) == 200
    used = [sum(name == one for name, _ in places) for one in {name for name, _ in places}]
    assert max(used) <= 48  # 75 % of 64
    assert [index for _, index in places[:48]] != sorted(index for _, index in places[:48])


def test_an_unchanged_list_is_not_signed_again_before_twelve_hours(credential_issuer):
    record = issue(credential_issuer, make_period(), NOW)
    first = current_list(credential_issuer, record.list, NOW)
    assert current_list(credential_issuer, record.list, NOW + dt.timedelta(hours=11)) == first
    newer = current_list(credential_issuer, record.list, NOW + dt.timedelta(hours=12))
    assert newer.jwt != first.jwt
    assert republish_due(credential_issuer, NOW + dt.timedelta(hours=13)) == []
    assert republish_due(credential_issuer, NOW + dt.timedelta(hours=24)) == ["1"]


def test_a_published_bit_stays_when_its_entry_is_lost(db, credential_issuer):
    record = issue(credential_issuer, make_period(), NOW)
    refresh_status(credential_issuer, record.award, "revoked", NOW)
    assert bit(credential_issuer, record)
    db["status_entries"].update_many({}, {"$unset": {"set_at": ""}})
    db["status_lists"].update_many({}, {"$inc": {"changes": 1}})
    assert not get_bit(rebuild(credential_issuer.store, "1"), record.index)
    assert bit(credential_issuer, record)


@pytest.mark.parametrize("name", ["", "0", "2", "x", "-1", "²", "9" * 40])
def test_an_unknown_list_is_refused(credential_issuer, name):
    issue(credential_issuer, make_period(), NOW)
    with pytest.raises(UnknownStatusList):
        current_list(credential_issuer, name, NOW)
