"""Who listens on a port, as the kernel of Linux tells it; elsewhere nobody is named."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
LISTEN: Final = "0A"  # the state in /proc/net/tcp


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens on a port."""

    pid: int
    command: str

    @property
    def is_ours(self) -> bool:
        """Tell whether it is a web process of Laurel, which ends by itself when its parent is gone."""
        return "lrs.running.gunicorn_settings" in self.command

    def __str__(self) -> str:
        """Name the process as an operator would look for it."""
        return f"process {self.pid} ({self.command[:100]})"


def holder_of(port: int) -> Holder | None:
    """Return the process that listens on a port of this machine, None where that cannot be seen."""
    inodes = {f"socket:[{inode}]" for inode in _listening(port)}
    if not inodes:
        return None
    for folder in PROC.iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and any(
                str(file.readlink()) in inodes for file in (folder / "fd").iterdir()
            ):
                words = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                return Holder(int(folder.name), b" ".join(words).decode(errors="replace"))
    return None


def _listening(port: int) -> set[str]:
    """Return the inodes of the sockets that listen on a port."""
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                columns = line.split()
                if columns[3] == LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                    found.add(columns[9])
    return found
