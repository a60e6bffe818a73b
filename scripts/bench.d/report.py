"""The table of a run, the comparison of two, the plots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from parts import analysis, console, content, credentials, lake, memory, queries

BARS = {"single POST": (1, 0.60), "batch of 50": (50, 0.50), "batch of 250": (250, 0.60)}


def ratios(results: dict[str, Any]) -> Iterator[tuple[str, float, float, float, float | None]]:
    """Yield (name, rate, limit, ratio, bar) of all ingest figures that have a limit in the same run."""
    bare = results.get("limits", {}).get("bare_inserts", {})
    for name, found in results.get("ingest", {}).items():
        if not isinstance(found, dict) or "statements_s" not in found:
            continue
        size = next((s for s in ("250", "50", "10") if f"batch of {s}" in name), "1")
        if size in bare:
            limit = bare[size]["best"]
            bar = next((b for prefix, (_, b) in BARS.items() if name == f"{prefix}, 16 connections"), None)
            yield name, found["statements_s"], limit, found["statements_s"] / limit, bar


def table(results: dict[str, Any]) -> str:
    """Return the one table of a run."""
    lines = []
    for size, found in results.get("bars", {}).items():
        bar = {"1": 0.60, "50": 0.50, "250": 0.60}[size]
        verdict = "met" if found["ratio"] >= bar else "MISSED"
        lines.append(
            f"{'in turn with bare inserts, batch of ' + size:44}{found['statements_s']:14,.0f}"
            f"{found['limit']:12,.0f}{found['ratio']:8.2f}  {bar:.2f} {verdict}"
        )
    rows = list(ratios(results))
    if rows:
        lines += ["", f"{'ingest':44}{'statements/s':>14}{'bare limit':>12}{'ratio':>8}  bar"]
        for name, rate, limit, ratio, bar in rows:
            verdict = "" if bar is None else f"  {bar:.2f} {'met' if ratio >= bar else 'MISSED'}"
            lines.append(f"{name:44}{rate:14,.0f}{limit:12,.0f}{ratio:8.2f}{verdict}")
    empty = results.get("limits", {}).get("empty_view", {}).get("requests_s")
    single = results.get("ingest", {}).get("single POST, 16 connections")
    if empty:
        lines.append(f"{'empty Flask view, requests/s':44}{empty:14,.0f}")
        if single:
            share = single["requests_s"] / empty
            lines.append(f"{'single POST over empty view':44}{share:14.2f}")
    lines += queries.table_lines(results)
    for name, found in results.get("documents", {}).items():
        lines.append(f"{name:44}{found['requests_s']:14,.0f}")
    for name, found in results.get("evaluation", {}).items():
        lines += [f"{f'{name}: {key}':60}{value:14,}" for key, value in found.items()]
    if "memory" in results:
        lines += memory.table_lines(results["memory"])
    if "content" in results:
        lines += content.table_lines(results["content"])
    if "credentials" in results:
        lines += credentials.table_lines(results["credentials"])
    if "console" in results:
        lines += console.table_lines(results["console"])
    if "analysis" in results:
        lines += analysis.table_lines(results["analysis"])
    if "lake" in results:
        lines += lake.table_lines(results["lake"])
    disk = results.get("ingest", {}).get("bytes on disk")
    if disk:
        indexes = ", ".join(f"{name} {size}" for name, size in disk["index_bytes"].items())
        lines.append(
            f"{'bytes per statement':44}  document {disk['document_bytes']}, "
            f"on disk {disk['stored_bytes']}, indexes {indexes}"
        )
    return "\n".join(lines)


def flat_figures(results: dict[str, Any], at: str = "") -> Iterator[tuple[str, float]]:
    """Yield every rate, latency and size of a result with the path to it."""
    for key, value in results.items():
        place = f"{at}/{key}" if at else key
        if isinstance(value, dict):
            yield from flat_figures(value, place)
        elif key in {"statements_s", "p50_ms", "best", "stored_bytes", "web_mb"} and isinstance(
            value, int | float
        ):
            yield place, float(value)


def comparison(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return every figure that both runs have, old, new and new over old."""
    before, after = dict(flat_figures(old["results"])), dict(flat_figures(new["results"]))
    lines = [f"{'figure':84}{'old':>12}{'new':>12}{'new/old':>9}"]
    for place, value in before.items():
        if place in after and value:
            lines.append(
                f"{place:84}{before[place]:12.2f}{after[place]:12.2f}{after[place] / before[place]:9.2f}"
            )
    return "\n".join(lines)


def plots(results: dict[str, Any], folder: Path) -> list[Path]:
    """Draw ingest against its limits and query latency against size; return the files."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    files = []
    rows = [row for row in ratios(results) if row[0].endswith(", 16 connections")]
    if rows:
        figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
        names = [row[0].removesuffix(", 16 connections") for row in rows]
        axes.barh(
            names, [row[2] for row in rows], color="#d7dde5", label="bare inserts of the same documents"
        )
        axes.barh(names, [row[1] for row in rows], height=0.45, color="#2563a8", label="over HTTP")
        for position, row in enumerate(rows):
            axes.text(row[1], position, f" {row[3]:.0%}", va="center", fontsize=8)
        axes.invert_yaxis()
        axes.set_xlabel("statements per second")
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        files.append(folder / "ingest.png")
        figure.savefig(files[-1], dpi=130)
        plt.close(figure)
    sizes = sorted(map(int, results.get("query", {})))
    for scope in queries.SCOPES if len(sizes) > 1 else ():
        curves = [row for row in queries.flatness(results) if row[0] == scope]
        if curves:
            figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
            for number, (_, shape, found) in enumerate(curves):
                values = [one["alone"]["p50_ms"] for one in found]
                style = ("-", "--")[number // 10]
                axes.plot(sizes, values, style, marker="o", label=shape.replace("_", " "))
            axes.set_xscale("log")
            axes.set_ylim(bottom=0)
            axes.set_xlabel("statements stored")
            axes.set_ylabel("p50, ms, one connection")
            axes.set_title(f"{scope}: the same answers at every size", loc="left", fontsize=10)
            axes.legend(frameon=False, fontsize=8, ncols=2, loc="center left", bbox_to_anchor=(1, 0.5))
            axes.spines[["top", "right"]].set_visible(False)
            files.append(folder / f"query-{scope.replace(' ', '-')}.png")
            figure.savefig(files[-1], dpi=130)
            plt.close(figure)
    return files
