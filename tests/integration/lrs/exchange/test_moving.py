"""A store moves whole: statements with attachments, documents, and what the other store had set, beside ours."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import hashlib
import io
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import make_server

from lrs.access.organizations import create_org
from lrs.analysis.figures.csv_cells import NUL, csv_cell, quoted, unquoted
from lrs.cli import cli
from lrs.exchange import json_stream
from lrs.exchange.arriving import other_lrs
from lrs.exchange.arriving.envelopes import unwrapped
from lrs.exchange.json_stream import JsonStream
from lrs.exchange.part_files import PartFiles
from lrs.foundation.context import utc_now
from lrs.foundation.errors import Collision
from lrs.foundation.settings import Settings
from statements.errors import InvalidStatement
from statements.ingest import Part, Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.query.parameters import StatementQuery
from statements.storage.documents import DocumentStore, Key, Preconditions
from statements.storage.store import StatementStore

AUTHORITY = {"objectType": "Agent", "account": {"homePage": "http://x.example", "name": "k"}}
WRITER = Writer("k", "vendor", "vendor", AUTHORITY)
FILES = (b"\x00\r\n--b\x00", b"second " * 100, b"")


@pytest.fixture
def command(db: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command line over the test's database."""
    monkeypatch.setenv("LRS_MONGODB_URI", settings.mongodb_uri)
    monkeypatch.setenv("LRS_DATABASE", settings.database)
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    with contextlib.suppress(Collision):  # the application of a test made it
        create_org(db, "vendor", name="Vendor", kind="vendor", parent=None, now=now)
    for org in ("north", "south"):
        create_org(db, org, name=org.title(), now=now)

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, words)

    return run


