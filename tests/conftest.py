"""Fixtures: one real MongoDB replica set per run, a clean database per test, a real gunicorn."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from order import longest_first
from pymongo import MongoClient
from pymongo.database import Database
from werkzeug.routing import Rule

from lrs.foundation.settings import Settings
from lrs.running.mongod import find_mongod, free_port, start_mongod
from statements.intake.prepare import OrderClock

RUN_FOLDER = "LAUREL_TEST_RUN"  # set by the first pytest process; xdist workers inherit it
KEY, SECRET = "test-key", "test-secret"
FAST_PATH = os.environ.get("LAUREL_TEST_FAST_PATH") != "off"  # a second run of protocol tests is without it
# a child of a pytest that is killed gets SIGTERM from the kernel
TIED = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
GUNICORN = [*TIED, sys.executable, "-m", "gunicorn", "-c", "python:lrs.running.gunicorn_settings"]
ROOT = Path(__file__).parents[1]


# no test measures time; the rest is as hypothesis chose it for this place
settings.register_profile(
    "laurel", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("laurel")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and draw this share of the random examples: less where modules run once more."""
    longest_first(items)
    share = float(os.environ.get("LAUREL_TEST_EXAMPLES", "1"))
    done: set[int] = set()
    for item in items if share < 1 else ():
        test = getattr(item, "obj", None)
        test = getattr(test, "__func__", test)
        given = getattr(test, "_hypothesis_internal_use_settings", None)
        if getattr(test, "is_hypothesis_test", False) and id(test) not in done:
            done.add(id(test))  # a test has an item for each of its parameters
            given = given or hypothesis.settings()
            fewer = hypothesis.settings(given, max_examples=max(10, int(given.max_examples * share)))
            test._hypothesis_internal_use_settings = fewer


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of this run; the process that made it also removes it."""
    config.addinivalue_line("markers", "described: answers of the API are as the OpenAPI document says")
    if RUN_FOLDER not in os.environ:
        memory = Path("/dev/shm")
        os.environ[RUN_FOLDER] = tempfile.mkdtemp(
            prefix="laurel-test-", dir=memory if os.access(memory, os.W_OK) else None
        )
        config.stash[MADE_FOLDER] = True


MADE_FOLDER = pytest.StashKey[bool]()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the MongoDB of this run and remove its folder."""
    if config.stash.get(MADE_FOLDER, False):
        folder = Path(os.environ.pop(RUN_FOLDER))
        with contextlib.suppress(OSError, ValueError):
            pid = int((folder / "pid").read_text())
            os.kill(pid, signal.SIGTERM)
            for _ in range(200):
                os.kill(pid, 0)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
                time.sleep(0.05)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mongod() -> str:
    """The URI of the run's MongoDB: the first process that asks starts it, the last one leaving ends it."""
    folder = Path(os.environ[RUN_FOLDER])
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = folder / "uri"
        if not known.exists():
            keeper = subprocess.Popen(
                [sys.executable, __file__, str(folder), str(os.getppid() if _is_xdist() else os.getpid())],
                start_new_session=True, env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
            )  # fmt: skip
            (folder / "pid").write_text(str(keeper.pid))
            while not known.exists():
                assert keeper.poll() is None, "the MongoDB of the tests did not start"
                time.sleep(0.05)
            keeper.returncode = 0  # pytest_unconfigure ends it, not this Popen
    return known.read_text()


def _is_xdist() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def keep_mongod(folder: Path, watched: int) -> None:
    """Run MongoDB until SIGTERM or until the process `watched` is gone (a killed pytest leaves nothing)."""
    server = start_mongod(find_mongod().program, folder / "mongo", cache_gb=0.5)
    with MongoClient[dict[str, Any]](server.uri) as client:
        # tests live at instants of their own, long past for MongoDB, which would remove their rows once a minute
        client.admin.command("setParameter", 1, ttlMonitorEnabled=False)
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    (folder / "uri.new").write_text(server.uri)
    (folder / "uri.new").rename(folder / "uri")
    while not asked and Path(f"/proc/{watched}").exists() and server.process.poll() is None:
        time.sleep(0.1)
    server.stop()
    if not asked:
        shutil.rmtree(folder, ignore_errors=True)


def worker_database(suffix: str = "") -> str:
    """Return this process's own database name, so that xdist workers never meet."""
    return f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}{suffix}"


