"""Content over HTTP and at the command line: upload, look, publish, edit, download, discard."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from factories_access import make_client, make_org, make_person
from factories_packages import PAGE, cmi5_structure, scorm_files, scorm_manifest, zipped
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.app import create_app
from lrs.cli import cli
from lrs.content.library import intake
from lrs.content.library.intake import Intake
from lrs.content_app import create_content_app
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings

pytestmark = pytest.mark.described

Db = Database[dict[str, Any]]
Headers = dict[str, str]
PACKAGE = zipped(scorm_files())
CONTENT = "http://*.content.example"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, content_url=CONTENT, content_max_mb=1)


@pytest.fixture
def vendor(client: FlaskClient, auth: Callable[..., Headers]) -> Headers:
    return auth()


def read(settings: Settings, db: Db) -> None:
    intake.work(Intake(settings, db, utc_now))


def upload(client: FlaskClient, headers: Headers, data: bytes = PACKAGE, **query: str) -> Any:
    return client.post(
        "/api/v1/content", data=data, query_string=query, headers=headers, content_type="application/zip"
    )


def drafted(
    client: FlaskClient, headers: Headers, settings: Settings, db: Db, **query: str
) -> dict[str, Any]:
    made = upload(client, headers, **query)
    assert made.status_code == 202, made.text
    read(settings, db)
    found: dict[str, Any] = client.get(made.headers["Location"], headers=headers).json
    assert found["state"] == "draft", found
    return found


def test_an_upload_is_followed_to_its_draft(
    client: FlaskClient, vendor: Headers, settings: Settings, db: Db
) -> None:
    made = upload(client, vendor, name="course.zip")
    assert made.status_code == 202
    assert (made.json["state"], made.json["name"], made.json["size"]) == (
        "waiting",
        "course.zip",
        len(PACKAGE),
    )
    waiting = client.get(made.headers["Location"], headers=vendor).json
    assert (waiting["state"], waiting["issues"]) == ("waiting", [])
    read(settings, db)
    found = client.get(made.headers["Location"], headers=vendor).json
    assert (found["state"], found["kind"], found["number"], found["files"]) == ("draft", "scorm12", 1, 2)
    assert [(part["id"], part["launch"], part["depth"]) for part in found["parts"]] == [
        ("o1", None, 0), ("i1", "index.html", 1),
    ]  # fmt: skip
    assert found["parts"][1]["iri"] == f"http://lrs.example/content/{found['item']}/i1"


def test_a_refusal_tells_every_reason_with_its_place(
    client: FlaskClient, vendor: Headers, settings: Settings, db: Db
) -> None:
    made = upload(client, vendor, zipped({"imsmanifest.xml": scorm_manifest(default="o9")}))
    read(settings, db)
    found = client.get(made.headers["Location"], headers=vendor).json
    assert found["state"] == "refused"
    assert {issue["code"] for issue in found["issues"]} == {
        "default-organization-missing", "launch-file-missing", "nothing-to-open",
    }  # fmt: skip
    assert client.post(f"/api/v1/content/versions/{found['id']}/publish", headers=vendor).status_code == 409
    assert client.post(f"/api/v1/content/versions/{found['id']}/original", headers=vendor).status_code == 404
    assert client.get("/api/v1/content", headers=vendor).json["items"] == []


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_413_and_leaves_nothing(
    client: FlaskClient, vendor: Headers, db: Db, chunked: bool
) -> None:
    data = b"x" * (1024 * 1024 + 1)
    if chunked:
        answer = client.post(
            "/api/v1/content", input_stream=io.BytesIO(data), headers={**vendor, "Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True},
        )  # fmt: skip
    else:
        answer = upload(client, vendor, data)
    assert answer.status_code == 413
    assert db.content_versions.count_documents({}) == db["content.chunks"].count_documents({}) == 0


@pytest.mark.parametrize(
    ("query", "status"),
    [({"kind": "aicc"}, 422), ({"nothing": "1"}, 422), ({"item": "none"}, 404), ({"org": "none"}, 404),
     ({"name": ""}, 422), ({"title": "x" * 501}, 422)],
)  # fmt: skip
def test_what_is_said_of_an_upload_is_checked_first(
    client: FlaskClient, vendor: Headers, db: Db, query: dict[str, str], status: int
) -> None:
    answer = upload(client, vendor, **query)
    assert answer.status_code == status, answer.text
    assert db["content.chunks"].count_documents({}) == 0


def test_publishing_withdrawing_and_discarding(
    client: FlaskClient, vendor: Headers, settings: Settings, db: Db
) -> None:
    first = drafted(client, vendor, settings, db)
    second = drafted(client, vendor, settings, db, item=first["item"])
    base = "/api/v1/content"
    for version in (first, second):
        done = client.post(f"{base}/versions/{version['id']}/publish", headers=vendor)
        assert (done.status_code, done.json["state"]) == (200, "published")
        assert client.get(f"{base}/{first['item']}", headers=vendor).json["published"] == version["number"]
    client.post(f"{base}/versions/{second['id']}/withdraw", headers=vendor)
    item = client.get(f"{base}/{first['item']}", headers=vendor).json
    assert (item["published"], [each["state"] for each in item["versions"]]) == (
        1,
        ["withdrawn", "published"],
    )
    assert client.delete(f"{base}/versions/{first['id']}", headers=vendor).status_code == 409
    third = drafted(client, vendor, settings, db, item=first["item"])
    assert client.delete(f"{base}/versions/{third['id']}", headers=vendor).status_code == 204
    assert client.get(f"{base}/versions/{third['id']}", headers=vendor).status_code == 404
    assert [each["id"] for each in client.get(f"{base}/versions", headers=vendor).json["items"]] == [
        second["id"], first["id"],
    ]  # fmt: skip


def test_visibility_is_edited_with_a_precondition(
    client: FlaskClient, vendor: Headers, settings: Settings, db: Db
) -> None:
    make_org(db, "north")
    ana = make_person(db, "ana@north.example", "north")
    found = drafted(client, vendor, settings, db)
    client.post(f"/api/v1/content/versions/{found['id']}/publish", headers=vendor)
    place = f"/api/v1/content/{found['item']}"

    def seen() -> list[str]:
        answer = client.get("/api/v1/content/visible", query_string={"person": ana}, headers=vendor)
        return [item["id"] for item in answer.json["items"]]

    assert seen() == [found["item"]]
    tag = client.get(place, headers=vendor).headers["ETag"]
    body = {"visible": {"orgs": ["south"], "from": "2026-01-01T00:00:00Z"}, "title": {"en": "Named"}}
    assert client.patch(place, json=body, headers=vendor).status_code == 428
    changed = client.patch(place, json=body, headers={**vendor, "If-Match": tag})
    assert (changed.status_code, changed.json["visible"]["orgs"], changed.json["title"]) == (
        200, ["south"], {"en": "Named"},
    )  # fmt: skip
    assert client.patch(place, json=body, headers={**vendor, "If-Match": tag}).status_code == 412
    assert seen() == []
    wrong = client.patch(place, json={"visible": {"orgs": "south"}}, headers={**vendor, "If-Match": "*"})
    assert wrong.status_code == 422


def test_the_original_is_fetched_at_the_content_origin_only(
    app: Flask, client: FlaskClient, vendor: Headers, settings: Settings, db: Db
) -> None:
    found = drafted(client, vendor, settings, db, name="co\u00fcrse.zip")
    opened = client.post(f"/api/v1/content/versions/{found['id']}/original", headers=vendor)
    url = urlsplit(opened.json["url"])
    assert url.netloc == f"{found['id']}.content.example"
    assert client.get(url.path, headers=vendor).status_code == 404
    other = create_content_app(settings, db).test_client()
    fetched = other.get(url.path, base_url=f"http://{url.netloc}")
    assert fetched.data == PACKAGE
    assert fetched.headers["Content-Disposition"].startswith("attachment")
    assert fetched.headers["Cache-Control"] == "no-store"
    db.content_downloads.update_many({}, {"$set": {"expires_at": utc_now() - dt.timedelta(seconds=1)}})
    assert other.get(url.path, base_url=f"http://{url.netloc}").status_code == 404
    assert url.path.rpartition("/")[2] not in str(list(db.content_downloads.find()))


def test_a_partner_sees_and_changes_its_own_alone(
    client: FlaskClient, vendor: Headers, settings: Settings, db: Db
) -> None:
    for org in ("north", "south"):
        make_org(db, org)
    north, south = (make_client(db, org, scopes=["content/write"]) for org in ("north", "south"))
    found = drafted(client, north, settings, db)
    assert found["org"] == "north"
    for path in (f"/api/v1/content/{found['item']}", f"/api/v1/content/versions/{found['id']}"):
        assert client.get(path, headers=south).status_code == 404
        assert client.get(path, headers=vendor).status_code == 200
    assert upload(client, south, item=found["item"]).status_code == 404
    assert upload(client, south, org="north").status_code == 404
    assert client.get("/api/v1/content", headers=south).json["items"] == []
    assert upload(client, make_client(db, "south", scopes=["content/read"])).status_code == 403


def test_uploads_are_described_for_programs(app: Flask) -> None:
    spec = app.extensions["laurel_openapi"].document()
    posted = spec["paths"]["/api/v1/content"]["post"]
    assert list(posted["requestBody"]["content"]) == ["application/zip"]
    assert posted["x-scopes"] == ["content/write"]
    assert "202" in posted["responses"]


def test_the_application_serves_no_uploaded_byte(settings: Settings, db: Db, vendor: Headers) -> None:
    app = create_app(settings, db)
    paths = [rule.rule for rule in app.url_map.iter_rules()]
    served = create_content_app(settings, db)
    assert not {rule.rule for rule in served.url_map.iter_rules()} & set(paths) - {"/healthz"}


@pytest.fixture
def run(settings: Settings, db: Db, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    for name, value in {
        "LRS_MONGODB_URI": settings.mongodb_uri, "LRS_DATABASE": settings.database, "LRS_CONTENT_URL": CONTENT,
        "LRS_PUBLIC_URL": settings.public_url, "LRS_DATA_FOLDER": str(settings.data_folder),
        "LRS_CONTENT_MAX_MB": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    def go(*words: object, status: int = 0) -> Any:
        done = CliRunner().invoke(cli, ["content", *map(str, words)])
        assert done.exit_code == status, (done.output, done.exception)
        return done

    return go


def test_the_command_takes_a_package_through_its_life(run: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "course.zip"
    file.write_bytes(PACKAGE)
    added = json.loads(run("add", file, "--json").stdout)
    assert (added["state"], added["kind"], added["number"]) == ("draft", "scorm12", 1)
    assert "Lesson   index.html" in run("show", added["id"]).stdout
    assert "seen by everybody there and below" in run("show", added["item"]).stdout
    again = json.loads(run("add", file, "--item", added["item"], "--publish", "--json").stdout)
    assert (again["item"], again["number"], again["state"]) == (added["item"], 2, "published")
    assert json.loads(run("list", "--json").stdout)["published"] == 2
    run("visible", added["item"], "--org", "vendor", "--tier", "cloud=gold", "--from", "2026-01-01")
    shown = json.loads(run("show", added["item"], "--json").stdout)
    assert shown["visible"]["tiers"] == {"cloud": ["gold"]}
    assert [each["state"] for each in shown["versions"]] == ["published", "draft"]
    assert run("url", again["id"]).stdout.strip() == (
        f"http://{again['id']}.content.example/v/{again['id']}/index.html"
    )
    run("original", again["id"], tmp_path / "copy.zip")
    assert (tmp_path / "copy.zip").read_bytes() == PACKAGE
    assert "no version is published" in run("withdraw", again["id"]).stdout
    assert "is published" in run("publish", added["id"]).stdout
    assert "withdrawn" in run("discard", again["id"], status=1).stderr
    assert len(run("list", "--uploads", "--json").stdout.splitlines()) == 2


def test_the_command_says_why_a_package_is_refused(run: Callable[..., Any], tmp_path: Path, db: Db) -> None:
    file = tmp_path / "cmi5.xml"
    file.write_bytes(cmi5_structure())
    refused = run("add", file, status=1)
    assert "refused cmi5.xml:1:" in refused.stdout
    assert "[relative-url-without-zip]" in refused.stdout
    html = tmp_path / "page.zip"
    html.write_bytes(zipped({"index.html": PAGE}))
    assert "[activity-id-needed]" in run("add", html, status=1).stdout
    assert "html" in run("add", html, "--activity", "https://a.example/page", "--title", "Page").stdout
    big = tmp_path / "big.zip"
    big.write_bytes(b"x" * (1024 * 1024 + 1))
    assert "larger than 1 MB" in run("add", big, status=1).stderr
    assert "no content item 'none'" in run("add", html, "--item", "none", status=1).stderr
    assert db.content_items.count_documents({}) == 1
