"""State and profile documents: merges, preconditions by version and resource, lists, any bytes (xapi#4)."""

from __future__ import annotations

import datetime as dt
import json
import threading
from typing import Any
from uuid import UUID

import pytest
from pymongo.database import Database

from statements.errors import (
    DocumentConflict,
    InvalidDocument,
    InvalidQuery,
    PreconditionFailed,
    StatementError,
)
from statements.storage.documents import DocumentStore, Key, Kind, Preconditions

NOW = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)
JSON = "application/json"
NONE = Preconditions()
REGISTRATION = UUID("01890a5d-ac96-474b-bcce-b302099a8057")
AGENT = '{"mbox":"mailto:a@example.com"}'
KEYS: dict[Kind, Key] = {
    "state": Key("state", "http://e.org/a", "mbox::mailto:a@example.com", None, "x"),
    "agent_profile": Key("agent_profile", None, "mbox::mailto:a@example.com", None, "x"),
    "activity_profile": Key("activity_profile", "http://e.org/a", None, None, "x"),
}
KINDS = pytest.mark.parametrize("kind", list(KEYS))
VERSIONS = pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])


@pytest.fixture
def store(db: Database[dict[str, Any]]) -> DocumentStore:
    return DocumentStore(db, "acme")


class Client:
    """Sends to one key with less to write."""

    def __init__(self, store: DocumentStore, key: Key, version: Any = "2.0.0") -> None:
        self.store, self.key, self.version = store, key, version

    def put(
        self, content: bytes, content_type: str | None = JSON, now: dt.datetime = NOW, **headers: str
    ) -> None:
        self.store.put(
            self.key,
            content,
            content_type,
            preconditions=Preconditions(**headers),
            version=self.version,
            now=now,
        )

    def post(
        self, content: bytes, content_type: str | None = JSON, now: dt.datetime = NOW, **headers: str
    ) -> None:
        self.store.post(
            self.key,
            content,
            content_type,
            preconditions=Preconditions(**headers),
            version=self.version,
            now=now,
        )

    def delete(self, **headers: str) -> None:
        self.store.delete(self.key, preconditions=Preconditions(**headers))

    @property
    def content(self) -> bytes | None:
        found = self.store.get(self.key)
        return None if found is None else found.content

    @property
    def etag(self) -> str:
        found = self.store.get(self.key)
        assert found is not None
        return f'"{found.etag}"'


@KINDS
@VERSIONS
def test_put_without_precondition(store: DocumentStore, kind: Kind, version: Any) -> None:
    """Traps 2, 3: 1.0.3 State overwrites, everything else conflicts once the document exists."""
    client = Client(store, KEYS[kind], version)
    client.put(b"one")
    if kind == "state" and version == "1.0.3":
        client.put(b"two")
        assert client.content == b"two"
    else:
        with pytest.raises(DocumentConflict, match="If-Match"):
            client.put(b"two")
        assert client.content == b"one"


@KINDS
@VERSIONS
@pytest.mark.parametrize(
    ("exists", "headers", "holds"),
    [
        (True, {"if_match": "{etag}"}, True),
        (True, {"if_match": 'W/{etag}, "other"'}, True),
        (True, {"if_match": '"x", {etag}'}, True),
        (True, {"if_match": "{bare}"}, True),
        (True, {"if_match": '"{bare}-gzip"'}, True),
        (True, {"if_match": "*"}, True),
        (True, {"if_match": '"1234"'}, False),
        (True, {"if_match": ""}, False),
        (False, {"if_match": "*"}, False),
        (False, {"if_match": '"1234"'}, False),
        (True, {"if_none_match": "*"}, False),
        (False, {"if_none_match": "*"}, True),
        (True, {"if_none_match": "{etag}"}, False),
        (True, {"if_none_match": '"1234"'}, True),
    ],
)
def test_preconditions_of_put_post_and_delete(
    store: DocumentStore, kind: Kind, version: Any, exists: bool, headers: dict[str, str], holds: bool
) -> None:
    client = Client(store, KEYS[kind], version)
    for method in ("put", "post", "delete"):
        client.delete()
        if exists:
            client.put(b'{"a":1}')
        etag = client.etag if exists else '""'
        filled = {name: text.format(etag=etag, bare=etag.strip('"')) for name, text in headers.items()}
        act = {
            "put": lambda filled=filled: client.put(b'{"b":2}', **filled),
            "post": lambda filled=filled: client.post(b'{"b":2}', **filled),
            "delete": lambda filled=filled: client.delete(**filled),
        }[method]
        if holds:
            act()
        else:
            with pytest.raises(PreconditionFailed):
                act()
            assert client.content == (b'{"a":1}' if exists else None)