@pytest.fixture(scope="session")
def mongo_client(mongod: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """One client per process, with the write concern of production."""
    from lrs.foundation.database import connect  # not at the top: pure tests start without the application

    db = connect(Settings(mongodb_uri=mongod, database=worker_database()))
    yield db.client
    db.client.close()


def empty(db: Database[dict[str, Any]]) -> None:
    """Remove every document and keep collections and indexes: much cheaper than dropping the database."""
    from lrs.indexes import ensure_indexes

    kept = set()
    for info in db.list_collections():
        if info["type"] == "collection" and not info["name"].startswith("system."):
            if info.get("options", {}).get("capped"):
                db.drop_collection(info["name"])
            else:
                kept.add(info["name"])
    for name in filled(db, kept):
        db[name].delete_many({})
    if not kept or kept != INDEXED.get(db.name):  # a test that drops an index makes it again itself
        ensure_indexes(db)
        INDEXED[db.name] = kept | set(db.list_collection_names(filter={"type": "collection"}))


INDEXED: dict[str, set[str]] = {}  # the collections of a database when its indexes were made last


def filled(db: Database[dict[str, Any]], names: Iterable[str]) -> list[str]:
    """Return which of these collections hold documents, all asked for at once: most are empty."""
    looks = [
        {"$unionWith": {"coll": name, "pipeline": [{"$limit": 1}, {"$project": {"_id": {"$literal": name}}}]}}
        for name in names
    ]
    return [row["_id"] for row in db.aggregate([{"$documents": []}, *looks])] if looks else []


@pytest.fixture
def db(mongo_client: MongoClient[dict[str, Any]]) -> Database[dict[str, Any]]:
    """An empty database with every index made."""
    database = mongo_client[worker_database()]
    empty(database)
    return database


@pytest.fixture(autouse=True)
def own_order_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test's late `now` push the `stored` of the next test's statements beyond its own."""
    monkeypatch.setattr("statements.ingest.CLOCK", OrderClock())


@pytest.fixture(scope="session", autouse=True)
def remembered_builders() -> Iterator[None]:
    """Let Werkzeug write the code that builds a route's address once, not again for each test's application.

    It takes four fifths of making an application, and depends on nothing but the rule.
    """
    made: dict[object, Any] = {}
    write = Rule._compile_builder

    def remembered(self: Rule, append_unknown: bool = True) -> Any:
        defaults = sorted((self.defaults or {}).items())
        asked = (self.rule, tuple(self._trace), str(defaults), append_unknown)
        if asked not in made:
            made[asked] = write(self, append_unknown)
        return made[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", remembered)
        yield


@pytest.fixture(scope="session", autouse=True)
def own_priority() -> Iterator[None]:
    """Let no command that steps back behind others, as an export does, slow the tests after it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.nice", lambda _increment: 0)
        yield


@pytest.fixture(autouse=True)
def own_rule_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test be answered, for up to a second, by the rules of the test before it."""
    monkeypatch.setattr("rules.catalogue.store._CACHES", {})


@pytest.fixture
def settings(mongod: str, tmp_path: Path) -> Settings:
    """Settings of a test application; `dataclasses.replace` makes variants."""
    return Settings(
        mongodb_uri=mongod,
        database=worker_database(),
        public_url="http://lrs.example",
        data_folder=tmp_path / "data",
        fast_path=FAST_PATH,
        bootstrap_key=KEY,
        bootstrap_secret=SECRET,
    )


@pytest.fixture
def app(settings: Settings, db: Database[dict[str, Any]], request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The application over the empty database, its first client made from the bootstrap settings.

    In tests marked `described` no answer of its API may contradict the OpenAPI document.
    """
    from openapi_answers import watch

    from lrs.app import create_app

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lrs.app.ensure_indexes", lambda _db: None)  # the fixture `db` has just done it
        made = create_app(settings, db)
    lies = watch(made) if request.node.get_closest_marker("described") else []
    yield made
    assert sorted(set(lies)) == []


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Flask's test client; pass `headers=auth()`."""
    return app.test_client()


def basic(key: str = KEY, secret: str = SECRET, version: str = "1.0.3") -> dict[str, str]:
    """Return the headers of an xAPI request by Basic authentication."""
    token = base64.b64encode(f"{key}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {token}", "X-Experience-API-Version": version}


@pytest.fixture
def auth() -> Callable[..., dict[str, str]]:
    """Headers by Basic authentication: `auth()` for the bootstrap client, `auth(key, secret)` for others."""
    return basic


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """A running gunicorn: its address, settings, database and process."""

    url: str
    settings: Settings
    db: Database[dict[str, Any]]
    process: subprocess.Popen[bytes]

    @property
    def xapi(self) -> str:
        return f"{self.url}/xapi"

    def auth(self, key: str = KEY, secret: str = SECRET, version: str = "1.0.3") -> dict[str, str]:
        return basic(key, secret, version)


@contextlib.contextmanager
def running_server(settings: Settings, client: MongoClient[dict[str, Any]], log: Path) -> Iterator[Server]:
    """Run gunicorn with two workers over `settings` until the block ends; its log is shown when it fails."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = dataclasses.replace(settings, public_url=url)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LRS_")}
    environ |= {
        "LRS_MONGODB_URI": settings.mongodb_uri, "LRS_DATABASE": settings.database, "LRS_PUBLIC_URL": url,
        "LRS_DATA_FOLDER": str(settings.data_folder), "LRS_FAST_PATH": str(FAST_PATH),
        "LRS_BOOTSTRAP_KEY": KEY, "LRS_BOOTSTRAP_SECRET": SECRET,
    }  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*GUNICORN, "-w", "2", "-b", f"127.0.0.1:{port}", "wsgi:app"],
            env=environ, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_until_answering(url, process, log)
        yield Server(url, settings, client[settings.database], process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_answering(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until any HTTP answer comes back; fails with the log when the process ends before."""
    for _ in range(1800):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="session")
def server(
    mongod: str, mongo_client: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A real gunicorn with two workers for the whole run; its database is not emptied between tests,

    so a test uses its own actors, activities and ids (or its own organization), or `fresh_server`.
    """
    folder = tmp_path_factory.mktemp("server")
    settings = Settings(mongodb_uri=mongod, database=worker_database("_server"), data_folder=folder / "data")
    with running_server(settings, mongo_client, folder / "gunicorn.log") as running:
        yield running


@pytest.fixture
def fresh_server(mongod: str, mongo_client: MongoClient[dict[str, Any]], tmp_path: Path) -> Iterator[Server]:
    """A real gunicorn over an empty database for one test; costs a start, prefer `server`."""
    settings = Settings(mongodb_uri=mongod, database=worker_database("_fresh"), data_folder=tmp_path / "data")
    empty(mongo_client[settings.database])
    with running_server(settings, mongo_client, tmp_path / "gunicorn.log") as running:
        yield running


if __name__ == "__main__":
    keep_mongod(Path(sys.argv[1]), int(sys.argv[2]))
