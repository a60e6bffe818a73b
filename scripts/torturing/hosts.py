"""Hosts in namespaces of this run: links that can be cut, disks that can be filled, clocks to be stepped.

A link is cut by a lie about the neighbour's hardware address, in one direction or both: packets leave and
reach nobody, as with a pulled cable, and nobody is told. A disk is a small file system in memory, filled by
one file. A clock is stepped by a library (clock.c) that adds what a file says to what the kernel says; time
that only measures goes on as before, as with a step by NTP.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lrs.running.mongod import end_with_parent

ALONE: Final = (
    "unshare",
    "--map-root-user",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)
INSIDE: Final = "LAUREL_TORTURE_ALONE"
SELF: Final = "10.77.0.1"
NOBODY: Final = "02:00:00:00:00:fe"
SOURCE: Final = Path(__file__).with_name("clock.c")


def can_be_alone() -> bool:
    """Tell whether this machine lets us have namespaces with links between them."""
    if not all(map(shutil.which, ("unshare", "nsenter", "ip", "mount"))):
        return False
    probe = [*ALONE, "ip", "link", "add", "probe", "type", "bridge"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def go_alone() -> None:
    """Run this very command once more in namespaces of its own, which end with it."""
    if os.environ.get(INSIDE) is None and can_be_alone():
        os.environ[INSIDE] = "yes"
        os.execvp(ALONE[0], [*ALONE, sys.executable, *sys.argv])


def wrong_clock(folder: Path) -> Path | None:
    """Return the library that makes a process's clock wrong; None where there is no C compiler."""
    if (compiler := shutil.which("cc")) is None:
        return None
    made = folder / "clock.so"
    _run(compiler, "-shared", "-fPIC", "-O2", "-o", str(made), str(SOURCE), "-ldl")
    return made


@dataclass
class Host:
    """One host: how to run something on it, and where it is."""

    name: str
    folder: Path
    address: str = "127.0.0.1"
    under: Sequence[str] = ()
    room: int | None = None  # megabytes of its disk, if it has one of its own
    library: Path | None = None
    offset: int = 0  # seconds by which its clock is wrong
    clock: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.room is not None:
            _run("mount", "-t", "tmpfs", "-o", f"size={self.room}m", "tmpfs", str(self.folder))
        if self.library is not None:
            self.clock = {"LD_PRELOAD": str(self.library), "LAUREL_CLOCK": str(self.told)}
            self.told.write_bytes(bytes(8))

    @property
    def told(self) -> Path:
        """The file that says by how much its clock is wrong."""
        return self.folder.with_suffix(".clock")

    def step(self, offset: int) -> None:
        """Set the clock so many seconds off, for all its processes at once."""
        self.offset = offset
        with self.told.open("r+b") as file:  # the same file: they have it mapped
            file.write((offset * 1_000_000).to_bytes(8, sys.byteorder, signed=True))

    def fill(self) -> None:
        """Leave no byte of its disk free."""
        with (self.folder / "filler").open("ab") as filler:
            while room := shutil.disk_usage(self.folder).free:
                with contextlib.suppress(OSError):
                    os.posix_fallocate(filler.fileno(), filler.seek(0, os.SEEK_END), room)
                    filler.seek(0, os.SEEK_END)
                    continue
                break

    def empty(self) -> None:
        """Take what filled the disk."""
        (self.folder / "filler").unlink(missing_ok=True)


class Network:
    """The hosts of a run, with links between them where namespaces are to be had."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.hosts = folder, list[Host]()
        self.is_real = INSIDE in os.environ
        if self.is_real:
            _run("ip", "link", "set", "lo", "up")
            _run("ip", "link", "add", "switch", "type", "bridge")
            _run("ip", "address", "add", f"{SELF}/24", "dev", "switch")
            _run("ip", "link", "set", "switch", "up")

    @property
    def here(self) -> str:
        """Where the hosts reach this process."""
        return SELF if self.is_real else "127.0.0.1"

    def host(self, name: str, *, room: int | None = None, library: Path | None = None) -> Host:
        """Return a new host; without namespaces it is only a folder."""
        if not self.is_real:
            made = Host(name, self.folder / name, library=library)
        else:
            address = f"10.77.0.{11 + len(self.hosts)}"
            under = self._plug(name, address)
            made = Host(name, self.folder / name, address, under, room, library)
        self.hosts.append(made)
        return made

    def close(self) -> None:
        """Give the disks back."""
        for host in self.hosts:
            if host.room is not None:
                _run("umount", "--lazy", str(host.folder))

    def _plug(self, name: str, address: str) -> list[str]:
        held = subprocess.Popen(
            ["unshare", "--net", "sleep", "infinity"],
            preexec_fn=end_with_parent,  # noqa: PLW1509 -- no other way to set it
        )
        theirs, ours = Path(f"/proc/{held.pid}/ns/net"), Path("/proc/self/ns/net").readlink()
        while theirs.readlink() == ours:
            time.sleep(0.01)
        _run(
            "ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(held.pid)
        )
        _run("ip", "link", "set", f"to-{name}", "master", "switch", "up")
        under = ["nsenter", f"--net={theirs}"]
        _run(*under, "ip", "link", "set", "lo", "up")
        _run(*under, "ip", "address", "add", f"{address}/24", "dev", "eth0")
        _run(*under, "ip", "link", "set", "eth0", "up")
        return under

    def cut(self, one: Host, others: Iterable[Host], *, both: bool = True) -> None:
        """Let nothing of `one` reach the others, and where it is a cut of both ways nothing of theirs it."""
        for other in others:
            if other is not one:
                _deafen(one, other)
                if both:
                    _deafen(other, one)

    def heal(self) -> None:
        """Mend all links."""
        for host in self.hosts:
            _run(*host.under, "ip", "neighbour", "flush", "dev", "eth0", "nud", "permanent")


def _deafen(sender: Host, hearer: Host) -> None:
    told = ("lladdr", NOBODY, "nud", "permanent", "dev", "eth0")
    _run(*sender.under, "ip", "neighbour", "replace", hearer.address, *told)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
