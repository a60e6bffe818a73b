"""What this machine can do at best: bare inserts of the same finished documents, an empty Flask view."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import uuid
from multiprocessing.synchronize import Event
from typing import Any

from bson import Binary
from drive import cpu_seconds, wrk
from load import load
from pymongo import MongoClient, WriteConcern
from run import Figures, Run
from stand import HERE, Stand

CLIENTS = ((1, 1), (1, 4), (1, 8), (1, 16), (2, 4), (2, 8), (2, 16))
DURABLE = WriteConcern(w="majority", j=True)


def renew(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with an id and an order key of its own, as a new statement has them."""
    order = time.time_ns().to_bytes(8, "big") + os.urandom(8)
    fresh = uuid.uuid4()
    return {**document, "_id": Binary(order), "id": Binary(fresh.bytes, 4)}


def insert(
    uri: str, sample: list[dict[str, Any]], batch: int, threads: int, count: int, ready: Any, go: Event
) -> None:
    """Insert `count` documents from one client process; they are made before the clock starts."""
    collection = MongoClient(uri, maxPoolSize=64).limit.get_collection("statements", write_concern=DURABLE)
    documents = [renew(sample[i % len(sample)]) for i in range(count)]
    share = count // threads

    def run(part: list[dict[str, Any]]) -> None:
        for i in range(0, len(part), batch):
            if batch == 1:
                collection.insert_one(part[i])
            else:
                collection.insert_many(part[i : i + batch], ordered=False)

    jobs = [
        threading.Thread(target=run, args=(documents[i * share : (i + 1) * share],)) for i in range(threads)
    ]
    collection.database.client.admin.command("ping")
    ready.put(1)
    go.wait()
    before = time.process_time()
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    ready.put(time.process_time() - before)


def make_collection(place: Stand, source: str) -> None:
    """Make the collection of bare inserts anew, with the options and indexes of ours."""
    target = place.client.limit
    target.drop_collection("statements")
    options = place.client[source].command("listCollections", filter={"name": "statements"})["cursor"][
        "firstBatch"
    ][0]["options"]
    target.create_collection("statements", **options)
    for index in place.client[source].statements.list_indexes():
        if index["name"] != "_id_":
            kept = {k: v for k, v in index.items() if k not in {"v", "key", "ns"}}
            target.statements.create_index(list(index["key"].items()), **kept)


def one_rate(
    place: Stand,
    sample: list[dict[str, Any]],
    source: str,
    batch: int,
    shape: tuple[int, int],
    count: int,
    *,
    fresh: bool = True,
) -> tuple[float, float]:
    """Measure one combination of processes and threads on a collection with the same indexes.

    It is emptied first, or with `fresh=False` grows from measurement to measurement as ours does: a store in
    use also writes what earlier inserts left behind in memory.

    Returns documents/s, and the processor time of client and MongoDB for each in microseconds, which says
    more than the rate while others use the machine.
    """
    processes, threads = shape
    if fresh or "statements" not in place.client.limit.list_collection_names():
        make_collection(place, source)
    count -= count % (threads * batch)
    context = multiprocessing.get_context("spawn")
    ready, go = context.Queue(), context.Event()
    jobs = [
        context.Process(target=insert, args=(place.mongod.uri, sample, batch, threads, count, ready, go))
        for _ in range(processes)
    ]
    for job in jobs:
        job.start()
    for _ in jobs:
        ready.get(timeout=120)
    server = cpu_seconds(place.mongod.process.pid)
    began = time.perf_counter()
    go.set()
    clients = sum(ready.get(timeout=600) for _ in jobs)
    took = time.perf_counter() - began
    server = cpu_seconds(place.mongod.process.pid) - server
    for job in jobs:
        job.join()
    return processes * count / took, (clients + server) * 1e6 / (processes * count)


def bare_inserts(place: Stand, source: str, sizes: dict[int, int]) -> dict[str, Any]:
    """Return for each batch size the best rate and that of every combination, in statements/s.

    `sizes` maps batch size to documents per client process; `source` is what our ingest filled.
    """
    sample = list(place.client[source].statements.aggregate([{"$sample": {"size": 4000}}]))
    result: dict[str, Any] = {}
    for batch, count in sizes.items():
        rates = {
            f"{processes}x{threads}": round(
                one_rate(place, sample, source, batch, (processes, threads), count)[0], 1
            )
            for processes, threads in CLIENTS
        }
        result[str(batch)] = {"best": max(rates.values()), "by_processes_x_threads": rates}
    place.client.drop_database("limit")
    return result


def empty_view(place: Stand, seconds: float, connections: int = 16) -> dict[str, float]:
    """Return wrk's result for an empty Flask view behind the same gunicorn."""
    with place.web("empty", "empty:app", HERE) as web:
        variables = {"KIND": "empty", "AUTHS": "Basic eDp5"}
        wrk(
            f"{web.url}/xapi/statements",
            "write.lua",
            variables,
            connections=connections,
            seconds=2,
            watched={},
        )
        return wrk(
            f"{web.url}/xapi/statements", "write.lua", variables,
            connections=connections, seconds=seconds, watched=web.watched,
        )  # fmt: skip


def measure_limits(run: Run, source: str = "ingest") -> Figures:
    """Bare inserts and the empty view; needs a database that ingest filled."""
    if run.place.client[source].statements.estimated_document_count() < 4000:
        run.place.database(source).client.close()
        load(run.place, source, 0, 8000)
    scale = max(1.0, run.seconds / 5)
    bare = bare_inserts(
        run.place,
        source,
        {1: int(3200 * scale), 10: int(16000 * scale), 50: int(32000 * scale), 250: int(32000 * scale)},
    )
    empty = empty_view(run.place, run.seconds)
    for size, found in bare.items():
        run.say(f"  bare inserts, batch of {size}: {found['best']:.0f}/s")
    run.say(f"  empty Flask view: {empty['requests_s']:.0f}/s")
    return {"bare_inserts": bare, "empty_view": empty}