def sha2(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def attachment(content: bytes) -> dict[str, Any]:
    return {
        "usageType": "http://x.example/usage", "display": {"en": "File"}, "contentType": "text/plain",
        "length": len(content), "sha2": sha2(content),
    }  # fmt: skip


def body(n: int, **members: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.UUID(int=n, version=4)),
        "actor": {"mbox": f"mailto:p{n}@x.example"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
        "object": {"id": "https://x.example/a"},
        "timestamp": "2026-01-10T10:00:00.000Z",
        **members,
    }


def put(db: Any, org: str, *bodies: Any, files: tuple[bytes, ...] = (), version: Any = "1.0.3") -> None:
    parts = {sha2(one): Part(sha2(one), "text/plain", one) for one in files}
    batch = parse_statements(orjson.dumps(list(bodies)))
    store = StatementStore(db, org)
    store_statements(store, batch, writer=WRITER, version=version, now=utc_now(), attachments=parts or None)


def with_attachments(db: Any, org: str) -> list[str]:
    """Store statements with parts in each place that may name one; return their ids."""
    inner = {key: value for key, value in body(3).items() if key not in {"id", "timestamp"}}
    sub = {"objectType": "SubStatement", **inner, "attachments": [attachment(FILES[1])]}
    made = [
        body(1),
        body(2, attachments=[attachment(FILES[0]), attachment(FILES[2])]),
        body(3, object=sub),
    ]
    put(db, org, *made, files=FILES)
    return [one["id"] for one in made]


def parts_in(db: Any, org: str) -> set[bytes]:
    store = StatementStore(db, org)
    return {part.content for part in store.parts({sha2(one) for one in FILES})}


def ids_in(db: Any, org: str) -> list[str]:
    return [str(row["id"]) for row in db.statements.find({"org": org}).sort("_id", 1)]


def test_an_exported_folder_brings_every_attachment(db: Any, command: Any, tmp_path: Path) -> None:
    """By folder, compressed or not, by file, and twice: everything once."""
    ids = with_attachments(db, "north")
    for number, words in enumerate(([], ["--gzip"])):
        out = tmp_path / f"out{number}"
        assert command("export", str(out), "--org", "north", *words).exit_code == 0
        assert {one.read_bytes() for one in (out / "attachments").iterdir()} == set(FILES)
        done = command("statements", "import", str(out), "--org", "south")
        assert (done.exit_code, done.stdout) == (0, "3 stored or known already, 0 refused\n"), done.output
        assert (ids_in(db, "south"), parts_in(db, "south")) == (ids, set(FILES))
        one = next(out.glob("statements-*"))
        assert command("statements", "import", str(one), "--org", "south").exit_code == 0
    assert db["attachments.files"].count_documents({"org": "south"}) == 3


def test_an_attachment_that_is_missing_or_altered_refuses_its_statement_alone(
    db: Any, command: Any, tmp_path: Path
) -> None:
    with_attachments(db, "north")
    command("export", str(tmp_path / "out"), "--org", "north")
    (tmp_path / "out" / "attachments" / sha2(FILES[0])).write_bytes(b"other")
    (tmp_path / "out" / "attachments" / sha2(FILES[1])).unlink()
    done = command("statements", "import", str(tmp_path / "out"), "--org", "south")
    assert done.exit_code == 1
    assert "1 stored or known already, 2 refused" in done.output
    assert "do not have the hash" in done.output
    assert "statements-0000.ndjson:3: $.object.attachments[0]: has neither a part" in done.output


@pytest.mark.parametrize("name", ["../secret", "..", "a" * 63, "A" * 64])
def test_only_a_hash_names_a_file(db: Any, command: Any, tmp_path: Path, name: str) -> None:
    """What a statement names as its hash is no path."""
    (tmp_path / "secret").write_bytes(b"mine")
    (tmp_path / "out" / "attachments").mkdir(parents=True)
    assert PartFiles(tmp_path / "out").find(name) is None


@pytest.fixture
def other(app: Flask) -> Iterator[str]:
    """Another record store: Laurel itself, over HTTP."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/xapi"
    server.shutdown()
    thread.join()


def test_a_pull_brings_attachments_over_several_pages(
    db: Any, other: str, command: Any, tmp_path: Path
) -> None:
    ids = with_attachments(db, "vendor")
    secret = tmp_path / "secret"
    secret.write_text("test-secret\n")
    done = command(
        "statements", "import", other, "--org", "south", "--key", "test-key", "--secret-file", str(secret),
        "--page", "2",
    )  # fmt: skip
    assert (done.exit_code, done.stdout) == (0, "3 stored or known already, 0 refused\n"), done.output
    assert (ids_in(db, "south"), parts_in(db, "south")) == (ids, set(FILES))


def test_a_store_that_knows_no_attachments_answers_statements_alone() -> None:
    told, part = other_lrs.read_answer("application/json", b'{"statements":[]}')
    assert (told, part("0" * 64)) == (b'{"statements":[]}', None)
    with pytest.raises(InvalidStatement):
        other_lrs.read_answer("multipart/mixed; boundary=b", b"--c")


def test_what_the_other_store_had_set_is_kept_beside_ours_and_never_as_ours(
    db: Any, command: Any, tmp_path: Path
) -> None:
    theirs = {"objectType": "Agent", "mbox": "mailto:Admin@Old.example"}
    file = tmp_path / "old.json"
    file.write_bytes(orjson.dumps([body(1, stored="2019-05-04T12:00:00.123456Z", authority=theirs), body(2)]))
    assert command("statements", "import", str(file), "--org", "north").exit_code == 0
    first, second = db.statements.find({"org": "north"}).sort("_id", 1)
    raw = orjson.loads(first["raw"])
    assert raw["authority"]["account"]["name"] == "import"
    assert raw["stored"].startswith(f"{utc_now():%Y-%m}")
    assert orjson.loads(first["origin"]["text"]) == {
        "stored": "2019-05-04T12:00:00.123456Z",
        "authority": theirs,
    }
    assert "origin" not in second
    question = {"filter": {"field": "origin.stored", "lt": "2020-01-01"}, "select": ["origin.authority"]}
    answer = command("statements", "query", json.dumps(question), "--json")
    assert json.loads(answer.stdout)["rows"] == [{"origin.authority": "mbox::mailto:Admin@old.example"}]
    query = StatementQuery.parse({"agent": [json.dumps(theirs)], "related_agents": ["true"]}, "1.0.3")
    assert StatementStore(db, "north").find(query).statements == []  # it is not theirs who asks xAPI


def test_a_statement_is_judged_by_the_version_it_was_written_in(
    db: Any, command: Any, tmp_path: Path
) -> None:
    """1.0.3 takes a timestamp without a zone, 2.0 does not."""
    file = tmp_path / "some.ndjson"
    lines = [body(n, timestamp="2026-01-10T10:00:00", version=v) for n, v in ((1, "1.0.3"), (2, "2.0.0"))]
    file.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    done = command("statements", "import", str(file), "--org", "north")
    assert (done.exit_code, ids_in(db, "north")) == (1, [body(1)["id"]])
    assert "some.ndjson:2: $.timestamp" in done.output


def test_state_and_profile_documents_move_with_the_folder(db: Any, command: Any, tmp_path: Path) -> None:
    agent = json.dumps({"account": {"homePage": "http://hr.example", "name": "a@b:c"}})
    activity = "http://x.example/é"
    registration = str(uuid.uuid4())
    keys = [
        Key.parse("state", {"activityId": [activity], "agent": [agent], "stateId": ["s/1"]}, "1.0.3"),
        Key.parse(
            "state",
            {"activityId": [activity], "agent": [agent], "stateId": ["s/1"], "registration": [registration]},
            "1.0.3",
        ),
        Key.parse("agent_profile", {"agent": [agent], "profileId": ["p"]}, "1.0.3"),
        Key.parse("activity_profile", {"activityId": [activity], "profileId": [""]}, "1.0.3"),
    ]
    contents = [b"\x00\xff", b'{"a" : 1}', b"x" * 300_000, b""]
    old, new = DocumentStore(db, "north"), DocumentStore(db, "south")
    for key, content in zip(keys, contents, strict=True):
        old.put(key, content, "text/x", preconditions=Preconditions(), version="1.0.3", now=utc_now())
    out = str(tmp_path / "out")
    assert "4 documents" in command("export", out, "--org", "north", "--documents", "--gzip").stdout
    for _ in range(2):
        (tmp_path / "out" / "statements-0000.ndjson.gz").touch()
        done = command("statements", "import", out, "--org", "south", "--restart")
        assert (done.exit_code, "4 documents stored" in done.stdout) == (0, True), done.output
    for key, content in zip(keys, contents, strict=True):
        found = new.get(key)
        assert found is not None
        assert (found.content, found.content_type) == (content, "text/x")
    new.delete(keys[1], preconditions=Preconditions())
    new.put(keys[1], b"mine", None, preconditions=Preconditions(), version="1.0.3", now=utc_now())
    done = command("statements", "import", out, "--org", "south", "--restart")
    assert (done.exit_code, "3 documents stored or known already, 1 refused" in done.stdout) == (1, True)
    assert "another document is stored under the same key; it was kept" in done.output
    kept = new.get(keys[1])
    assert kept is not None
    assert kept.content == b"mine"


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'{"kind":"other"}',
        b'{"kind":"state","content":""}',
        b'{"kind":"agent_profile","agent":{"mbox":"mailto:a@x.example"},"profileId":"p","content":"*"}',
    ],
)
def test_a_line_that_is_no_document_is_named(db: Any, command: Any, tmp_path: Path, line: bytes) -> None:
    (tmp_path / "statements-0000.ndjson").write_bytes(b"")
    (tmp_path / "documents.ndjson").write_bytes(line + b"\n")
    done = command("statements", "import", str(tmp_path), "--org", "south")
    assert (done.exit_code, "documents.ndjson:1: " in done.output) == (1, True), done.output
    assert db.documents.count_documents({}) == 0


RESULT = {"statements": [body(1), body(2)], "more": ""}
LOCKER = {
    "_id": {"$oid": "5"}, "organisation": {"$oid": "6"}, "voided": False,
    "statement": body(1, context={"extensions": {"http://x&46;example/e": "a&46;b"}}),
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        orjson.dumps([body(1), body(2)]),
        b" \n" + json.dumps([body(1), body(2)], indent=2).encode(),
        orjson.dumps(RESULT),
        orjson.dumps({"more": "", **RESULT}),
        json.dumps(RESULT, indent=1).encode(),
        orjson.dumps(RESULT) + b"\n" + orjson.dumps(RESULT),
        json.dumps(body(1), indent=4).encode() + b"\n" + json.dumps(body(2), indent=4).encode(),
        orjson.dumps({"statement": body(1), "x": 1}) + b"\n" + orjson.dumps({"y": "}", "statement": body(2)}),
        orjson.dumps([{"statement": body(1)}, {"statement": body(2)}]),
        b"\xef\xbb\xbf" + orjson.dumps(body(1)) + b"\r\n" + orjson.dumps(body(2)),
    ],
    ids=["array", "indented array", "result", "more first", "indented result", "pages", "indented", "locker",
         "locker array", "byte order mark"],
)  # fmt: skip
@pytest.mark.parametrize("compress", [False, True])
def test_every_form_is_read_whatever_its_name(
    db: Any, command: Any, tmp_path: Path, text: bytes, compress: bool
) -> None:
    file = tmp_path / "some.data"
    file.write_bytes(gzip.compress(text, mtime=0) if compress else text)
    done = command("statements", "import", str(file), "--org", "north")
    assert done.exit_code == 0, done.output
    assert ids_in(db, "north") == [body(1)["id"], body(2)["id"]]


def test_learning_locker_keys_get_their_dots_back(db: Any, command: Any, tmp_path: Path) -> None:
    file = tmp_path / "statements.json"
    file.write_bytes(orjson.dumps(LOCKER))
    assert command("statements", "import", str(file), "--org", "north").exit_code == 0
    raw = orjson.loads(db.statements.find_one({"org": "north"})["raw"])
    assert raw["context"]["extensions"] == {"http://x.example/e": "a&46;b"}
    exact = b'{"statement" : {"a":1.10, "b" : "\\"x&46;y\\":" , "c&46;d":2}}'
    assert unwrapped(exact) == b'{"a":1.10, "b" : "\\"x&46;y\\":" , "c.d":2}'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"PK\x03\x04abc", "unpack it"),
        (b"PAR1abc", "export with --format ndjson"),
        ("[]".encode("utf-16"), "save it as UTF-8"),
        (b"<html>", "XML or HTML"),
        (b"actor,verb\n", "CSV named .csv"),
        (gzip.compress(b"x" * 9999, mtime=0)[:-9], "some.data"),
    ],
)
def test_any_other_form_is_refused_by_one_sentence(
    db: Any, command: Any, tmp_path: Path, text: bytes, told: str
) -> None:
    file = tmp_path / "some.data"
    file.write_bytes(text)
    done = command("statements", "import", str(file), "--org", "north")
    assert (done.exit_code, db.statements.count_documents({})) == (1, 0)
    assert "Traceback" not in done.output
    assert len(done.output.splitlines()[-1:]) == 1
    assert told in done.output or told == "some.data"


def test_a_page_that_leads_to_others_says_so(db: Any, command: Any, tmp_path: Path) -> None:
    file = tmp_path / "page.json"
    file.write_bytes(orjson.dumps({"statements": [body(1)], "more": "/xapi/statements?more=abc"}))
    done = command("statements", "import", str(file), "--org", "north")
    assert (done.exit_code, ids_in(db, "north")) == (1, [body(1)["id"]])
    assert "one page of several; pull from the store's address" in done.output


def test_an_array_that_breaks_off_keeps_what_came_before(db: Any, command: Any, tmp_path: Path) -> None:
    file = tmp_path / "array.json"
    file.write_bytes(b"[" + orjson.dumps(body(1)) + b"," + orjson.dumps(body(2)) + b" oops")
    done = command("statements", "import", str(file), "--org", "north")
    assert (done.exit_code, ids_in(db, "north")) == (1, [body(1)["id"], body(2)["id"]])
    assert "array.json, statement 3: " in done.output


def test_an_export_without_statements_is_named(db: Any, command: Any, tmp_path: Path) -> None:
    done = command("statements", "import", str(tmp_path), "--org", "north")
    assert (done.exit_code, "export with --format ndjson" in done.output) == (1, True)


def test_a_line_that_is_too_long_is_refused_alone(
    db: Any, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lrs.exchange.arriving.import_files.MAX_LINE", 1000)
    file = tmp_path / "some.ndjson"
    file.write_bytes(orjson.dumps(body(1)) + b"\n" + b"x" * 5000 + b"\n" + orjson.dumps(body(2)))
    done = command("statements", "import", str(file), "--org", "north")
    assert ids_in(db, "north") == [body(1)["id"], body(2)["id"]]
    assert "some.ndjson:2: $: the line has more than 1000 bytes" in done.output


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values=st.lists(JSON, max_size=5), indent=st.none() | st.integers(0, 3), block=st.integers(1, 9))
def test_a_stream_gives_each_value_in_its_exact_characters(
    values: list[Any], indent: int | None, block: int
) -> None:
    """However the bytes are cut into blocks."""
    texts = [json.dumps(value, ensure_ascii=False, indent=indent) for value in values]
    whole = "[" + " ,\n".join(texts) + "] "
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "BLOCK", block)
        stream = JsonStream(io.BytesIO(whole.encode("utf-8", "surrogatepass")))
        assert [json.loads(one) for one in stream.elements()] == values
        assert stream.peek() == ""


@given(text=st.binary(max_size=60))
def test_a_stream_of_anything_ends_with_a_clear_refusal(text: bytes) -> None:
    stream = JsonStream(io.BytesIO(text))
    try:
        for name in stream.members():
            assert isinstance(name, str)
            stream.value()
    except InvalidStatement as error:
        str(error).encode()


@given(text=st.text(alphabet="'=+-@\t\r a", max_size=6))
def test_what_an_export_quoted_an_import_reads_again(text: str) -> None:
    assert unquoted(quoted(text)) == text
    assert quoted(text)[:1] not in {"=", "+", "-", "@", "\t", "\r"}


def test_a_nul_in_a_cell_is_shown_as_its_picture() -> None:
    assert csv_cell("a\0b") == f"a{NUL}b"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,org,actor\n1,north,a@x.example\n", "unknown columns org; export whole statements"),
        ("actor,actor,verb\na,b,c\n", "the column actor stands twice"),
        ("actor;verb\na;b\n", "separate them by commas"),
        ("raw,verb\n{},passed\n", "stands alone"),
        ("actor,verb,object.id\na@x.example,passed\n", "has 2 cells where the header has 3"),
        ("actor,verb,object.id\na@x.example,passed,http://x.example,1\n", "has 4 cells"),
        ("actor,verb,object.id\na@x.example,passed,mbox::mailto:b@x.example\n", "object.id is an agent"),
        ("actor,verb,object.id,object.type\na@x.example,passed,u:1,StatementRef\n", "object.type StatementRef"),
        ("actor,verb,object.id,actor_type\naccount::g@http://x.example,passed,u:1,Group\n", "actor_type Group"),
        ("actor,verb,object.id,success\na@x.example,passed,u:1,perhaps\n", "success"),
    ],
)  # fmt: skip
def test_csv_that_cannot_say_a_statement_is_refused(
    db: Any, command: Any, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "some.csv"
    file.write_text(text)
    done = command("statements", "import", str(file), "--org", "north")
    assert (done.exit_code, db.statements.count_documents({})) == (1, 0)
    assert told in done.output


def test_csv_keeps_digits_and_quoted_texts(db: Any, command: Any, tmp_path: Path) -> None:
    file = tmp_path / "some.csv.gz"
    rows = "actor,verb,object.id,object.type,score.raw,response\na@x.example,passed,u:1,Activity,{},{}\n"
    file.write_bytes(gzip.compress(rows.format("12345678901234567890123", "'=1").encode(), mtime=0))
    assert command("statements", "import", str(file), "--org", "north").exit_code == 0
    raw = bytes(db.statements.find_one({})["raw"])
    assert b'"raw":12345678901234567890123' in raw
    assert b'"response":"=1"' in raw