@KINDS
def test_post_merges_top_level_members_byte_for_byte(store: DocumentStore, kind: Kind) -> None:
    client = Client(store, KEYS[kind])
    client.post(
        b'{ "a" : 0.10, "n":{"x":1,"y":2}, "keep": 123456789012345678901234567890 }',
        "application/json; charset=utf-8",
    )
    client.post(b'{"a":1e400,"n":{"z":null},"new":null}')
    assert client.content == (b'{"a":1e400,"n":{"z":null},"keep": 123456789012345678901234567890,"new":null}')
    found = store.get(KEYS[kind])
    assert found is not None
    assert found.content_type == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("stored", "stored_type", "posted", "posted_type"),
    [
        (b"{}", JSON, b"abcdefg", "not/json"),
        (b"{}", JSON, b"{}", None),
        (b"{}", JSON, b"[1]", JSON),
        (b"{}", JSON, b"5", JSON),
        (b"{}", JSON, b"{", JSON),
        (b"{}", JSON, b'{"a":1,"a":2}', JSON),
        (b"{}", JSON, b'{"a":NaN}', JSON),
        (b"{}", JSON, b"\xff", JSON),
        (b"[]", JSON, b"{}", JSON),
        (b"\0\1", "application/octet-stream", b"{}", JSON),
        (b'{"a":1,"a":2}', JSON, b"{}", JSON),
        (b"x", "text/plain", b"y", "text/plain"),
    ],
)
def test_documents_that_cannot_be_merged_are_refused_and_kept(
    store: DocumentStore, stored: bytes, stored_type: str, posted: bytes, posted_type: str | None
) -> None:
    client = Client(store, KEYS["state"])
    client.put(stored, stored_type)
    with pytest.raises(InvalidDocument):
        client.post(posted, posted_type)
    assert client.content == stored


def test_post_of_a_new_document_must_be_what_it_says(store: DocumentStore) -> None:
    client = Client(store, KEYS["state"])
    with pytest.raises(InvalidDocument):
        client.post(b"{broken", JSON)
    client.post(b"{broken", "text/plain")
    assert client.content == b"{broken"


@pytest.mark.parametrize("content_type", [None, "", "text/plain;charset=latin-1", "weird"])
@pytest.mark.parametrize(
    "content", [b"", b"\0\xff" * 10, b"z" * 300_000, bytes(range(256)) * 20_000], ids=len
)
def test_any_bytes_of_any_type_come_back(
    store: DocumentStore, content: bytes, content_type: str | None
) -> None:
    """Edge case 64, small ones and those kept in chunks."""
    client = Client(store, KEYS["activity_profile"])
    client.put(content, content_type)
    found = store.get(client.key)
    assert found is not None
    assert (found.content, found.content_type, found.updated) == (content, content_type, NOW)


def test_chunks_of_replaced_and_deleted_documents_are_removed(
    store: DocumentStore, db: Database[Any]
) -> None:
    client = Client(store, KEYS["state"], "1.0.3")
    for length in (400_000, 500_000, 1):
        client.put(b"z" * length)
    assert db["documents.chunks"].count_documents({}) == 0
    client.put(b"z" * 400_000)
    client.delete()
    client.put(b"z" * 400_000)
    store.delete(Key("state", "http://e.org/a", "mbox::mailto:a@example.com"), preconditions=NONE)
    assert db["documents.chunks"].count_documents({}) == 0
    assert db.documents.count_documents({}) == 0


@pytest.mark.parametrize("name", ["a/b?c#d%e.", "..", "", "ü\U0001f600\0", "x" * 2_000])
def test_any_id_is_kept_as_it_is(store: DocumentStore, name: str) -> None:
    key = Key("state", "http://e.org/a", "openid::http://e.org", None, name)
    Client(store, key).put(b"1")
    assert store.ids(Key("state", "http://e.org/a", "openid::http://e.org"))[0] == [name]
    assert store.get(key) is not None


