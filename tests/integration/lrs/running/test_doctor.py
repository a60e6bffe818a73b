"""`lrs doctor` finds what is wrong and says what to do."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pymongo import MongoClient
from pymongo.database import Database

from lrs.cli import cli
from lrs.credentials.keys import key_store
from lrs.foundation.context import Services
from lrs.foundation.settings import Settings
from lrs.indexes import ensure_indexes
from lrs.running import serve
from lrs.running.doctor import (
    Finding,
    check_certificate,
    check_content_origin,
    check_data_folder,
    disk,
    examine,
)
from lrs.running.mongod import free_port


def findings(services: Services) -> dict[str, Finding]:
    return {finding.about: finding for finding in examine(services)}


@pytest.fixture
def services(settings: Settings, app: Any, db: Database[dict[str, Any]]) -> Services:
    return Services(settings, db)


def test_a_new_installation_has_nothing_bad(services: Services) -> None:
    found = findings(services)
    assert not [one for one in found.values() if one.level == "bad"]
    assert {
        "address",
        "data folder",
        "MongoDB",
        "write concern",
        "indexes",
        "clock",
        "clients",
    } <= found.keys()


@pytest.mark.parametrize(
    ("url", "level"),
    [("", "doubtful"), ("http://lrs.example:8081", "bad"), ("https://content.example", "doubtful"),
     ("https://*.content.example", "good")],
)  # fmt: skip
def test_the_content_origin_is_judged(services: Services, url: str, level: str) -> None:
    settings = dataclasses.replace(services.settings, content_url=url)
    found = check_content_origin(Services(settings, services.db))
    assert [each.level for each in found] == [level]


def test_a_missing_index_is_named(services: Services) -> None:
    services.db.statements.drop_index("keys")
    found = findings(services)["indexes"]
    ensure_indexes(services.db)  # the next test finds them as the one before did
    assert "statements.keys" in found.fact
    assert found.level == "bad"
    assert findings(services)["indexes"].level == "good"


def test_statements_that_wait_too_long_point_to_the_worker(services: Services) -> None:
    stored = services.now() - dt.timedelta(hours=1)
    services.db.statements.insert_one({"org": "vendor", "id": 1, "pending": True, "stored": stored})
    found = findings(services)["evaluation"]
    assert found.level == "bad"
    assert "lrs worker" in found.advice


def test_a_clock_that_is_off_is_bad(services: Services) -> None:
    late = dataclasses.replace(services, now=lambda: dt.datetime.now(dt.UTC) + dt.timedelta(minutes=2))
    assert findings(late)["clock"].level == "bad"


def test_a_clock_behind_what_was_stored_is_bad(services: Services, db: Any) -> None:
    """Also where MongoDB shares the machine, and so the clock."""
    ahead = int((services.now() + dt.timedelta(hours=1)).timestamp() * 1_000_000)
    db.statements.insert_one({"_id": ahead.to_bytes(8, "big") + bytes(8)})
    found = findings(services)["clock"]
    assert (found.level, 1800 < float(found.fact.split()[0]) <= 3600) == ("bad", True)
    assert "behind the newest statement" in found.fact


def test_a_clock_that_is_off_is_said_at_the_start(
    settings: Settings, db: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(serve, "utc_now", lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    serve.prepare(settings, said.append)
    assert [line[:17] for line in said if line.startswith("Clock")] == ["Clock       3600."]


def test_keys_locked_with_another_passphrase_are_bad(services: Services) -> None:
    key_store(services.settings, services.db).current()
    assert findings(services)["signing key"].level == "good"
    other = dataclasses.replace(services.settings, key_passphrase="another passphrase")
    assert findings(dataclasses.replace(services, settings=other))["signing key"].level == "bad"


def test_without_mongodb_the_other_checks_still_answer(settings: Settings) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(port=free_port(), serverSelectionTimeoutMS=200)
    with client:
        found = findings(Services(settings, client["x"]))
    assert found["MongoDB"].level == "bad"
    assert "address" in found


def test_disks_that_fill_up_are_said_in_time() -> None:
    assert disk("disk", "x", 2**29).level == "bad"
    assert disk("disk", "x", 2 * 2**30).level == "doubtful"
    assert disk("disk", "x", 2**40).level == "good"


def test_a_data_folder_that_is_not_there_yet_is_no_fault(services: Services, tmp_path: Path) -> None:
    settings = dataclasses.replace(services.settings, data_folder=tmp_path / "none")
    (finding,) = check_data_folder(dataclasses.replace(services, settings=settings))
    assert finding.level == "doubtful"


def test_command_answers_lines_or_json_and_its_status(services: Services) -> None:
    environ = {
        "LRS_MONGODB_URI": services.settings.mongodb_uri, "LRS_DATABASE": services.settings.database,
        "LRS_DATA_FOLDER": str(services.settings.data_folder),
    }  # fmt: skip
    plain = CliRunner().invoke(cli, ["doctor"], env=environ)
    assert plain.exit_code == 0, plain.output
    assert "ok    indexes" in plain.output
    rows = CliRunner().invoke(cli, ["doctor", "--json"], env=environ).output.splitlines()
    assert json.loads(rows[0])["about"] == "address"
    services.db.clients.delete_many({})
    assert CliRunner().invoke(cli, ["doctor"], env=environ).exit_code == 1


@pytest.mark.parametrize(("days", "level"), [(90, "good"), (10, "doubtful"), (-1, "bad")])
def test_a_certificate_that_ends_soon_is_told(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, level: str
) -> None:
    with tls_server(tmp_path / "cert.pem", days) as port:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        public = dataclasses.replace(services.settings, public_url=f"https://localhost:{port}")
        (found,) = check_certificate(dataclasses.replace(services, settings=public))
    assert (found.level, found.about) == (level, "certificate"), found


@contextlib.contextmanager
def tls_server(file: Path, days: int) -> Iterator[int]:
    """Answer TLS on localhost with a certificate that ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - dt.timedelta(days=100))
        .not_valid_after(now + dt.timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with contextlib.suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True):
                pass

        threading.Thread(target=answer, daemon=True).start()
        yield listener.getsockname()[1]
