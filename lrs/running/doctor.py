"""What `lrs doctor` looks at: each check yields findings, and what is not good says what to do."""

from __future__ import annotations

import datetime as dt
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import pymongo
from pymongo.errors import PyMongoError

from lrs.content.origin.addresses import check_origins
from lrs.credentials.keys import key_store
from lrs.foundation.context import Services
from lrs.foundation.database import DURABLE
from lrs.foundation.settings import StartFailure
from lrs.indexes import INDEX_TABLES
from lrs.migrations import run as migrations
from lrs.migrations import schema_version
from lrs.migrations.steps import SCHEMA
from lrs.running.clock import clock_faults

Level = Literal["good", "doubtful", "bad"]
SLOW_WRITE = 0.1
MARK_PATIENCE = dt.timedelta(minutes=1)
LOW_DISK, VERY_LOW_DISK = 5 * 2**30, 2**30
RENEWAL = dt.timedelta(days=21)  # those of 90 days are renewed a month before their end
SUPPORTED = (5, 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer: what was looked at, how it stands, and what to do when it is not good."""

    level: Level
    about: str
    fact: str
    advice: str = ""


Check = Callable[[Services], Iterator[Finding]]


def examine(services: Services) -> Iterator[Finding]:
    """Yield the findings of all checks; without MongoDB only those that need none."""
    yield from check_address(services)
    yield from check_certificate(services)
    yield from check_content_origin(services)
    yield from check_data_folder(services)
    reachable = True
    for finding in check_mongodb(services):
        reachable = reachable and finding.level != "bad"
        yield finding
    if reachable:
        for check in DATABASE_CHECKS:
            yield from check(services)


def check_address(services: Services) -> Iterator[Finding]:
    """The public address is written into credentials, so it must be one that strangers reach."""
    url = services.settings.public_url
    host = urlsplit(url).hostname
    if host in {"127.0.0.1", "localhost", "::1"}:
        yield Finding(
            "doubtful", "address", f"{url} is this machine only",
            "set LRS_PUBLIC_URL before the first award: credentials carry the address",
        )  # fmt: skip
    elif urlsplit(url).scheme != "https":
        yield Finding(
            "doubtful", "address", f"{url} is not encrypted", "put a TLS proxy in front, use https://"
        )
    else:
        yield Finding("good", "address", url)


def check_certificate(services: Services) -> Iterator[Finding]:
    """Clients trust the certificate of the public address, and will for some weeks."""
    address = urlsplit(services.settings.public_url)
    if address.scheme != "https" or address.hostname is None:
        return
    place = address.hostname, address.port or 443
    try:
        with (
            socket.create_connection(place, 5) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=place[0]) as channel,
        ):
            end = ssl.cert_time_to_seconds(str((channel.getpeercert() or {})["notAfter"]))
    except ssl.SSLCertVerificationError as error:
        yield Finding("bad", "certificate", error.verify_message, "clients refuse it: renew it at the proxy")
    except OSError as error:
        yield Finding(
            "doubtful", "certificate", f"cannot be seen from here ({type(error).__name__})",
            "look from outside, and watch its end there",
        )  # fmt: skip
    else:
        left = dt.datetime.fromtimestamp(end, dt.UTC) - services.now()
        advice = "" if left > RENEWAL else "renew it at the proxy now: renewal should have happened"
        level: Level = "doubtful" if advice else "good"
        yield Finding(level, "certificate", f"valid for {left.days} days", advice)


def check_content_origin(services: Services) -> Iterator[Finding]:
    """Uploaded content needs an origin of its own, best with a host for each package."""
    settings = services.settings
    if not settings.content_url:
        yield Finding(
            "doubtful", "content origin", "none is set: uploaded courses cannot be opened",
            "set LRS_CONTENT_URL, or run `lrs serve`",
        )  # fmt: skip
        return
    try:
        check_origins(settings)
    except StartFailure as failure:
        yield Finding("bad", "content origin", failure.fact, failure.advice)
        return
    if "*" not in settings.content_url:
        yield Finding(
            "doubtful", "content origin", f"{settings.content_url} is shared by all packages",
            "use https://*.HOST: packages then cannot read what others keep in the browser",
        )  # fmt: skip
    else:
        yield Finding("good", "content origin", settings.content_url)


def check_data_folder(services: Services) -> Iterator[Finding]:
    """The data folder holds the embedded MongoDB and the passphrase of the keys."""
    folder = services.settings.data_folder
    if not folder.exists():
        yield Finding("doubtful", "data folder", f"{folder} does not exist yet", "`lrs serve` makes it")
        return
    yield disk("data folder", f"{folder}", shutil.disk_usage(folder).free)


def disk(about: str, place: str, free: float) -> Finding:
    """Judge the free space of a disk, in bytes."""
    fact = f"{free / 2**30:.1f} GB free at {place}"
    if free < VERY_LOW_DISK:
        return Finding("bad", about, fact, "make room now: MongoDB stops when the disk is full")
    if free < LOW_DISK:
        return Finding("doubtful", about, fact, "make room soon")
    return Finding("good", about, fact)


def check_mongodb(services: Services) -> Iterator[Finding]:
    """MongoDB answers, is a replica set or a sharded cluster, and is not too old."""
    try:
        with pymongo.timeout(5):
            hello = services.db.client.admin.command("hello")
            version = services.db.client.server_info()["versionArray"]
    except PyMongoError as error:
        yield Finding(
            "bad",
            "MongoDB",
            f"does not answer ({type(error).__name__})",
            "start it or correct LRS_MONGODB_URI",
        )
        return
    text = ".".join(map(str, version[:3]))
    if hello.get("msg") == "isdbgrid":
        yield Finding("good", "MongoDB", f"{text}, sharded cluster")
    elif "setName" not in hello:
        yield Finding(
            "bad", "MongoDB", f"{text}, standalone: no transactions",
            "start mongod with --replSet rs0 and run `mongosh --eval 'rs.initiate()'`",
        )  # fmt: skip
    elif not hello.get("isWritablePrimary"):
        yield Finding("bad", "MongoDB", f"{text}, no primary", "look at `rs.status()`; a majority must be up")
    else:
        members = len(hello.get("hosts", ()))
        yield Finding(
            "good" if members > 2 else "doubtful", "MongoDB", f"{text}, replica set of {members}",
            "" if members > 2 else "fine for one machine; three members survive the loss of one",
        )  # fmt: skip
    if tuple(version[:2]) < SUPPORTED:
        yield Finding("bad", "MongoDB", f"version {text} is too old", "use 5.0 or newer")


def check_write(services: Services) -> Iterator[Finding]:
    """One durable write (majority and journal) succeeds, and how long it takes."""
    probes = services.db.get_collection("doctor", write_concern=DURABLE)
    began = time.perf_counter()
    try:
        with pymongo.timeout(10):
            probes.replace_one({"_id": "probe"}, {"_id": "probe", "at": services.now()}, upsert=True)
    except PyMongoError as error:
        yield Finding(
            "bad", "write concern", f"no durable write ({type(error).__name__})",
            "a majority of voting members must be up and the disk writable",
        )  # fmt: skip
        return
    took = time.perf_counter() - began
    fact = f"majority, journaled in {took * 1000:.0f} ms"
    yield Finding(
        "good" if took < SLOW_WRITE else "doubtful", "write concern", fact,
        "" if took < SLOW_WRITE else "a slow disk or a distant member makes every statement wait this long",
    )  # fmt: skip


def check_schema(services: Services) -> Iterator[Finding]:
    """The database was written by this version or an older one, and its migrations are done."""
    try:
        schema_version.refuse_newer(schema_version.read(services.db), SCHEMA)
    except StartFailure as error:
        yield Finding("bad", "schema", *error.args)
        return
    waiting = migrations.pending(services.db)
    if waiting:
        yield Finding(
            "doubtful", "schema", f"{len(waiting)} migrations to do, the first: {waiting[0].title}",
            "the worker does them; `lrs migrate` does them now",
        )  # fmt: skip
        return
    yield Finding("good", "schema", f"number {SCHEMA}")


def check_indexes(services: Services) -> Iterator[Finding]:
    """Every declared index exists with the declared keys."""
    wanted = [
        (name, index.document) for table in INDEX_TABLES for name, all_ in table.items() for index in all_
    ]
    missing = []
    known: dict[str, dict[str, list[tuple[str, object]]]] = {}
    for collection, document in wanted:
        if collection not in known:
            information = services.db[collection].index_information()
            known[collection] = {name: list(one["key"]) for name, one in information.items()}
        if known[collection].get(document["name"]) != list(document["key"].items()):
            missing.append(f"{collection}.{document['name']}")
    if missing:
        yield Finding(
            "bad", "indexes", f"missing or different: {', '.join(missing)}",
            "start `lrs serve` or `lrs worker` once, which make them; drop a different one by hand first",
        )  # fmt: skip
    else:
        yield Finding("good", "indexes", f"{len(wanted)} as declared")


def check_clock(services: Services) -> Iterator[Finding]:
    """This clock agrees with MongoDB's: `stored`, leases and expiry depend on it."""
    faults = list(clock_faults(services.db, services.now))
    for fault in faults:
        yield Finding("bad", "clock", fault, "run NTP on every machine")
    if not faults:
        yield Finding("good", "clock", "agrees with MongoDB's")


def check_keys(services: Services) -> Iterator[Finding]:
    """The key that signs credentials can be opened."""
    if services.db.signing_keys.find_one({"org": "vendor"}) is None:
        yield Finding("doubtful", "signing key", "none yet", "the first credential makes one")
        return
    try:
        keys = key_store(services.settings, services.db)
        name = keys.current()
        keys.sign(name, b"lrs doctor")
    except StartFailure as failure:
        yield Finding("bad", "signing key", failure.fact, failure.advice)
    else:
        yield Finding("good", "signing key", f"{name} signs")


def check_first_client(services: Services) -> Iterator[Finding]:
    """Somebody can write and administer."""
    count = services.db.clients.count_documents({"revoked_at": None})
    if count:
        yield Finding("good", "clients", f"{count} with a key")
    else:
        yield Finding("bad", "clients", "none", "start `lrs serve`, or `lrs clients add`")


def check_marks(services: Services) -> Iterator[Finding]:
    """Statements that certifications wait for are looked at soon."""
    oldest = services.db.statements.find_one(
        {"pending": True}, {"stored": 1}, sort=[("pending", 1), ("_id", 1)]
    )
    if oldest is None:
        yield Finding("good", "evaluation", "nothing waits")
        return
    count = services.db.statements.count_documents({"pending": True}, limit=100_000)
    age = services.now() - oldest["stored"]
    fact = f"{count} statements wait, the oldest for {age.total_seconds():.0f} s"
    if age > MARK_PATIENCE:
        yield Finding("bad", "evaluation", fact, "is `lrs worker` running? its log says what stops it")
    else:
        yield Finding("good", "evaluation", fact)


def check_disk_of_mongodb(services: Services) -> Iterator[Finding]:
    """The disk under MongoDB has room."""
    stats = services.db.command("dbStats")
    if "fsTotalSize" in stats:
        yield disk("MongoDB's disk", "MongoDB", stats["fsTotalSize"] - stats["fsUsedSize"])


DATABASE_CHECKS: tuple[Check, ...] = (
    check_write, check_schema, check_indexes, check_clock, check_keys, check_first_client, check_marks,
    check_disk_of_mongodb,
)  # fmt: skip
