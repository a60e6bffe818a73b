"""`lrs serve`: starts all or nothing, says in one line what is wrong, stops cleanly, restarts."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from serving import Serve, gone

from lrs.foundation.settings import Settings, StartFailure
from lrs.running import mongod as embedded
from lrs.running import serve as serving
from lrs.running.mongod import find_mongod, free_port, guarded_mongod, start_mongod


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Serve]]:
    """Start `lrs serve` over a folder; whatever is left at the end is ended."""
    started: list[Serve] = []

    def begin(*options: str, folder: str = "data", **variables: str) -> Serve:
        started.append(Serve(tmp_path / folder, *options, **variables))
        return started[-1]

    yield begin
    for serve in started:
        if serve.process.poll() is None:
            serve.process.kill()
            serve.process.wait()
        gone(serve)


def refused(serve: Serve) -> str:
    """Wait for the end; return the one line of its reason."""
    status = serve.process.wait(60)
    lines = serve.text.strip().splitlines()
    assert status != 0
    assert "Traceback" not in serve.text
    assert gone(serve)
    return lines[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_everything_cleanly_and_finds_it_again(run: Callable[..., Serve], number: int) -> None:
    first = run().wait_ready()
    assert "MongoDB: " in first.text.splitlines()[0]
    key = re.search(r"key (\S+)  secret (\S+)", first.text)
    assert key
    assert first.status("/healthz") == first.status("/readyz") == 200
    assert (first.folder / "public.url").read_text() == f"http://127.0.0.1:{first.port}\n"
    uri = (first.folder / "mongodb.uri").read_text().strip()
    for secret in ("mongodb.uri", "mongodb-password", "mongodb/laurel.key"):
        assert (first.folder / secret).stat().st_mode & 0o077 == 0, "nobody else on the machine reads it"
    with MongoClient(re.sub(r"//.*@", "//", uri).replace("&authSource=admin", "")) as stranger, \
            pytest.raises(OperationFailure, match="requires authentication"):  # fmt: skip
        stranger.laurel.users.find_one()
    with MongoClient(uri) as known:
        assert known.laurel.orgs.count_documents({}) == 1
    url = (first.folder / "content.url").read_text().strip()
    assert re.fullmatch(r"http://\*\.localhost:\d+", url)
    with urllib.request.urlopen(url.replace("*.localhost", "127.0.0.1") + "/healthz") as answer:
        assert "frame-ancestors" in answer.headers["Content-Security-Policy"]
    assert first.end(number) == 0
    assert gone(first, 1)
    assert not [
        name for name in ("mongodb.uri", "public.url", "content.url") if (first.folder / name).exists()
    ]
    again = run().wait_ready()
    assert "secret" not in again.text, "a secret is shown once"
    assert again.end() == 0


def test_a_database_without_a_password_is_given_one_and_keeps_what_it_has(tmp_path: Path) -> None:
    """Data of a version that asked for none; also where a first start was cut short, on another port."""
    program, folder, password = find_mongod().program, tmp_path / "mongodb", tmp_path / "password"
    server = start_mongod(program, folder)
    with MongoClient(server.uri) as client:
        client.laurel.orgs.insert_one({"_id": "vendor"})
    server.stop()
    for cut_short in (True, False):
        server = guarded_mongod(program, folder, password)
        with MongoClient(server.uri) as client:
            assert client.laurel.orgs.find_one() == {"_id": "vendor"}
        server.stop()
        if cut_short:
            password.unlink()


def test_after_sigkill_children_end_and_a_restart_finds_everything(run: Callable[..., Serve]) -> None:
    first = run().wait_ready()
    os.killpg(first.process.pid, signal.SIGKILL)
    first.process.wait()
    again = run().wait_ready()
    assert "secret" not in again.text
    assert again.end() == 0
    assert gone(first)


def test_a_child_that_dies_is_started_again(run: Callable[..., Serve]) -> None:
    serve = run().wait_ready()
    web = serve.children("fd://")
    for pid in web:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for _ in range(200):
        with contextlib.suppress(OSError):
            if serve.status("/readyz") == 200 and "gunicorn ended with status -9" in serve.text:
                break
        time.sleep(0.05)
    assert "gunicorn ended with status -9; starting it again" in serve.text
    assert serve.status("/readyz") == 200
    assert serve.end() == 0


def test_port_in_use_is_one_line_with_advice(run: Callable[..., Serve], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refused(run("--port", str(port)))
    fact, _, advice = line.partition("; ")
    assert fact.startswith(f"lrs: port {port} on 127.0.0.1 is in use by process {os.getpid()} (")
    assert advice == "stop what listens there or choose another with --port or LRS_PORT"
    assert not (tmp_path / "data").exists(), "nothing was begun"


def test_content_port_in_use_is_one_line_with_advice(run: Callable[..., Serve]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        line = refused(run("--content-port", str(taken.getsockname()[1])))
    assert "is in use" in line
    assert "stop what listens there or choose another with --content-port" in line


def test_content_on_the_host_of_the_application_is_refused(run: Callable[..., Serve]) -> None:
    line = refused(run(LRS_CONTENT_URL="http://127.0.0.1:8081"))
    assert "is on the host of LRS_PUBLIC_URL; give content a host of its own" in line


def test_web_workers_die_with_the_process_that_started_them(run: Callable[..., Serve]) -> None:
    """Killed in the middle, gunicorn leaves nobody who goes on to hold the port."""
    serve = run().wait_ready()
    workers = set(serve.children("wsgi:app"))  # the content origin has a gunicorn of its own
    (master,) = [pid for pid in workers if parent_of(pid) == serve.process.pid]
    os.kill(master, signal.SIGKILL)
    for _ in range(200):
        if not any(Path(f"/proc/{pid}").exists() for pid in workers - {master}):
            break
        time.sleep(0.05)
    assert not [pid for pid in workers - {master} if Path(f"/proc/{pid}").exists()]


def test_a_start_right_after_sigkill_waits_for_the_port(run: Callable[..., Serve]) -> None:
    first = run().wait_ready()
    first.end(signal.SIGKILL)
    second = run("--port", str(first.port)).wait_ready()
    with urllib.request.urlopen(f"http://127.0.0.1:{first.port}/readyz", timeout=10) as answer:
        assert answer.status == 200
    assert second.end() == 0


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_data_folder_that_cannot_be_made_is_one_line_with_advice(
    run: Callable[..., Serve], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used" in refused(run(folder="file/data"))


def test_the_demo_is_loaded_before_anything_is_said_to_be_ready(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And before the worker decides, so that nobody is decided on half a story."""
    done: list[str] = []
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # those of this process stay
    child = SimpleNamespace(process=None, ask_to_stop=lambda: None, stop=lambda: None)
    for name in ("check_mongodb", "prepare", "wait_until_ready", "watch"):
        monkeypatch.setattr(serving, name, lambda *_: None)
    monkeypatch.setattr(serving, "load_demo", lambda *_: done.append("demo"))
    monkeypatch.setattr(serving, "start", lambda name, *_: done.append(name) or child)
    settings = Settings(data_folder=tmp_path, port=free_port())
    serving.serve(settings, own_mongodb=False, say=lambda text: done.append(text.split(".")[0]), demo=True)
    order = [one for one in done if one in {"gunicorn", "demo", "worker", "Ready"}]
    assert order == ["gunicorn", "demo", "worker", "Ready"]


