"""`lrs serve`: MongoDB, gunicorn and one worker, started in order, kept alive, stopped together."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from lrs.access import clients
from lrs.content.origin.addresses import check_origins
from lrs.foundation.context import utc_now
from lrs.foundation.database import check_mongodb, connect
from lrs.foundation.settings import CONTENT_NOTE, MONGODB_NOTE, URL_NOTE, Settings, StartFailure, to_env
from lrs.migrations import run as migrations
from lrs.running.clock import clock_faults
from lrs.running.gate import Gate
from lrs.running.mongod import (
    end_with_parent,
    find_mongod,
    guarded_mongod,
    locked_folder,
    unusable,
    write_privately,
)
from lrs.running.port_holder import holder_of

Say = Callable[[str], None]
WORKER = [sys.executable, "-m", "lrs", "worker"]
PASSWORD_FILE = "mongodb-password"  # noqa: S105 -- the name of a file, in the data folder
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
# a child that ends by itself is started again, but not for ever
RESTARTS, WITHIN_SECONDS = 5, 60.0


@dataclass(slots=True)
class Child:
    """One supervised process and how to start it (again)."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes] = field(init=False)
    ends: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.process = self.start()

    def revive(self, say: Say) -> None:
        """Start the process again when it has ended; raises StartFailure when that happens too often."""
        if self.process.poll() is None:
            return
        now = time.monotonic()
        self.ends = [end for end in self.ends if now - end < WITHIN_SECONDS] + [now]
        if len(self.ends) > RESTARTS:
            raise StartFailure(
                f"{self.name} ended {len(self.ends)} times within {WITHIN_SECONDS:g} seconds",
                "its lines above say why",
            )
        say(f"{self.name} ended with status {self.process.returncode}; starting it again")
        time.sleep(0.1 * 2 ** len(self.ends))
        try:
            self.process = self.start()
        except StartFailure as failure:  # it died while it started: that counts as one more end
            say(f"{self.name}: {failure}")

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self.process.poll() is None:
            self.process.terminate()

    def stop(self) -> None:
        """End the process by SIGTERM; it has half a minute to finish what it does."""
        self.ask_to_stop()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class StopRequested(Exception):
    """SIGTERM, SIGINT or SIGHUP arrived."""


def _ask(number: int, _frame: FrameType | None) -> None:
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise StopRequested(number)


def serve(settings: Settings, *, own_mongodb: bool, say: Say, demo: bool = False) -> None:
    """Run everything until a signal asks to stop; raises StartFailure when something cannot start.

    `own_mongodb` starts the embedded MongoDB over the data folder; `demo` loads the living example.
    """
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, _ask)
    with contextlib.ExitStack() as stack, contextlib.suppress(StopRequested):
        listener = stack.enter_context(listening(settings.host, settings.port, say))
        content = stack.enter_context(content_listening(settings, say))
        settings = with_content_url(settings, content)
        if own_mongodb:
            stack.enter_context(locked_folder(settings.data_folder))
        environ = to_env(settings, os.environ) | {"PROMETHEUS_MULTIPROC_DIR": str(metrics_folder(settings))}
        gate, children, mongodb = Gate(), list[Child](), list[Child]()
        stack.callback(stop_all, children)
        children.append(start("gunicorn", gunicorn_command(listener, "wsgi:app"), environ, listener, gate))
        if own_mongodb:
            settings, child = stack.enter_context(embedded(settings, say))
            mongodb.append(child)
            stack.callback(stop_all, children)  # before MongoDB
        check_mongodb(settings)
        if not own_mongodb:
            say("MongoDB: the one that LRS_MONGODB_URI names")
        prepare(settings, say)
        environ |= to_env(settings, os.environ)
        gate.open(settings.mongodb_uri)
        wait_until_ready(settings.host, settings.port, children[0])
        children.append(start("content", content_command(content), environ, content))
        if demo:
            load_demo(children, environ)
        children.append(start("worker", WORKER, environ))
        wait_until_ready(settings.host, content.getsockname()[1], children[1])
        announce(settings, say)
        watch([*mongodb, *children], say)


