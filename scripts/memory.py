"""What the web processes of a running server hold of memory (RSS), at its highest, in each attack on it.

    .venv/bin/python scripts/memory.py [--parallel 32]

The tests of tests/integration/attacks bound what Python allocates; this shows what the kernel sees, of real
processes under many requests at once. Before each attack the high-water marks are set back; a table is
printed. Nothing is judged.
"""

from __future__ import annotations

import argparse
import gzip
import re
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import requests

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
KEY, SECRET = "memory-key", "memory-secret-of-some-length"
MB: Final = 1 << 20
HEADERS: Final = {"X-Experience-API-Version": "1.0.3", "Content-Type": "application/json"}


def status(pid: int, name: str) -> int:
    """Return a line of /proc/PID/status in megabytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


def attacks() -> dict[str, dict[str, Any]]:
    """Return what is sent, by name."""
    from long_bodies import BODIES, with_attachments

    empty = b"[" + b",".join([b"{}"] * 1_000_000) + b"]"
    multipart, kind = with_attachments(16 * MB)
    packed = {**HEADERS, "Content-Encoding": "gzip"}
    known = (KEY, SECRET)
    return {
        "a stranger's 90 MB in a 90 KB gzip": {
            "data": gzip.compress(b" " * (90 * MB)), "headers": packed, "auth": ("x", "y"),
        },
        "a million empty objects in gzip": {"data": gzip.compress(empty), "headers": packed, "auth": known},
        "a million empty objects": {"data": empty, "headers": HEADERS, "auth": known},
        **{
            f"16 MB of {name}": {"data": make(16 * MB), "headers": HEADERS, "auth": known}
            for name, make in BODIES.items() if name != "one large"
        },
        "16 MB of attachments": {
            "data": multipart, "headers": {**HEADERS, "Content-Type": kind}, "auth": known,
        },
    }  # fmt: skip


def main() -> int:
    """Serve, attack, tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parallel", type=int, default=32, help="requests at once, and in all")
    given = parser.parse_args()
    from serving import Serve, gone

    with tempfile.TemporaryDirectory(prefix="memory-") as name:
        folder = Path(name) / "run" / "data"
        folder.parent.mkdir()
        serve = Serve(folder, LRS_BOOTSTRAP_KEY=KEY, LRS_BOOTSTRAP_SECRET=SECRET)
        try:
            serve.wait_ready()
            url = f"http://127.0.0.1:{serve.port}/xapi/statements"
            web = [
                pid
                for pid in serve.children("fd://")
                if "wsgi:app" in Path(f"/proc/{pid}/cmdline").read_text()
            ]
            print(f"{len(web)} web processes, at rest {sorted(status(pid, 'VmRSS') for pid in web)} MB")
            print(f"| {given.parallel} at once | highest RSS of each process, MB | answers |\n|---|---|---|")
            for attack, request in attacks().items():
                for pid in web:
                    Path(f"/proc/{pid}/clear_refs").write_text("5")

                def send(_: int, request: dict[str, Any] = request) -> int:
                    try:
                        return requests.post(url, timeout=300, **request).status_code
                    except requests.RequestException:
                        return 0

                with ThreadPoolExecutor(given.parallel) as pool:
                    answers = Counter(pool.map(send, range(given.parallel)))
                print(
                    f"| {attack} | {sorted(status(pid, 'VmHWM') for pid in web)} | {dict(answers)} |",
                    flush=True,
                )
        finally:
            serve.end()
            gone(serve)
    return 0


if __name__ == "__main__":
    sys.exit(main())
