"""Run the official conformance suite against a fresh Laurel per version, and say how many tests passed.

The suite is adlnet/lrs-conformance-test-suite, checked out in SUITE_FOLDER; it needs node and npm. Each
version gets its own server, MongoDB and data folder, and the default version that its suite expects.
Exit status: 0 when every test of every version passed, 1 when one failed, 2 when the suite cannot be run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VERSIONS = ("1.0.3", "2.0.0")
START_SECONDS = 60


def main() -> int:
    """Run the suite for each version and print the figures."""
    parser = argparse.ArgumentParser(
        prog="scripts/conformance", description=__doc__.split("\n", maxsplit=1)[0]
    )
    parser.add_argument("suite", type=Path, metavar="SUITE_FOLDER")
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="default: 1.0.3 2.0.0")
    parser.add_argument("--grep", help="only the tests whose title matches, as in the suite")
    given = parser.parse_args()
    suite = given.suite.resolve()
    if problem := unusable(suite):
        print(problem, file=sys.stderr)
        return 2
    failed = 0
    for version in given.versions or VERSIONS:
        with tempfile.TemporaryDirectory(prefix="laurel-conformance-") as folder:
            summary, log = run_suite(suite, version, Path(folder), given.grep)
        failed += summary.get("failed", 0) or (summary.get("passed", 0) == 0)
        for title in failures(log):
            print(f"  failed: {title}")
        print(f"xAPI {version}: {summary.get('passed')} of {summary.get('total')} tests passed, "
              f"{summary.get('failed')} failed", flush=True)  # fmt: skip
    return 1 if failed else 0


def unusable(suite: Path) -> str | None:
    """Return why the suite cannot be run, after installing its npm packages where they are missing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node and npm are needed to run the suite; install them"
    if not (suite / "bin" / "console_runner.js").is_file():
        return f"{suite} is not a checkout of adlnet/lrs-conformance-test-suite"
    if not (suite / "node_modules").is_dir():
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=suite, check=True)
    return None


def run_suite(
    suite: Path, version: str, folder: Path, grep: str | None
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the suite's summary and the log of its failures."""
    with running_laurel(version, folder) as (url, key, secret):
        command = ["node", "bin/console_runner.js", "-e", f"{url}/xapi", "-a", "-u", key, "-p", secret]
        command += ["-x", version, "-z", *(["-g", grep] if grep else [])]
        done = subprocess.run(command, cwd=suite, stdout=subprocess.PIPE, text=True, check=False)
    summaries = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"')]
    written = re.search(r"log written to (.*)", done.stdout)
    log = json.loads(Path(written[1]).read_text()).get("log") if written else None
    if not summaries:
        print(done.stdout, file=sys.stderr)
    return (summaries or [{}])[-1], log


def failures(log: dict[str, Any] | None) -> Iterator[str]:
    """Yield title and reason of each failed test."""
    if log is None:
        return
    inner = log.get("tests") or []
    for one in inner:
        yield from failures(one)
    if not inner:
        yield f"{log.get('title')} -- {str(log.get('error'))[:300]}"


@contextlib.contextmanager
def running_laurel(version: str, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Run `lrs serve` over an empty data folder; give its address, and the key and secret of its client."""
    key, secret = "conformance", secrets.token_urlsafe(12)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LRS_")}
    environ |= {"LRS_DATA_FOLDER": str(folder / "data"), "LRS_PORT": str(port), "LRS_LOG_LEVEL": "warning",
                "LRS_XAPI_DEFAULT_VERSION": version,
                "LRS_BOOTSTRAP_KEY": key, "LRS_BOOTSTRAP_SECRET": secret}  # fmt: skip
    log = folder / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "lrs", "serve"], env=environ, stdout=output, stderr=output
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url, process, log)
        yield url, key, secret
    finally:
        process.terminate()
        process.wait(60)
        noise = log.read_text(errors="replace").splitlines()
        for line in [line for line in noise if "ERROR" in line or "Traceback" in line][:20]:
            print(f"  server: {line}", file=sys.stderr)


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server can write; ends the program when it does not start."""
    for _ in range(START_SECONDS * 10):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=5):
            return
        time.sleep(0.1)
    sys.exit(f"Laurel did not start:\n{log.read_text()}")


if __name__ == "__main__":
    sys.exit(main())
