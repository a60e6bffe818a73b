"""The content origin: files by version for ever, in parts, with fixed types and headers, and nothing else."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

import pytest
from factories_access import editor
from factories_packages import PAGE, scorm_files, zipped
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from lrs.access import clients
from lrs.content.library import housekeeping, intake
from lrs.content.library.intake import Intake, Upload
from lrs.content.origin.addresses import content_origin, file_url
from lrs.content.packages.read import Wish
from lrs.content_app import create_content_app
from lrs.foundation.context import utc_now
from lrs.foundation.errors import Collision
from lrs.foundation.settings import Settings, StartFailure

Db = Database[dict[str, Any]]
VIDEO = bytes(range(256)) * 10_000
SCRIPT = b"var a = 1; // what every page loads\n" * 1000
FILES = {
    **scorm_files(), "media/film.mp4": VIDEO, "Shared/Style.CSS": b"p{}", "a b/ü.js": b"x", "data.odd": b"<html>",
    "picture.svg": b"<svg/>", "empty.txt": b"", "long.js": SCRIPT,
}  # fmt: skip


@pytest.fixture
def here(settings: Settings, db: Db) -> Intake:
    clients.bootstrap(db, "key", "secret", utc_now())
    return Intake(replace(settings, content_url="http://*.content.example"), db, utc_now)


@pytest.fixture
def version(here: Intake) -> str:
    upload = Upload("vendor", "course.zip", Wish())
    made = intake.receive(here, editor(here.db), upload, [zipped(FILES)])
    intake.work(here)
    return str(made["_id"])


@pytest.fixture
def content(here: Intake) -> FlaskClient:
    return create_content_app(here.settings, here.db).test_client()


def get(content: FlaskClient, version: str, path: str, host: str | None = None, **headers: str) -> Any:
    base = f"http://{host or f'{version}.content.example'}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return content.get(f"/v/{version}/{path}", base_url=base, headers=named)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("index.html", "text/html"), ("media/film.mp4", "video/mp4"), ("picture.svg", "image/svg+xml"),
     ("data.odd", "application/octet-stream"), ("a%20b/%C3%BC.js", "text/javascript"), ("empty.txt", "text/plain")],
)  # fmt: skip
def test_files_have_the_type_of_their_name(content: FlaskClient, version: str, path: str, kind: str) -> None:
    answer = get(content, version, path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_may_be_kept_for_ever_and_is_asked_for_by_its_tag(content: FlaskClient, version: str) -> None:
    answer = get(content, version, "index.html")
    assert answer.data == PAGE
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    again = get(content, version, "index.html", If_None_Match=answer.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == answer.headers["ETag"]


def test_texts_are_packed_for_who_takes_that_and_seeks_nothing(content: FlaskClient, version: str) -> None:
    packed = get(content, version, "long.js", Accept_Encoding="gzip, br")
    assert (packed.headers["Content-Encoding"], gzip.decompress(packed.data)) == ("gzip", SCRIPT)
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(SCRIPT) / 10
    again = get(content, version, "long.js", Accept_Encoding="gzip", If_None_Match=packed.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")
    plain = get(content, version, "long.js")
    assert (plain.data, plain.headers["Vary"]) == (SCRIPT, "Accept-Encoding")
    assert plain.headers["ETag"] != packed.headers["ETag"]
    for path, more in (("long.js", {"Range": "bytes=0-9"}), ("media/film.mp4", {}), ("index.html", {})):
        answer = get(content, version, path, Accept_Encoding="gzip", **more)
        assert "Content-Encoding" not in answer.headers, path


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=1000-1999", 1000, 2000), ("bytes=1048570-1048590", 1048570, 1048591),
     ("bytes=2559990-", 2559990, 2560000), ("bytes=-5", 2559995, 2560000), ("bytes=2559999-9999999", 2559999, 2560000)],
)  # fmt: skip
def test_videos_can_be_sought(content: FlaskClient, version: str, wanted: str, start: int, end: int) -> None:
    answer = get(content, version, "media/film.mp4", Range=wanted)
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(VIDEO)}"
    assert answer.headers["Content-Length"] == str(end - start)
    assert answer.data == VIDEO[start:end]


@pytest.mark.parametrize(
    "wanted", ["bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=x-y", "nonsense", "bytes=9-3"]
)
def test_ranges_that_are_not_understood_get_the_whole_file(
    content: FlaskClient, version: str, wanted: str
) -> None:
    answer = get(content, version, "media/film.mp4", Range=wanted)
    assert (answer.status_code, len(answer.data)) == (200, len(VIDEO))


def test_a_range_beyond_the_end_is_refused(content: FlaskClient, version: str) -> None:
    answer = get(content, version, "media/film.mp4", Range=f"bytes={len(VIDEO)}-")
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(VIDEO)}")


def test_a_range_of_another_file_gets_the_whole_one(content: FlaskClient, version: str) -> None:
    answer = get(content, version, "media/film.mp4", Range="bytes=0-9", If_Range='"other"')
    assert (answer.status_code, len(answer.data)) == (200, len(VIDEO))


def test_head_tells_the_same_without_the_bytes(content: FlaskClient, version: str) -> None:
    answer = content.head(f"/v/{version}/media/film.mp4", base_url=f"http://{version}.content.example")
    assert (answer.status_code, answer.headers["Content-Length"], answer.data) == (200, str(len(VIDEO)), b"")


def test_letter_case_is_forgiven_and_nothing_else(content: FlaskClient, version: str) -> None:
    assert get(content, version, "shared/style.css").data == b"p{}"
    assert get(content, version, "INDEX.HTML").data == PAGE
    for path in ("index.htm", "media/", "media", "", "../index.html", "media/../index.html", "index.html/"):
        assert get(content, version, path).status_code == 404, path


def test_no_answer_has_a_cookie_or_a_redirect_and_all_have_the_headers(
    content: FlaskClient, version: str
) -> None:
    for path in ("index.html", "nothing", "media"):
        answer = get(content, version, path, Cookie="session=stolen")
        assert "Set-Cookie" not in answer.headers
        assert "Location" not in answer.headers
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'self' http://lrs.example;" in policy
        assert "connect-src 'self' http://lrs.example data: blob:;" in policy
        assert "object-src 'none'" in policy
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in answer.headers["Permissions-Policy"]


def test_a_version_is_served_at_its_own_hosts_alone(content: FlaskClient, version: str) -> None:
    other = "0" * 26
    assert get(content, version, "index.html", f"{version}-tag1.content.example").status_code == 200
    for host in (
        f"{other}.content.example",
        "content.example",
        f"{version}x.content.example",
        f"x.{version}.example",
    ):
        assert get(content, version, "index.html", host).status_code == 404, host


def test_without_hosts_of_their_own_versions_share_the_origin(here: Intake, version: str) -> None:
    shared = replace(here.settings, content_url="http://content.example")
    client = create_content_app(shared, here.db).test_client()
    assert get(client, version, "index.html", "content.example").status_code == 200
    assert content_origin(shared, version, "tag") == "http://content.example"


def test_service_workers_are_refused(content: FlaskClient, version: str) -> None:
    assert get(content, version, "a%20b/%C3%BC.js", Service_Worker="script").status_code == 403


def test_what_was_refused_or_removed_is_not_served(content: FlaskClient, version: str, here: Intake) -> None:
    assert get(content, version, "index.html").status_code == 200
    housekeeping.discard(here, editor(here.db), version)
    assert get(content, version, "index.html").status_code == 404  # though its place is remembered
    assert get(content, version, "media/film.mp4").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(content: FlaskClient, version: str, method: str) -> None:
    answer = content.open(
        f"/v/{version}/index.html", method=method, base_url=f"http://{version}.content.example"
    )
    assert answer.status_code == 405


def test_addresses_of_files(here: Intake) -> None:
    version = "0" * 26
    assert file_url(here.settings, version, "a b/ü.html", "?x=1#y", "t1") == (
        f"http://{version}-t1.content.example/v/{version}/a%20b/%C3%BC.html?x=1#y"
    )
    for wrong in ("T", "a.b", "x" * 31):
        with pytest.raises(ValueError, match="no host"):
            content_origin(here.settings, version, wrong)
    with pytest.raises(Collision, match="no content origin"):
        content_origin(replace(here.settings, content_url=""), version)


@pytest.mark.parametrize("url", ["http://lrs.example", "http://lrs.example:8081"])
def test_the_host_of_the_application_is_refused(here: Intake, url: str) -> None:
    with pytest.raises(StartFailure, match="is on the host of LRS_PUBLIC_URL"):
        create_content_app(replace(here.settings, content_url=url), here.db)


@given(path=st.text(max_size=60), wanted=st.text(alphabet="bytes=0123456789-, ", max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_path_and_range_is_answered(content: FlaskClient, version: str, path: str, wanted: str) -> None:
    answer = content.get(
        f"/v/{version}/{path}", base_url=f"http://{version}.content.example", headers={"Range": wanted}
    )
    assert answer.status_code in {200, 206, 304, 308, 400, 404, 416}  # 308: to the path with single slashes