def test_second_serve_on_the_same_folder_is_refused(run: Callable[..., Serve]) -> None:
    first = run().wait_ready()
    second = run()
    assert second.process.wait(60) == 2
    assert f"is in use by process {first.process.pid}, another lrs serve" in second.text
    assert first.status("/readyz") == 200


def test_uri_that_does_not_answer_is_one_line_with_advice(run: Callable[..., Serve]) -> None:
    serve = run("--mongodb-uri", f"mongodb://u:secret@127.0.0.1:{free_port()}/")
    line = refused(serve)
    assert "did not answer within 5 seconds; start it or correct LRS_MONGODB_URI" in line
    assert "secret" not in serve.text


def test_standalone_mongodb_is_refused_with_the_commands_that_help(
    run: Callable[..., Serve], tmp_path: Path
) -> None:
    port, folder = free_port(), tmp_path / "standalone"
    folder.mkdir()
    server = subprocess.Popen(
        [find_mongod().program, "--dbpath", folder, "--port", str(port), "--nounixsocket"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        line = refused(run("--mongodb-uri", f"mongodb://127.0.0.1:{port}/"))
    finally:
        server.terminate()
        server.wait()
    assert "standalone server, which has no transactions" in line
    assert "--replSet rs0" in line
    assert "rs.initiate()" in line


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("LRS_PRT", "1", "unknown variable LRS_PRT; did you mean LRS_PORT?"),
        ("LRS_WEB_THREADS", "x", "LRS_WEB_THREADS=x is not a whole number"),
    ],
)
def test_broken_variable_is_one_line(run: Callable[..., Serve], name: str, value: str, reason: str) -> None:
    assert reason in refused(run(**{name: value}))


def test_no_mongod_says_three_ways_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> None:
        raise ImportError

    monkeypatch.setattr(embedded.importlib, "import_module", missing)
    with pytest.raises(StartFailure, match=r"LRS_MONGODB_URI.*PATH.*pip install"):
        find_mongod(path="/nowhere")


def test_mongod_on_the_path_is_taken_before_the_wheel(tmp_path: Path) -> None:
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_mongod(path=str(tmp_path)) == embedded.Found(program, "PATH")
