"""The benches: their imports run one way, and what they take from Laurel is there.

Nothing else looks at them: no type checker, no contract of import-linter, no run of the tests.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
BENCH = SCRIPTS / "bench.d"
# from the top down; files of one line do not know each other
LAYERS = (
    ("main",),
    ("report",),
    ("parts.lake",),
    ("parts.ingest", "parts.analysis", "parts.queries", "parts.evaluation"),
    (
        "parts.limits", "parts.memory", "parts.documents", "parts.authentication", "parts.content",
        "parts.credentials", "parts.console",
    ),
    ("crowd",),
    ("run", "load"),
    ("stand",),
    ("drive", "lake_rows", "empty"),
    ("generate",),
)  # fmt: skip
PACKAGES = {"lrs", "rules", "statements", "schemas"}

Imported = tuple[str, str | None]


def imports(source: str) -> Iterator[Imported]:
    """Yield (module, name taken from it, or None) of all imports, wherever in the file they stand."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((str(node.module), alias.name) for alias in node.names)


def graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """Return for each module those of the same folder that it imports."""
    found = {}
    for module, source in sources.items():
        taken = {name for of, name_ in imports(source) for name in (of, f"{of}.{name_}")}
        found[module] = taken & sources.keys()
    return found


def circle(sources: dict[str, str]) -> list[str] | None:
    """Return the modules of a circle of imports, if there is one."""
    try:
        TopologicalSorter(graph(sources)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return None


def bench() -> dict[str, str]:
    return {
        ".".join(file.relative_to(BENCH).with_suffix("").parts).removesuffix(".__init__"): file.read_text(
            "utf-8"
        )
        for file in BENCH.rglob("*.py")
    }


def test_no_bench_imports_itself_by_way_of_others() -> None:
    assert circle(bench()) is None


@pytest.mark.parametrize(
    "first",
    [
        "import b",
        "from b import x",
        "def f():\n    from b import x",
        "if TYPE_CHECKING:\n    from b import x",
        "from b.c import x",
        "from b import c",
    ],
)
def test_a_circle_is_found_wherever_the_import_stands(first: str) -> None:
    assert circle({"a": first, "b": "import b.c", "b.c": "import a"}) is not None
    assert circle({"a": first, "b": "", "b.c": ""}) is None


def test_each_bench_has_a_layer_and_imports_only_from_those_below() -> None:
    level = {module: number for number, layer in enumerate(LAYERS) for module in layer}
    sources = bench()
    assert level.keys() | {"parts"} == sources.keys()
    wrong = [
        f"{module} imports {other}"
        for module, others in graph(sources).items()
        for other in others - {"parts"}
        if level[other] <= level[module]
    ]
    assert not wrong


def test_what_the_scripts_take_from_laurel_is_there() -> None:
    missing = []
    for file in SCRIPTS.rglob("*.py"):
        for of, name in imports(file.read_text("utf-8")):
            if of.partition(".")[0] not in PACKAGES:
                continue
            if importlib.util.find_spec(of) is None:
                missing.append(f"{file.name}: {of}")
            elif name and not hasattr(importlib.import_module(of), name):
                missing += [f"{file.name}: {of}.{name}"] * (importlib.util.find_spec(f"{of}.{name}") is None)
    assert not missing


def test_what_the_scripts_hand_to_gunicorn_is_there() -> None:
    """Its configuration and its worker are named in strings."""
    names = [
        name for source in bench().values() for name in re.findall(r'"(?:python:)?(lrs\.[\w.]+)"', source)
    ]
    assert len(names) >= 2
    for name in names:
        module, _, last = name.rpartition(".")
        assert importlib.util.find_spec(module), name
        assert (
            importlib.util.find_spec(name)
            if last.islower()
            else hasattr(importlib.import_module(module), last)
        ), name
