"""Run `lrs serve` as its own process and look at what it starts."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from lrs.running.mongod import free_port

# a child of a pytest that is killed gets SIGTERM from the kernel
TIED = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
LRS_SERVE = [*TIED, sys.executable, "-m", "lrs", "serve", "--mongodb-cache-gb", "0.25"]
ROOT = Path(__file__).parents[1]


class Serve:
    """One `lrs serve` with its output."""

    def __init__(self, folder: Path, *options: str, under: Sequence[str] = (), **variables: str) -> None:
        """`under` is a command that starts it elsewhere."""
        self.folder = folder
        self.port = free_port()
        self.output = Path(tempfile.mkstemp(prefix="serve-", dir=folder.parents[1])[1])
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LRS_")}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*under, *LRS_SERVE, "--port", str(self.port), "--data-folder", str(folder), *options],
                env=environ | variables, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    @property
    def text(self) -> str:
        return self.output.read_text()

    def wait_ready(self) -> Serve:
        for _ in range(1800):
            if "Ready." in self.text:
                return self
            assert self.process.poll() is None, self.text
            time.sleep(0.05)
        raise AssertionError(self.text)

    def status(self, path: str) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return int(answer.status)

    def children(self, part: str = "") -> list[int]:
        """Every process of this serve whose command line or environment holds `part`."""
        return [pid for pid, command in processes() if str(self.folder) in command and part in command]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def processes() -> Iterator[tuple[int, str]]:
    """Every process with its command line and environment, as far as it may be read."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit():
                text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
                yield int(folder.name), text.decode(errors="replace")


def gone(serve: Serve, seconds: float = 45) -> bool:
    """Tell whether no process of this serve is left, waiting for those that are just ending."""
    for _ in range(int(seconds * 20)):
        if not serve.children():
            return True
        time.sleep(0.05)
    return False
