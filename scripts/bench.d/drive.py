"""Run wrk once and measure what it and the watched processes took."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
TICK, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


def family(roots: Sequence[int]) -> set[int]:
    """Return the processes and all that descend from them."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, grew = set(roots), True
    while grew:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grew = bool(more)
    return found


def cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_mb(pid: int) -> float:
    """Return the proportional set size, so that pages shared by forked workers count once."""
    try:
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def busy_seconds() -> float:
    """Return the processor time that this whole machine has spent working."""
    values = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(values) - values[3] - values[4] - values[7]) / TICK


def wrk(
    url: str,
    script: str,
    variables: Mapping[str, str],
    *,
    connections: int,
    seconds: float,
    watched: Mapping[str, Sequence[int]],
    threads: int = 2,
) -> dict[str, float]:
    """Drive `url` with a Lua script; returns rates of 2xx, latencies in ms, cpu in percent of one core.

    `foreign_cpu` is what all other processes of the machine took: a run in which it is high says little.
    """
    groups = {name: family(pids) for name, pids in watched.items()}
    before = {name: sum(map(cpu_seconds, pids)) for name, pids in groups.items()}
    busy, began = busy_seconds(), time.perf_counter()
    length = f"{max(1, round(seconds))}s"  # wrk knows whole seconds
    command = ["wrk", "-t", str(min(threads, connections)), "-c", str(connections), "-d", length]
    process = subprocess.Popen(
        [*command, "--timeout", "30s", "-s", str(HERE / script), url],
        env={**os.environ, "BENCH_FOLDER": str(HERE), **variables},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    own = [0.0]

    def watch() -> None:
        while process.poll() is None:
            own[0] = max(own[0], cpu_seconds(process.pid))
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    watcher.join()
    took = time.perf_counter() - began
    found = re.search(r"^RESULT (\{.*\})$", output, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk gave no result:\n{output}")
    result: dict[str, float] = json.loads(found[1].replace("nan", "0"))
    used = {name: sum(map(cpu_seconds, pids)) - before[name] for name, pids in groups.items()}
    result |= {f"{name}_cpu": 100 * value / took for name, value in used.items()}
    result |= {f"{name}_mb": sum(map(memory_mb, pids)) for name, pids in groups.items()}
    result["wrk_cpu"] = 100 * own[0] / took
    result["foreign_cpu"] = max(0.0, 100 * (busy_seconds() - busy - own[0] - sum(used.values())) / took)
    return result
