"""Signing keys: locked in the database, made once, rotated, and the commands around them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner
from factories_credentials import make_period

from lrs.cli import cli
from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.issuer import issuer_of
from lrs.credentials.keys import KeyInUse, KeyStore, issuer
from lrs.foundation.sealing import passphrase
from lrs.foundation.settings import Settings, StartFailure
from rules.credentials.issuing import issue, refresh_status
from rules.credentials.proving.signing import UnknownKey, make_private_key, public_jwk
from rules.credentials.status_publishing import current_list

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


@pytest.fixture
def store(db):
    return KeyStore(db, b"open sesame", "ES256")


def test_the_first_key_is_made_once_by_many(db):
    def first(_):
        return KeyStore(db, b"open sesame", "ES256").current()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(first, range(8))) == {"k1"}
    assert db.signing_keys.count_documents({}) == 1


def test_private_keys_are_locked_in_the_database(db, store):
    store.current()
    assert b"ENCRYPTED" in db.signing_keys.find_one({})["pem"]
    with pytest.raises(StartFailure, match="another passphrase"):
        KeyStore(db, b"wrong").sign("k1", b"x")
    with pytest.raises(StartFailure, match="another passphrase"):
        KeyStore(db, b"wrong").add("ES256", NOW)


def test_a_new_key_signs_and_a_retired_one_stays_public_without_its_private_half(db, store):
    store.current()
    store.add("ES256", NOW)
    assert store.current() == "k2"
    store.retire("k1", NOW)
    assert [one.kid for one in store.all()] == ["k2", "k1"]
    assert "pem" not in db.signing_keys.find_one({"kid": "k1"})
    assert store.public("k1").jwk["kty"] == "EC"
    with pytest.raises(UnknownKey):
        store.sign("k1", b"x")


def test_the_only_signing_key_is_not_retired(store):
    store.current()
    with pytest.raises(KeyInUse):
        store.retire("k1", NOW)


def test_a_key_can_be_brought(store):
    own = make_private_key("ES256")
    added = store.add("RS256", NOW, own)
    assert added.alg == "ES256"
    assert added.jwk == public_jwk(own)


def test_the_passphrase_is_a_file_made_once_for_its_owner_only(tmp_path):
    settings = Settings(data_folder=tmp_path / "data")
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(passphrase, [settings] * 8))) == 1
    path = tmp_path / "data" / "key-passphrase"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["key-passphrase"]


def test_a_data_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartFailure, match="LRS_KEY_PASSPHRASE"):
        passphrase(Settings(data_folder=tmp_path / "file" / "data"))


@pytest.mark.parametrize(
    ("url", "tenant", "did"),
    [
        ("https://lrs.example", "", "did:web:lrs.example"),
        ("https://lrs.example:8443", "", "did:web:lrs.example%3A8443"),
        ("https://lrs.example", "acme", "did:web:lrs.example:acme"),
        ("https://lrs.example/learn", "", "did:web:lrs.example:learn"),
    ],
)
def test_the_issuer_is_named_by_did_web(url, tenant, did):
    assert issuer(Settings(public_url=url, issuer_tenant=tenant)).did == did


def test_kid_is_the_did_or_the_keys_address():
    settings = Settings(public_url="https://lrs.example")
    assert issuer(settings).kid("k1") == "did:web:lrs.example#k1"
    assert issuer(dataclasses.replace(settings, kid_form="url")).kid("k1") == "https://lrs.example/keys/k1"


@pytest.fixture
def command(db, settings, monkeypatch, tmp_path):
    """Run `lrs credentials ...` over the test database."""
    environ = {
        "LRS_MONGODB_URI": settings.mongodb_uri, "LRS_DATABASE": settings.database,
        "LRS_PUBLIC_URL": "https://lrs.example", "LRS_KEY_PASSPHRASE": "test", "LRS_SIGNING_ALGORITHM": "ES256",
    }  # fmt: skip
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def run(*arguments, status=0):
        done = CliRunner().invoke(cli, ["credentials", *arguments])
        assert done.exit_code == status, done.output
        return done.output

    run.settings = dataclasses.replace(
        settings, public_url="https://lrs.example", key_passphrase="test", signing_algorithm="ES256"
    )
    return run


def test_keys_are_added_listed_and_retired_by_command(command, tmp_path):
    command("keys", "add", "--algorithm", "ES256")
    assert "k2 ES256" in command("keys", "add", "--algorithm", "ES256")
    assert "forget" in command("keys", "retire", "--help")
    command("keys", "retire", "k1")
    rows = [json.loads(line) for line in command("keys", "list", "--json").splitlines()]
    assert [(one["kid"], one["signs"]) for one in rows] == [("k2", True), ("k1", False)]
    assert "only key" in command("keys", "retire", "k2", status=1)
    assert "k9" in command("keys", "retire", "k9", status=1)
    bad = tmp_path / "bad.pem"
    bad.write_text("no key")
    assert "cannot be read" in command("keys", "add", "--pem", str(bad), status=2)


def test_credentials_are_listed_linked_and_published_by_command(command, db):
    credential_issuer = issuer_of(command.settings, db)
    record = issue(credential_issuer, make_period(), NOW)
    DisplayStore(db).choose(record.award, record.person, Display(shown=True), NOW)
    [row] = [json.loads(line) for line in command("list", "--json").splitlines()]
    assert (row["id"], row["displayed"], row["issues"]) == (record.award, True, 1)
    assert command("list", "--certification", "other").splitlines()[1:] == []
    db.people.insert_one({"_id": record.person, "org": "vendor", "email": "ana@example.com", "ifis": []})
    assert record.award in command("list", "--person", "ana@example.com")
    assert "nobody" in command("list", "--person", "nobody@example.com", status=1)
    link = command("link", record.award).strip()
    assert link.startswith(f"https://lrs.example/credentials/{record.award}?token=")
    assert "no credential" in command("link", "nothing", status=1)
    assert command("publish").strip() == "published 1"
    assert command("publish").strip() == "nothing to publish"
    refresh_status(credential_issuer, record.award, "revoked", NOW)
    assert command("publish").strip() == "published 1"
    assert current_list(credential_issuer, "1", dt.datetime.now(dt.UTC)).name == "1"


def test_verify_reads_files_and_says_what_it_checked(command, db, tmp_path):
    record = issue(issuer_of(command.settings, db), make_period(), NOW)
    path = tmp_path / "copy.jwt"
    path.write_text(record.jwt)
    output = command("verify", str(path), status=2)  # lrs.example does not exist
    assert "ok    structure" in output
    assert "??    signature" in output
    assert output.splitlines()[-1].startswith("CANNOT SAY")
    report = json.loads(command("verify", "--json", str(path), status=2))
    assert report["valid"] is False
    assert {one["check"] for one in report["checks"]} >= {
        "form",
        "structure",
        "claims",
        "signature",
        "dates",
        "status",
    }


def test_verify_of_what_is_false_ends_otherwise_than_what_cannot_be_said(command, db, tmp_path):
    record = issue(issuer_of(command.settings, db), make_period(), NOW)
    path = tmp_path / "copy.jwt"
    path.write_text(record.jwt)
    other = command("verify", str(path), "--email", "bo@example.com", status=1)
    assert other.splitlines()[-1].startswith("NOT VALID"), "it is not theirs, whoever else does not answer"
    path.write_text("no credential")
    assert "FAIL  form" in command("verify", str(path), status=2)


def test_verify_of_what_cannot_be_read_or_fetched_is_a_usage_error(command, tmp_path):
    assert "No such file" in command("verify", str(tmp_path / "none"), status=2)
    assert "no public address" in command("verify", "https://127.0.0.1/credentials/x", status=2)
    assert "--allow-private" in command("verify", "http://localhost/credentials/x", status=2)
