"""The machines of a run: an own MongoDB and gunicorn over it, with 40 organizations and a client in each."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generate import ORGS
from pymongo import MongoClient
from pymongo.database import Database

from lrs.access import clients, organizations
from lrs.foundation.database import connect
from lrs.foundation.settings import Settings, to_env
from lrs.indexes import ensure_indexes
from lrs.running.mongod import Mongod, find_mongod, free_port, start_mongod

HERE = Path(__file__).parent
GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:lrs.running.gunicorn_settings"]
ROOT = HERE.parents[1]


@dataclass
class Stand:
    """A running MongoDB and what the parts need to use it."""

    mongod: Mongod
    folder: Path
    workers: int
    threads: int
    kind: str
    client: MongoClient[dict[str, Any]] = field(init=False)
    auths: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = MongoClient(self.mongod.uri)

    def settings(self, database: str, port: int = 8080) -> Settings:
        return Settings(
            mongodb_uri=self.mongod.uri, database=database, data_folder=self.folder / "data", port=port,
            web_workers=self.workers, web_threads=self.threads, log_level="warning",
            content_url="http://*.localhost:8081",
        )  # fmt: skip

    def environ(self, database: str, port: int = 8080) -> dict[str, str]:
        """Return the environment of our processes; compiled modules stay first in Python's path."""
        paths = filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)])
        return to_env(self.settings(database, port), os.environ) | {"PYTHONPATH": os.pathsep.join(paths)}

    def database(self, name: str) -> Database[dict[str, Any]]:
        """Return a database with indexes, 40 organizations and one client in each, made on first use."""
        db = connect(self.settings(name))
        if name not in self.auths:
            ensure_indexes(db)
            self.auths[name] = make_clients(db)
        return db

    @contextlib.contextmanager
    def web(
        self,
        database: str,
        application: str = "wsgi:app",
        folder: Path = ROOT,
        workers: int | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Iterator[Web]:
        """Run gunicorn with our configuration, and `more` of the environment, until the block ends."""
        port = free_port()
        environ = self.environ(database, port) | (more or {})
        log = self.folder / f"gunicorn-{port}.log"
        began = time.perf_counter()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*GUNICORN, "-k", self.kind, "-w", str(workers or self.workers), application],
                env=environ, cwd=folder, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/healthz", process, log)
            yield Web(
                url,
                process,
                {"web": [process.pid], "mongod": [self.mongod.process.pid]},
                time.perf_counter() - began,
            )
        finally:
            process.terminate()
            process.wait(30)


@dataclass(frozen=True)
class Web:
    """A running gunicorn."""

    url: str
    process: subprocess.Popen[bytes]
    watched: dict[str, list[int]]
    start_seconds: float


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise RuntimeError(f"gunicorn ended:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"gunicorn does not answer:\n{log.read_text()}")


def make_clients(db: Database[dict[str, Any]]) -> dict[str, str]:
    """Make the vendor, 40 partners and one client each; return Authorization values by organization."""
    now = dt.datetime.now(dt.UTC)
    pair = clients.bootstrap(db, None, None, now)
    if pair is None:
        raise RuntimeError("the database of a run must be new")
    auths = {organizations.VENDOR: basic(*pair)}
    for number in range(ORGS):
        org = f"partner-{number:02d}"
        organizations.create_org(db, org, name=org, kind="partner", parent=organizations.VENDOR, now=now)
        client, secret = clients.create_client(
            db, org, now=now, scopes=("all",), controlled_by="vendor", label="lms"
        )
        auths[org] = basic(client["_id"], secret)
    return auths


def basic(key: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


@contextlib.contextmanager
def stand(folder: Path, *, workers: int, threads: int, kind: str, cache_gb: float) -> Iterator[Stand]:
    """Start the run's MongoDB below `folder` and stop it at the end."""
    mongod = start_mongod(find_mongod().program, folder / "mongodb", cache_gb=cache_gb)
    try:
        made = Stand(mongod, folder, workers, threads, kind)
        with made.client:
            yield made
    finally:
        mongod.stop()
