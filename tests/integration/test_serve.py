"""`lrs serve`: starts all or nothing, says in one line what is wrong, stops cleanly, restarts."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving import Serve, gone

from lrs import mongod as embedded
from lrs.mongod import find_mongod, free_port
from lrs.settings import StartFailure


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
    assert first.end(number) == 0
    assert gone(first, 1)
    assert not [name for name in ("mongodb.uri", "public.url") if (first.folder / name).exists()]
    again = run().wait_ready()
    assert "secret" not in again.text, "a secret is shown once"
    assert again.end() == 0


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
    assert line == (
        f"lrs: port {port} on 127.0.0.1 is in use; stop what listens there "
        "or choose another with --port or LRS_PORT"
    )
    assert not (tmp_path / "data").exists(), "nothing was begun"


def test_data_folder_that_cannot_be_made_is_one_line_with_advice(
    run: Callable[..., Serve], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used" in refused(run(folder="file/data"))


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