def load_demo(children: list[Child], environ: dict[str, str]) -> None:
    """Load the living example before the worker starts, so that nobody is decided on half a story."""
    children.append(start("demo", [sys.executable, "-m", "lrs.demo"], environ))
    status = children[-1].process.wait()
    if status:
        raise StartFailure(f"the demo was not loaded (status {status})", "its lines above say why")
    children.pop()


def watch(children: list[Child], say: Say) -> None:
    """Keep the children alive until a signal comes."""
    while True:
        for child in children:
            child.revive(say)
        time.sleep(0.5)


def stop_all(children: list[Child]) -> None:
    """Ask all to stop, then wait for each; MongoDB is stopped after them."""
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop()


@contextlib.contextmanager
def listening(host: str, port: int, say: Say, variable: str = "PORT") -> Iterator[socket.socket]:
    """Take a port first, so that nothing else is started when it is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _take_port(listener, (host, port), say, variable)
        listener.set_inheritable(True)
        yield listener


def _take_port(listener: socket.socket, address: tuple[str, int], say: Say, variable: str) -> None:
    """Bind; wait for web processes of ours that are ending, and name anybody else who holds the port."""
    (host, port), option = address, variable.lower().replace("_", "-")
    deadline, is_said = time.monotonic() + STOP_SECONDS, False
    while True:
        try:
            listener.bind((host, port))
        except OSError as error:
            place = f"port {port} on {host}"
            if error.errno != errno.EADDRINUSE:
                raise StartFailure(
                    f"cannot listen on {place}: {error.strerror}", "correct LRS_HOST"
                ) from error
            holder = holder_of(port)
            if holder is None or not holder.is_ours or time.monotonic() > deadline:
                raise StartFailure(
                    f"{place} is in use" + (f" by {holder}" if holder else ""),
                    f"stop what listens there or choose another with --{option} or LRS_{variable}",
                ) from error
            if not is_said:
                say(f"{place} is held by {holder}, a web process of an earlier start; waiting for its end")
            is_said = True
            time.sleep(0.2)
        else:
            return


@contextlib.contextmanager
def content_listening(settings: Settings, say: Say) -> Iterator[socket.socket]:
    """Take the port of the content origin: the one that is set, else the one after ours, else a free one."""
    wanted = settings.content_port or (settings.port + 1) % 65536
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(listening(settings.host, wanted, say, "CONTENT_PORT"))
            listener.listen()  # of two servers that start at once, both may bind, but only one may listen
        except (StartFailure, OSError):
            if settings.content_port:
                raise
            listener = stack.enter_context(listening(settings.host, 0, say, "CONTENT_PORT"))
        yield listener


def with_content_url(settings: Settings, listener: socket.socket) -> Settings:
    """Return the settings with the address of the content origin, which browsers find on this machine."""
    port = listener.getsockname()[1]
    url = settings.content_url or f"http://*.localhost:{port}"
    found = dataclasses.replace(settings, content_url=url, content_port=port)
    check_origins(found)
    return found


@contextlib.contextmanager
def embedded(settings: Settings, say: Say) -> Iterator[tuple[Settings, Child]]:
    """Run the embedded MongoDB over the data folder, which is locked.

    Its URI and ours are left there for the other commands.
    """
    found = find_mongod()
    notes = [settings.data_folder / note for note in (MONGODB_NOTE, URL_NOTE, CONTENT_NOTE)]
    folder = settings.data_folder / "mongodb"
    cache = settings.mongodb_cache_gb or None
    password = settings.data_folder / PASSWORD_FILE
    server = guarded_mongod(
        found.program, folder, password, port=settings.mongodb_port or None, cache_gb=cache
    )
    running = [server]

    def again() -> subprocess.Popen[bytes]:
        if running[-1].process.poll() is not None:
            same = {"port": server.port, "cache_gb": cache}
            running.append(guarded_mongod(found.program, folder, password, **same))
        return running[-1].process

    try:
        say(f"MongoDB: {found.program} (from the {found.origin}), data in {folder}")
        said = (server.uri, settings.public_url, settings.content_url)
        for note, text in zip(notes, said, strict=True):
            write_privately(note, text)
        yield dataclasses.replace(settings, mongodb_uri=server.uri), Child("mongod", again)
    finally:
        for note in notes:
            note.unlink(missing_ok=True)
        running[-1].stop()


def prepare(settings: Settings, say: Say) -> None:
    """Make, on an empty database, indexes, the vendor and the first client, whose secret is said once.

    Elsewhere web processes see to the indexes, as they do where there is no `lrs serve`.
    """
    db = connect(settings)
    with db.client:
        now = utc_now()
        migrations.start(db, now)
        if db.clients.find_one({}, {"_id": 1}) is None:
            from lrs.indexes import ensure_indexes  # noqa: PLC0415 -- it knows every store, a second to load

            ensure_indexes(db)
        first = clients.bootstrap(db, settings.bootstrap_key, settings.bootstrap_secret, now)
        for fault in clock_faults(db, utc_now):
            say(f"Clock       {fault}: run NTP on every machine, or times of statements and expiry are wrong")
    if first is not None:
        # said before anything else can fail: it cannot be said again
        say(f"Client      key {first[0]}  secret {first[1]}   (shown once; `lrs clients` makes more)")
        say(f"Set up      {settings.public_url}/setup   (the first administrator, with this key and secret)")


def metrics_folder(settings: Settings) -> Path:
    """Return an empty folder in which the counters of all web processes meet."""
    folder = settings.data_folder / "metrics"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            file.unlink()
    except OSError as error:
        raise unusable(settings.data_folder, error) from error
    return folder


def gunicorn_command(listener: socket.socket, target: str) -> list[str]:
    """Return gunicorn's command line over a socket that is already taken."""
    return [
        *(sys.executable, "-m", "gunicorn", "-c", "python:lrs.running.gunicorn_settings"),
        *("-b", f"fd://{listener.fileno()}", target),
    ]


