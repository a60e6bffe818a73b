"""Measure what a server with nothing to do costs: processor time of each process, in percent of one core.

    .venv/bin/python scripts/idle.py [SECONDS]

Starts `lrs serve` over an empty folder, lets it settle, and reads `/proc` before and after (Linux).
docs/speed.md has the figures.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lrs.running.mongod import free_port

TICKS = os.sysconf("SC_CLK_TCK")
SETTLE = 20


def children_of(pid: int) -> list[int]:
    """Return a process and all below it."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in below for found in children_of(int(child)))]


def name_of(pid: int) -> str:
    """Return what a process is called here."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    known = ("mongod", "worker", "content_app", "gunicorn", "serve")
    return next((name for name in known for word in words if name in word), words[0])


def ticks_of(pid: int) -> int:
    """Return the processor time that a process has used, in clock ticks (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def main(seconds: float) -> None:
    """Start, settle, measure, stop."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LRS_")}
        command = [sys.executable, "-m", "lrs", "serve", "--port", str(free_port()), "--data-folder", folder]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                next(line for line in server.stdout if "Ready" in line)
                time.sleep(SETTLE)
                before = {pid: ticks_of(pid) for pid in children_of(server.pid)}
                time.sleep(seconds)
                for pid, used in before.items():
                    share = (ticks_of(pid) - used) / TICKS / seconds
                    print(f"{name_of(pid):12} {share:7.2%}")
            finally:
                server.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