def test_registration_is_part_of_the_key_and_no_filter_when_absent(store: DocumentStore) -> None:
    """Decision 4 and edge case 65."""
    ifi = "mbox::mailto:a@example.com"
    plain = Client(store, Key("state", "http://e.org/a", ifi, None, "x"))
    registered = Client(store, Key("state", "http://e.org/a", ifi, REGISTRATION, "x"))
    plain.put(b"plain")
    registered.put(b"registered")
    assert (plain.content, registered.content) == (b"plain", b"registered")
    assert store.ids(Key("state", "http://e.org/a", ifi))[0] == ["x"]
    store.delete(Key("state", "http://e.org/a", ifi, REGISTRATION), preconditions=NONE)
    assert (plain.content, registered.content) == (b"plain", None)
    registered.put(b"again")
    store.delete(Key("state", "http://e.org/a", ifi), preconditions=NONE)
    assert (plain.content, registered.content) == (None, None)


def test_since_is_exclusive_and_moves_with_merges(store: DocumentStore) -> None:
    """Edge case 66."""
    key = KEYS["agent_profile"]
    every = Key("agent_profile", None, key.ifi)
    client = Client(store, key)
    later = NOW + dt.timedelta(microseconds=3)
    client.post(b"{}", now=NOW)
    assert store.ids(every, NOW) == ([], None)
    client.post(b"{}", now=later)
    assert store.ids(every, NOW) == (["x"], later)
    assert store.ids(every, later) == ([], None)


def test_organizations_share_nothing(db: Database[Any]) -> None:
    one, two = (Client(DocumentStore(db, org), KEYS["state"]) for org in ("one", "two"))
    one.put(b"1")
    two.put(b"2")
    two.delete()
    assert (one.content, two.content) == (b"1", None)


def run_together(count: int, job: Any) -> list[Any]:
    outcomes: list[Any] = [None] * count

    def run(index: int) -> None:
        try:
            outcomes[index] = job(index)
        except StatementError as error:
            outcomes[index] = type(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.parametrize(
    "headers", [{"if_match": "{etag}"}, {"if_none_match": "*"}], ids=["update", "create"]
)
def test_of_racing_writers_with_one_precondition_one_succeeds(
    store: DocumentStore, headers: dict[str, str]
) -> None:
    """Edge case 60."""
    for _ in range(10):
        client = Client(store, KEYS["state"])
        client.delete()
        if "if_match" in headers:
            client.put(b"start")
            headers = {"if_match": client.etag}
        outcomes = run_together(8, lambda index, c=client, h=headers: c.put(str(index).encode(), **h))
        assert outcomes.count(None) == 1
        assert outcomes.count(PreconditionFailed) == 7


def test_racing_merges_lose_no_key(store: DocumentStore) -> None:
    """Edge case 61."""
    client = Client(store, KEYS["activity_profile"])
    run_together(12, lambda index: client.post(json.dumps({f"k{index}": index}).encode()))
    assert json.loads(client.content or b"") == {f"k{index}": index for index in range(12)}


@pytest.mark.parametrize(
    ("kind", "params", "parameter"),
    [
        ("state", {"agent": AGENT}, "activityId"),
        ("state", {"activityId": "http://e.org"}, "agent"),
        ("state", {"activityId": "x", "agent": AGENT}, "activityId"),
        ("state", {"activityId": "http://e.org", "agent": AGENT, "registration": "x"}, "registration"),
        ("state", {"activityId": "http://e.org", "agent": AGENT, "profileId": "x"}, "profileId"),
        ("state", {"activityId": "http://e.org", "agent": AGENT, "StateId": "x"}, "StateId"),
        ("agent_profile", {"agent": '{"objectType":"Group","mbox":"mailto:g@example.com"}'}, "agent"),
        ("agent_profile", {"agent": '{"objectType":"Group","member":[]}'}, "agent"),
        ("agent_profile", {"agent": "{}"}, "agent"),
        (
            "agent_profile",
            {"agent": '{"mbox":"mailto:a@example.com","mbox":"mailto:b@example.com"}'},
            "agent",
        ),
        ("activity_profile", {"profileId": "x"}, "activityId"),
    ],
)
def test_bad_key_parameters_are_named(kind: Kind, params: dict[str, str], parameter: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        Key.parse(kind, {name: [value] for name, value in params.items()}, "2.0.0")
    assert caught.value.parameter == parameter


def test_agent_of_a_key_is_its_identifier_alone() -> None:
    plain = Key.parse("agent_profile", {"agent": [AGENT], "profileId": ["x"]}, "2.0.0")
    named = '{"objectType":"Agent","name":"A","mbox":"mailto:a@EXAMPLE.com"}'
    assert Key.parse("agent_profile", {"agent": [named], "profileId": ["x"]}, "2.0.0") == plain