def content_command(listener: socket.socket) -> list[str]:
    """Return the command line of the content origin: one process, whose threads mostly wait."""
    return [*gunicorn_command(listener, "lrs.content_app:from_env()"), "-w", "1"]


def start(
    name: str,
    command: list[str],
    environ: dict[str, str],
    listener: socket.socket | None = None,
    gate: Gate | None = None,
) -> Child:
    """Start a child that ends with us, however we end; the stack stops it."""

    def begin() -> subprocess.Popen[bytes]:
        kept = () if listener is None else (listener.fileno(),)
        return subprocess.Popen(  # noqa: S603 -- our own interpreter and modules
            command,
            env=environ if gate is None else environ | gate.variables,
            stdin=subprocess.DEVNULL,
            pass_fds=kept if gate is None else (*kept, *gate.inherited),
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop the children in order
            preexec_fn=end_with_parent,  # noqa: PLW1509 -- no other way to tie a child to its parent
        )

    return Child(name, begin)


def wait_until_ready(host: str, port: int, web: Child) -> None:
    """Wait for the first answer, even while a disk is full; raises StartFailure when there is none."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- compared only
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if web.process.poll() is not None:
            raise StartFailure(
                f"gunicorn ended at once with status {web.process.returncode}", "its lines above say why"
            )
        connection = http.client.HTTPConnection(host, port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise StartFailure(f"gunicorn did not answer within {READY_SECONDS:g} seconds", "its lines above say why")


def announce(settings: Settings, say: Say) -> None:
    """Say where everything is."""
    url = settings.public_url
    say(f"xAPI        {url}/xapi")
    say(f"API page    {url}/api/v1/docs")
    say(f"Content     {settings.content_url}   (packages, each on its own host)")
    say(f"Public      {url}/registry  {url}/.well-known/did.json")
    if not (folder := settings.player_libraries).is_dir():
        say(f"Player      none in {folder}: SCORM and H5P content cannot run; see docs/operations.md")
    say("Ready. Ctrl-C stops everything.")
