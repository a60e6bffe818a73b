"""Compare what a running server answers with its OpenAPI document: schemathesis with all of its checks.

    .venv/bin/python scripts/contract.py [--examples 30] [--seed 1] [--only REGEX] [--venv FOLDER]

Installs schemathesis, pinned, in a virtual environment of its own (it wants other versions of what we use),
starts `lrs serve --demo` on an empty folder, and runs all phases: examples, edges of each schema, generated
requests that are right and wrong, and operations one after the other. The exit code is schemathesis's.
schemathesis.toml beside this file says, with the reason, where a check expects what HTTP does not ask for.
Each operation is asked with a wrong secret: that is one caller who guesses, whom the server locks out after
ten, so what it counted is forgotten while this runs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
PINNED: Final = "schemathesis==4.32.5"
HOOKS: Final = {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(ROOT / "scripts")}
KEY, SECRET = "contract-key", "contract-secret-of-some-length"


def program(folder: Path) -> Path:
    """Return schemathesis, installed in a virtual environment if it is not."""
    found = folder / "bin" / "schemathesis"
    if not found.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", PINNED], check=True)
    return found


@contextlib.contextmanager
def unlocked(folder: Path) -> Iterator[None]:
    """Let the server forget wrong secrets as they come."""
    over = threading.Event()

    def forget() -> None:
        with MongoClient[dict[str, Any]]((folder / "mongodb.uri").read_text().strip()) as client:
            while not over.wait(0.2):
                client.laurel.tries.delete_many({})

    thread = threading.Thread(target=forget)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def main() -> int:
    """Read the options, serve, run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=30, help="of each operation and phase, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="paths that match this expression")
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    parser.add_argument(
        "--venv", type=Path, default=Path(tempfile.gettempdir()) / PINNED, help="where it is installed"
    )
    given = parser.parse_args()
    from serving import Serve, gone

    with tempfile.TemporaryDirectory(prefix="contract-") as name:
        folder = Path(name) / "run" / "data"
        folder.parent.mkdir()
        variables = {"LRS_BOOTSTRAP_KEY": KEY, "LRS_BOOTSTRAP_SECRET": SECRET}
        serve = Serve(folder, "--demo", **variables)
        try:
            serve.wait_ready()
            command = [
                program(given.venv), "--config-file", ROOT / "scripts" / "schemathesis.toml", "run",
                f"http://127.0.0.1:{serve.port}/api/v1/openapi.json", "--auth", f"{KEY}:{SECRET}",
                "--checks", "all",
                "--max-examples", str(given.examples), "--seed", str(given.seed),
                "--phases", given.phases, "--continue-on-failure", "--suppress-health-check", "all",
                "--no-color", "--generation-database", "none",
                *(["--include-path-regex", given.only] if given.only else []),
            ]  # fmt: skip
            with unlocked(folder):
                return subprocess.run(command, cwd=name, check=False, env=HOOKS | os.environ).returncode
        finally:
            if "Traceback" in serve.text:
                print(serve.text[serve.text.index("Traceback") :][:5000])
            serve.end()
            gone(serve)


if __name__ == "__main__":
    sys.exit(main())
