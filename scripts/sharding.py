"""Prove on a sharded cluster that an organization goes on as before when it outgrows one shard.

    python scripts/sharding.py [--uri URI] [--statements 5000]

Starts a configuration server, two shards and a router (`mongod` and `mongos` on the PATH) in a folder that is
removed afterwards; with --uri an empty cluster that is there already is used. Loads an organization on one
shard, refines the shard keys as docs/scaling.md says, moves half of it to the other shard, and asks the same
questions before and after: every statement by id, pages, filters, a batch, a repeat, a conflict, a reference
and its voiding, documents, attachments. Ends with status 1 where an answer differs. On a server that is no
router it only asks, which proves the questions.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from lrs.indexes import ensure_indexes
from lrs.running.mongod import end_with_parent, free_port
from statements.errors import StatementConflict
from statements.ingest import Part, Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.query.parameters import StatementQuery
from statements.storage.documents import DocumentStore, Key, Preconditions
from statements.storage.store import StatementStore

ORG = "large"
WRITER = Writer("proof", "lms", "vendor", {"mbox": "mailto:lms@x.example"})
KEYS = {  # what docs/scaling.md refines each shard key to, and the field at which the proof cuts
    "statements": ("org", "id"),
    "documents": ("org", "_id"),
    "documents.chunks": ("org", "files_id"),
    "attachments.files": ("org", "sha2"),
    "attachments.chunks": ("org", "files_id"),
}
VERBS = ("passed", "failed", "experienced")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uri", help="a router of an empty cluster, or any server to try the questions on")
    parser.add_argument("--statements", type=int, default=5000)
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        uri = given.uri or stack.enter_context(cluster())
        if uri is None:
            print("sharding: no mongos on the PATH; name a cluster with --uri", file=sys.stderr)
            return 2
        client = stack.enter_context(
            MongoClient(uri, tz_aware=True, uuidRepresentation="standard", w="majority", journal=True)
        )
        return prove(client, given.statements)


def prove(client: MongoClient[Any], count: int) -> int:
    """Ask on one shard, then on two; return the exit status."""
    name = f"laurel_sharding_{uuid.uuid4().hex[:8]}"
    is_router = client.admin.command("hello").get("msg") == "isdbgrid"
    db = client[name]
    try:
        if is_router:
            shards = [one["_id"] for one in client.admin.command("listShards")["shards"]]
            client.admin.command("enableSharding", name, primaryShard=shards[0])
        ensure_indexes(db)
        if is_router:
            for collection in KEYS:
                client.admin.command("shardCollection", f"{name}.{collection}", key={"org": 1})
        ids = load(db, count)
        before, first = answers(db, ids)
        print(f"one shard: {told(first)}")
        if not is_router:
            changes(db, ids)
            print("this is no router: nothing was moved, the questions were asked")
            return 0
        spread(client, name, shards[1], ids)
        placed = db.command("collStats", "statements").get("shards", {})
        print("statements by shard:", {shard: one["count"] for shard, one in placed.items()})
        after, second = answers(db, ids)
        print(f"two shards: {told(second)}")
        wrong = [question for question in before if before[question] != after[question]]
        changes(db, ids)
        for question in wrong:
            print(f"DIFFERS: {question}")
        if len([one for one in placed.values() if one["count"]]) < 2:
            wrong.append("the organization is still on one shard")
            print(wrong[-1])
        print("the same answers from two shards" if not wrong else "not proven")
        return 1 if wrong else 0
    finally:
        client.drop_database(name)


def spread(client: MongoClient[Any], name: str, shard: str, ids: list[uuid.UUID]) -> None:
    """Refine each shard key, cut the organization in two, and move the upper half."""
    db = client[name]
    middles: dict[str, Any] = {"statements": sorted(ids)[len(ids) // 2]}
    for collection, (_, field) in KEYS.items():
        key = {"org": 1, field: 1}
        client[name][collection].create_index(list(key.items()))
        client.admin.command("refineCollectionShardKey", f"{name}.{collection}", key=key)
        values = sorted(row[field] for row in db[collection].find({"org": ORG}, {field: 1}))
        middle = middles.get(collection) or values[len(values) // 2]
        place = f"{name}.{collection}"
        client.admin.command("split", place, middle={"org": ORG, field: middle})
        client.admin.command("moveChunk", place, find={"org": ORG, field: middle}, to=shard)


def load(db: Any, count: int) -> list[uuid.UUID]:
    """Store statements of ten people, documents and an attachment; return the ids."""
    ids = []
    for start in range(0, count, 500):
        batch = [statement(number) for number in range(start, min(start + 500, count))]
        ids += [uuid.UUID(one) for one in store(db, batch)]
    documents = DocumentStore(db, ORG)
    for number in range(20):
        size = 400_000 if number % 5 == 0 else 100
        documents.put(
            Key("state", "http://c.example/a", "mbox::mailto:p1@x.example", None, str(number)),
            bytes([number]) * size, "application/octet-stream",
            preconditions=Preconditions(), version="1.0.3", now=now(),
        )  # fmt: skip
    for number in range(20):
        bytes_ = f"attachment {number}".encode()
        part = Part(sha256(bytes_).hexdigest(), "text/plain", bytes_)
        attached = {
            "usageType": "http://u.example/", "display": {"en": "x"}, "contentType": "text/plain",
            "length": len(bytes_), "sha2": part.sha2,
        }  # fmt: skip
        store(db, [{**statement(number), "attachments": [attached]}], {part.sha2: part})
    return ids


def statement(number: int, **more: Any) -> dict[str, Any]:
    """Return a statement of one of ten people."""
    return {
        "id": str(uuid.uuid4()),
        "actor": {"mbox": f"mailto:p{number % 10}@x.example"},
        "verb": {"id": f"http://adlnet.gov/expapi/verbs/{VERBS[number % 3]}"},
        "object": {"id": f"http://c.example/{number % 7}"},
        **more,
    }


def store(db: Any, batch: list[dict[str, Any]], parts: dict[str, Part] | None = None) -> list[str]:
    """Store a batch as a client does."""
    parsed = parse_statements(orjson.dumps(batch))
    return store_statements(
        StatementStore(db, ORG), parsed, writer=WRITER, version="1.0.3", now=now(), attachments=parts
    )


def answers(db: Any, ids: list[uuid.UUID]) -> tuple[dict[str, Any], dict[str, float]]:
    """Return what is answered to each question, and the milliseconds that each kind took (median)."""
    here, found, times = StatementStore(db, ORG), {}, {}

    def ask(kind: str, number: int, question: Callable[[int], Any]) -> None:
        took = []
        for one in range(number):
            began = time.perf_counter()
            found[f"{kind} {one}"] = question(one)
            took.append((time.perf_counter() - began) * 1000)
        times[kind] = statistics.median(took)

    step = max(1, len(ids) // 200)
    sample = ids[::step]
    ask("by id", len(sample), lambda one: here.get(sample[one]).raw)
    filters = [
        {},
        {"agent": orjson.dumps({"mbox": "mailto:p3@x.example"}).decode()},
        {"verb": "http://adlnet.gov/expapi/verbs/passed"},
        {"verb": "http://adlnet.gov/expapi/verbs/passed", "activity": "http://c.example/2"},
        {"ascending": "true"},
    ]
    ask("page", len(filters), lambda one: pages(here, filters[one]))
    documents = DocumentStore(db, ORG)
    key = Key("state", "http://c.example/a", "mbox::mailto:p1@x.example", None, None)
    ask("documents", 1, lambda _: sorted(documents.ids(key)[0]))
    return found, times


def pages(here: StatementStore, parameters: dict[str, str]) -> list[bytes]:
    """Return the statements of all pages of a question."""
    query, found = StatementQuery.parse({name: [one] for name, one in parameters.items()}, "1.0.3"), []
    for _ in range(3):
        page = here.find(query)
        found += page.statements
        if page.next is None:
            break
        query = dataclasses.replace(query, after=page.next)
    return found


def changes(db: Any, ids: list[uuid.UUID]) -> None:
    """Write a batch, a repeat, a conflict, references and voidings as on one shard; raises AssertionError."""
    batch = [statement(number) for number in range(50)]
    made = store(db, batch)
    assert store(db, batch) == made, "a repeat is stored once"
    try:
        store(db, [{**batch[0], "result": {"success": True}}])
    except StatementConflict:
        pass
    else:
        raise AssertionError("another statement was stored under an id that is taken")
    for target in (min(ids), max(ids)):
        reference = {"objectType": "StatementRef", "id": str(target)}
        store(db, [{**statement(1), "object": reference}])
        void = {"id": "http://adlnet.gov/expapi/verbs/voided"}
        store(db, [{**statement(1), "verb": void, "object": reference}])
        assert db.statements.find_one({"org": ORG, "id": target})["voided"]
    assert db.statements.count_documents({"org": ORG, "id": {"$in": [uuid.UUID(one) for one in made]}}) == 50


def told(times: dict[str, float]) -> str:
    return ", ".join(f"{kind} {took:.1f} ms" for kind, took in times.items())


def now() -> datetime:
    return datetime.now(UTC)


@contextlib.contextmanager
def cluster() -> Iterator[str | None]:
    """Run a configuration server, two shards and a router; yields the URI, None without the programs."""
    mongod, mongos = shutil.which("mongod"), shutil.which("mongos")
    if mongod is None or mongos is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:

        def run(program: str, name: str, *options: str) -> int:
            port, place = free_port(), Path(folder) / name
            place.mkdir()
            data = () if program == mongos else ("--dbpath", str(place), "--replSet", name)
            process = subprocess.Popen(
                [program, *data, "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet",
                 "--logpath", str(place / "log"), *options],
                stdout=subprocess.DEVNULL, preexec_fn=end_with_parent,  # noqa: PLW1509 -- one thread
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.terminate)
            if data:
                members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
                begin(port, {"_id": name, "members": members} | ({"configsvr": True} if name == "c" else {}))
            return port

        config = run(mongod, "c", "--configsvr")
        shards = {name: run(mongod, name, "--shardsvr") for name in ("a", "b")}
        router = run(mongos, "r", "--configdb", f"c/127.0.0.1:{config}")
        uri = f"mongodb://127.0.0.1:{router}/"
        with MongoClient(uri, serverSelectionTimeoutMS=60_000) as client:
            for name, port in shards.items():
                client.admin.command("addShard", f"{name}/127.0.0.1:{port}")
        yield uri


def begin(port: int, config: dict[str, Any]) -> None:
    """Begin a set of one and wait until it is primary."""
    with MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true") as client:
        client.admin.command("replSetInitiate", config)
        for _ in range(600):
            with contextlib.suppress(PyMongoError):
                if client.admin.command("hello").get("isWritablePrimary"):
                    return
            time.sleep(0.1)
    raise SystemExit(f"sharding: the member on port {port} did not become primary")


if __name__ == "__main__":
    sys.exit(main())
