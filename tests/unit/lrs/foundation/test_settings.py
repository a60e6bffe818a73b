"""Configuration: variables are typed, unknown names refused with a suggestion, secrets come from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrs.foundation.settings import Settings, StartFailure, to_env, variables


def test_defaults_need_no_configuration(tmp_path: Path) -> None:
    settings = Settings.from_env({"LRS_DATA_FOLDER": str(tmp_path), "HOME": "/"})
    assert settings.port == 8080
    assert settings.public_url == "http://127.0.0.1:8080"


def test_values_take_the_type_of_their_field() -> None:
    settings = Settings.from_env({"LRS_PORT": "9000", "LRS_MONGODB_CACHE_GB": "0.5", "LRS_DATA_FOLDER": "/d"})
    assert (settings.port, settings.mongodb_cache_gb, settings.data_folder) == (9000, 0.5, Path("/d"))
    assert settings.public_url == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    "url", ["https://*.content.example", "http://content.example:8081", "http://[::1]:81"]
)
def test_an_origin_for_content_is_taken(url: str) -> None:
    assert Settings.from_env({"LRS_CONTENT_URL": url}).content_url == url


def test_unknown_name_is_refused_with_a_suggestion() -> None:
    with pytest.raises(StartFailure, match="unknown variable LRS_MONGO_URI; did you mean LRS_MONGODB_URI"):
        Settings.from_env({"LRS_MONGO_URI": "mongodb://x"})


def test_unknown_name_without_a_near_one_points_to_the_documentation() -> None:
    with pytest.raises(StartFailure, match=r"docs/configuration\.md"):
        Settings.from_env({"LRS_ZZZZZZZZ": "1"})


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("LRS_PORT", "many", "not a whole number"),
        ("LRS_PORT", "70000", "not a port"),
        ("LRS_PORT", "", "not a whole number"),
        ("LRS_WEB_WORKERS", "0", "too small"),
        ("LRS_LAKE_MEMORY_MB", "100", "give 256 or more"),
        ("LRS_LAKE_MEMORY_MB", "1GB", "not a whole number"),
        ("LRS_LAKE_THREADS", "0", "give 1 to 64"),
        ("LRS_MONGODB_CACHE_GB", "big", "not a number"),
        ("LRS_MONGODB_URI", "postgres://x", "not a MongoDB URI"),
        ("LRS_PUBLIC_URL", "lrs.example", "not an address"),
        ("LRS_PUBLIC_URL", "https://lrs.example/", "without a last slash"),
        ("LRS_CONTENT_URL", "content.example", "not an origin"),
        ("LRS_CONTENT_URL", "https://content.example/path", "not an origin"),
        ("LRS_CONTENT_URL", "https://content.example/", "not an origin"),
        ("LRS_CONTENT_URL", "https://user@content.example", "not an origin"),
        ("LRS_CONTENT_URL", "https://a.*.example", "stands for the first label"),
        ("LRS_CONTENT_URL", "https://*", "stands for the first label"),
        ("LRS_CONTENT_PORT", "70000", "not a port"),
        ("LRS_CONTENT_MAX_MB", "0", "too small"),
        ("LRS_XAPI_DEFAULT_VERSION", "3", "give one of 1.0.3, 2.0.0"),
        ("LRS_LOG_LEVEL", "loud", "give one of"),
    ],
)
def test_broken_value_is_refused_by_name_and_reason(name: str, value: str, reason: str) -> None:
    with pytest.raises(StartFailure, match=reason) as failure:
        Settings.from_env({name: value})
    assert name in str(failure.value)


def test_secret_comes_from_a_file_without_its_last_newline(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    assert Settings.from_env({"LRS_BOOTSTRAP_SECRET_FILE": str(file)}).bootstrap_secret == "s3cret"


def test_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartFailure, match=r"LRS_BOOTSTRAP_SECRET_FILE=.*cannot be read: No such file"):
        Settings.from_env({"LRS_BOOTSTRAP_SECRET_FILE": str(tmp_path / "none")})
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(StartFailure, match="not UTF-8"):
        Settings.from_env({"LRS_BOOTSTRAP_SECRET_FILE": str(tmp_path / "bytes")})


def test_value_and_file_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StartFailure, match="both LRS_BOOTSTRAP_SECRET and LRS_BOOTSTRAP_SECRET_FILE"):
        Settings.from_env({"LRS_BOOTSTRAP_SECRET": "a", "LRS_BOOTSTRAP_SECRET_FILE": "b"})


def test_only_secrets_come_from_files() -> None:
    with pytest.raises(StartFailure, match="unknown variable LRS_PORT_FILE"):
        Settings.from_env({"LRS_PORT_FILE": "x"})


def test_the_running_embedded_mongodb_is_found_by_its_data_folder(tmp_path: Path) -> None:
    (tmp_path / "mongodb.uri").write_text("mongodb://127.0.0.1:5/\n")
    assert Settings.from_env({"LRS_DATA_FOLDER": str(tmp_path)}).mongodb_uri == "mongodb://127.0.0.1:5/"
    given = {"LRS_DATA_FOLDER": str(tmp_path), "LRS_MONGODB_URI": "mongodb://127.0.0.1:6/"}
    assert Settings.from_env(given).mongodb_uri == "mongodb://127.0.0.1:6/"


def test_the_address_of_the_running_server_is_found_by_its_data_folder(tmp_path: Path) -> None:
    (tmp_path / "mongodb.uri").write_text("mongodb://127.0.0.1:5/\n")
    (tmp_path / "public.url").write_text("http://127.0.0.1:8199\n")
    services = {"LRS_DATA_FOLDER": str(tmp_path)}
    assert Settings.from_env(services).public_url == "http://127.0.0.1:8199"
    assert (
        Settings.from_env(services | {"LRS_PUBLIC_URL": "https://lrs.example"}).public_url
        == "https://lrs.example"
    )
    assert Settings.from_env(services | {"LRS_PORT": "9000"}).public_url == "http://127.0.0.1:9000"
    elsewhere = services | {"LRS_MONGODB_URI": "mongodb://127.0.0.1:6/"}
    assert Settings.from_env(elsewhere).public_url == "http://127.0.0.1:8080", "another server's database"


def test_a_child_process_gets_the_same_settings() -> None:
    settings = Settings.from_env({"LRS_PORT": "9000", "LRS_BOOTSTRAP_SECRET": "s", "LRS_LOG_FORMAT": "json"})
    assert Settings.from_env(to_env(settings, {"LRS_PORT": "1", "PATH": "/bin"})) == settings


def test_every_variable_says_what_it_is_for() -> None:
    assert all(len(one.metadata["doc"]) > 10 for one in variables().values())
