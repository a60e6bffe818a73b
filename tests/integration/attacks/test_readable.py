"""Whatever is stored can be read again: what comes back as a header is one that a server can send."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson
import pytest
from conftest import basic
from factories import make_statement
from factories_access import editor
from factories_packages import scorm_files, zipped
from flask.testing import FlaskClient
from gunicorn.http.wsgi import HEADER_VALUE_RE
from hypothesis import HealthCheck, example, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from pymongo.database import Database

from lrs.content.library import intake
from lrs.content.library.downloads import open_download
from lrs.content.library.intake import Intake, Upload
from lrs.content.packages.read import Wish
from lrs.content_app import create_content_app
from lrs.exchange.arriving.moved_documents import import_documents
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings
from statements.storage.documents import DocumentStore

Db = Database[dict[str, Any]]
PATH = "/xapi/activities/state"
AGENT = json.dumps({"mbox": "mailto:ana@x.example"})
QUERY = {"activityId": "http://x.example/a", "agent": AGENT, "stateId": "s"}
EVEN = profile(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TRICKY = ("text/plain\r\nSet-Cookie: a=b", "text/\u2603", "a\x00b", "a\x7f", "\u00e9", "", "x" * 5000)


def examples(test: Any) -> Any:
    """Add to a property what was found by thought."""
    for one in TRICKY:
        test = example(one)(test)
    return test


def can_be_sent(answer: Any) -> bool:
    """Tell whether gunicorn would send every header of an answer."""
    return all(
        HEADER_VALUE_RE.fullmatch(value.encode("latin-1").decode("latin-1")) for _, value in answer.headers
    )


def read(client: FlaskClient) -> Any:
    return client.get(PATH, query_string=QUERY, headers=basic())


@EVEN
@examples
@given(TEXTS)
def test_a_document_of_any_content_type_is_refused_or_comes_back_with_it(
    client: FlaskClient, kind: str
) -> None:
    client.delete(PATH, query_string=QUERY, headers=basic())
    environ = {"CONTENT_TYPE": kind}
    put = client.put(PATH, query_string=QUERY, data=b"x", headers=basic(), environ_overrides=environ)
    answer = read(client)
    assert (put.status_code, answer.status_code) in {(204, 200), (400, 404)}
    assert can_be_sent(answer)
    if put.status_code == 204 and kind:
        assert answer.headers["Content-Type"] == kind


@EVEN
@examples
@given(TEXTS)
def test_a_document_by_the_alternate_syntax_is_refused_or_comes_back(client: FlaskClient, kind: str) -> None:
    client.delete(PATH, query_string=QUERY, headers=basic())
    form = {**QUERY, **basic(), "Content-Type": kind, "content": "x"}
    sent = {
        "data": urlencode(form, quote_via=quote_plus),
        "content_type": "application/x-www-form-urlencoded",
    }
    put = client.post(f"{PATH}?method=PUT", **sent)  # type: ignore[arg-type]
    answer = read(client)
    assert (put.status_code, answer.status_code) in {(204, 200), (400, 404)}
    assert can_be_sent(answer)


@pytest.mark.parametrize("kind", TRICKY)
def test_an_imported_document_is_refused_or_comes_back(
    client: FlaskClient, db: Db, tmp_path: Path, kind: str
) -> None:
    line = {**QUERY, "kind": "state", "agent": json.loads(AGENT), "contentType": kind, "content": "eA=="}
    file = tmp_path / "documents.ndjson"
    file.write_bytes(orjson.dumps(line) + b"\n")
    report = import_documents(file, DocumentStore(db, "vendor"), utc_now())
    assert read(client).status_code == (200 if report.stored else 404)
    assert can_be_sent(read(client))


@pytest.mark.parametrize("kind", TRICKY)
def test_what_an_older_build_stored_can_be_read(client: FlaskClient, db: Db, kind: str) -> None:
    client.put(PATH, query_string=QUERY, data=b"x", headers={**basic(), "Content-Type": "text/plain"})
    db.documents.update_one({}, {"$set": {"content_type": kind}})
    answer = read(client)
    assert (answer.status_code, answer.data) == (200, b"x")
    assert can_be_sent(answer)


@EVEN
@examples
@given(TEXTS)
def test_an_attachment_of_any_content_type_comes_back(client: FlaskClient, kind: str) -> None:
    content = b"bytes"
    sha2 = hashlib.sha256(content).hexdigest()
    attachment = {
        "usageType": "http://x.example/u", "display": {"en": "a"}, "contentType": kind, "length": 5, "sha2": sha2,
    }  # fmt: skip
    statement = make_statement(attachments=[attachment])
    parts = (
        b"--b\r\nContent-Type: application/json\r\n\r\n" + orjson.dumps(statement) + b"\r\n--b\r\n"
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n"
        b"X-Experience-API-Hash: " + sha2.encode() + b"\r\n\r\n" + content + b"\r\n--b--\r\n"
    )
    put = client.post(
        "/xapi/statements", data=parts, content_type="multipart/mixed; boundary=b", headers=basic()
    )
    if put.status_code == 400:
        return
    query = {"statementId": statement["id"], "attachments": "true"}
    answer = client.get("/xapi/statements", query_string=query, headers=basic())
    assert answer.status_code == 200
    boundary = answer.headers["Content-Type"].partition("boundary=")[2].encode()
    _, first, second, _ = answer.data.split(b"--" + boundary)
    assert orjson.loads(first.partition(b"\r\n\r\n")[2])["attachments"][0]["contentType"] == kind
    headers, _, body = second.partition(b"\r\n\r\n")
    assert body == content + b"\r\n"
    assert len(headers.strip().split(b"\r\n")) == 3


def test_a_package_whose_file_has_any_name_can_be_fetched(settings: Settings, db: Db) -> None:
    library = Intake(settings, db, utc_now)
    row = intake.receive(library, editor(db), Upload("vendor", "a.zip", Wish()), [zipped(scorm_files())])
    client = create_content_app(settings, db).test_client()
    for name in TRICKY:
        token, _ = open_download(db, {**row, "name": name}, utc_now())
        answer = client.get(f"/o/{token}")
        assert answer.status_code == 200
        assert can_be_sent(answer)
