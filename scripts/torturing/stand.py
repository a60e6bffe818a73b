"""What is broken: three members of MongoDB, two machines with `lrs serve`, and who gets mail and events."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from click.testing import CliRunner
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from receivers import Receivers
from serving import Serve, gone

from lrs.cli import cli
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings
from lrs.messaging import webhooks
from lrs.running.mongod import end_with_parent, find_mongod, free_port
from scripts.torturing.hosts import Host, Network, wrong_clock

KEY, SECRET = "torture-key", "torture-secret-of-some-length"
PATIENCE: Final = 120.0
MEMBER_ROOM, MACHINE_ROOM, LEAST_ROOM = 700, 160, 64  # megabytes
WEB, WORKER = "fd://", "lrs\0worker"
RULE: Final = """
kind: Certification
id: torture
version: "1"
title: Torture
evidence:
  course: {verb: completed, activity: "https://content.example/course"}
award:
  when: {done: course}
validity: {lasts: 12 months, counted_from: completion, timezone: UTC}
notices: [{events: [award.issued], to: [holder]}]
tests:
  - name: the course is enough
    given: [{who: ana, verb: completed, activity: "https://content.example/course", at: 2026-01-10}]
    expect: [{who: ana, at: 2026-01-11, status: active}]
"""


def wait_for(found: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Return what is found in the end; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)
    return value


class Member:
    """One mongod on a host of its own, which can be killed and started again."""

    def __init__(self, host: Host, port: int) -> None:
        self.host, self.port = host, port
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.host.folder.parent / f"{self.host.name}.log").open("ab") as log:
            return subprocess.Popen(
                [*self.host.under, str(find_mongod().program), "--dbpath", str(self.host.folder),
                 "--port", str(self.port), "--bind_ip", self.host.address, "--replSet", "trio",
                 "--wiredTigerCacheSizeGB", "0.25", "--quiet", "--oplogSize", "100", "--nounixsocket"],
                stdout=log, stderr=log, start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 -- no other way to set it
            )  # fmt: skip

    @property
    def place(self) -> str:
        """Return host:port."""
        return f"{self.host.address}:{self.port}"

    def command(self, name: str, value: Any = 1, **more: Any) -> dict[str, Any] | None:
        """Return what it answers, None where it does not."""
        with contextlib.suppress(PyMongoError):
            client: MongoClient[dict[str, Any]] = MongoClient(
                self.place, directConnection=True, serverSelectionTimeoutMS=1000, socketTimeoutMS=5000
            )
            with client:
                return client.admin.command(name, value, **more)
        return None

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def revive(self) -> None:
        """Start it where it does not run."""
        if self.process.poll() is not None:
            self.process = self._start()


class Members:
    """The replica set."""

    def __init__(self, network: Network) -> None:
        self.all = [
            Member(network.host(f"member{n}", room=MEMBER_ROOM), 27017 if network.is_real else free_port())
            for n in range(3)
        ]
        asked = {
            "_id": "trio", "members": [{"_id": n, "host": one.place} for n, one in enumerate(self.all)],
            "settings": {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500},
        }  # fmt: skip
        wait_for(lambda: self.all[0].command("replSetInitiate", asked))

    @property
    def uri(self) -> str:
        """The address of the set."""
        hosts = ",".join(one.place for one in self.all)
        return f"mongodb://{hosts}/?replicaSet=trio&serverSelectionTimeoutMS=20000"

    def primary(self) -> Member:
        """Return the primary, waiting for one."""

        def found() -> Member | None:
            return next(
                (one for one in self.all if (one.command("hello") or {}).get("isWritablePrimary")), None
            )

        member: Member = wait_for(found)
        return member


class Machine:
    """`lrs serve` on a host of its own."""

    def __init__(self, host: Host, environ: dict[str, str]) -> None:
        self.host = host
        self.serve = Serve(
            host.folder / "data", "--host", host.address, under=host.under, **environ, **host.clock
        )

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.host.address}:{self.serve.port}"

    def pick(self, part: str, chance: random.Random) -> int | None:
        """Return one of its processes."""
        found = [pid for pid in self.serve.children(part) if pid != self.serve.process.pid]
        return chance.choice(found) if found else None

    def kill(self, part: str, chance: random.Random) -> None:
        """SIGKILL one of its processes."""
        if pid := self.pick(part, chance):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def hold(self, part: str, chance: random.Random, pause: float) -> None:
        """SIGSTOP one of its processes for a while."""
        if pid := self.pick(part, chance):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                time.sleep(pause)
                os.kill(pid, signal.SIGCONT)


@dataclass
class Stand:
    """All of it."""

    network: Network
    members: Members
    machines: list[Machine]
    receivers: Receivers

    @property
    def has_clocks(self) -> bool:
        """Tell whether the clocks of the machines can be stepped."""
        return all(one.host.library for one in self.machines)

    def all_well(self) -> None:
        """End whatever is broken."""
        for host in self.network.hosts:
            host.empty()
        if self.network.is_real:
            self.network.heal()
        for member in self.members.all:
            member.revive()


@contextlib.contextmanager
def standing(folder: Path) -> Iterator[Stand]:
    """Run members, machines with the rule in force, a mail server and a receiver of events."""
    network = Network(folder)
    receivers = Receivers(network.here)
    with contextlib.ExitStack() as stack:
        stack.callback(receivers.close)
        stack.callback(network.close)
        members = Members(network)
        stack.callback(lambda: [one.kill() for one in members.all])
        members.primary()
        environ = {
            "LRS_MONGODB_URI": members.uri, "LRS_BOOTSTRAP_KEY": KEY, "LRS_BOOTSTRAP_SECRET": SECRET,
            "LRS_KEY_PASSPHRASE": "of the torture", "LRS_SIGNING_ALGORITHM": "ES256",
            "LRS_SMTP_URL": f"smtp://{network.here}:{receivers.smtp.port}",
            "LRS_ALLOW_PRIVATE_ADDRESSES": "yes", "LRS_PUBLIC_URL": "http://laurel.example",
            "LRS_AWARD_STATEMENTS": "no", "LRS_MIN_FREE_DISK_MB": str(LEAST_ROOM),
        }  # fmt: skip
        machines, library = list[Machine](), wrong_clock(folder)
        for name in ("north", "south"):
            host = network.host(name, room=MACHINE_ROOM, library=library)
            # another name: its processes hear of news through MongoDB alone, as on a machine of its own
            uri = {"LRS_MONGODB_URI": f"{members.uri}&appName={name}"}
            machines.append(Machine(host, environ | uri))
            stack.callback(end, machines[-1])
            machines[-1].serve.wait_ready()
        publish(folder, members.uri, environ, receivers)
        yield Stand(network, members, machines, receivers)


def publish(folder: Path, uri: str, environ: dict[str, str], receivers: Receivers) -> None:
    """Put the rule in force and register the receiver of events."""
    settings = Settings.from_env({**environ, "LRS_DATA_FOLDER": str(folder / "ours")})
    rule = folder / "torture.yaml"
    rule.write_text(RULE)
    with MongoClient[dict[str, Any]](uri, tz_aware=True, uuidRepresentation="standard") as client:
        webhooks.create(settings, client.laurel, org="vendor", url=receivers.hook, types=None, now=utc_now())
        planned = CliRunner().invoke(cli, ["rules", "plan", str(rule), "--by", "ops"], env=environ)
        plan = client.laurel.plans.find_one({})
        assert plan, planned.output
    applied = CliRunner().invoke(cli, ["rules", "apply", plan["_id"], "--by", "ops"], env=environ)
    assert applied.exit_code == 0, applied.output


def end(machine: Machine) -> None:
    """Stop a machine."""
    machine.serve.end()
    gone(machine.serve)
