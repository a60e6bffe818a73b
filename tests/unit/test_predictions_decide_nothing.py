"""A prediction is a report: nothing that decides may reach it, and it is kept nowhere."""

from __future__ import annotations

from pathlib import Path

import grimp
import pytest

from lrs.foundation.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PREDICTION = "lrs.analysis.prediction"
READERS = {"lrs.analysis.reports.catalogue"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("lrs", "rules", "statements", "schemas", cache_dir=None)


def inside(graph: grimp.ImportGraph) -> set[str]:
    return graph.find_descendants(PREDICTION) | {PREDICTION}


def test_no_rule_no_gate_and_no_engine_reaches_a_prediction(graph: grimp.ImportGraph) -> None:
    for package in ("rules", "statements", "schemas"):
        assert not graph.chain_exists(package, PREDICTION, as_packages=True), package
    gates = {name for name in graph.modules if name.startswith("lrs.") and "gate" in name.rpartition(".")[2]}
    deciding = {"lrs.running.worker", "lrs.api.programme", *gates}
    assert gates
    for module in deciding:
        assert not graph.chain_exists(module, PREDICTION, as_packages=True), module


def test_the_catalogue_of_reports_alone_imports_them(graph: grimp.ImportGraph) -> None:
    importers = {one for module in inside(graph) for one in graph.find_modules_that_directly_import(module)}
    assert importers - inside(graph) == READERS


def test_a_prediction_is_written_nowhere() -> None:
    for file in (ROOT / "lrs" / "analysis" / "prediction").glob("*.py"):
        text = file.read_text()
        assert not any(word in text for word in ("insert", "update_", "replace_one", "bulk_write")), file


def test_predictions_are_off_unless_the_operator_turns_them_on() -> None:
    assert Settings().prediction is False
    assert Settings.from_env({"LRS_PREDICTION": "on"}).prediction is True
