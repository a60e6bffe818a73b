"""The wheel holds everything, and building it again gives the same bytes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from places import ROOT


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("laurel_build", ROOT / "scripts" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_two_builds_are_equal_and_hold_every_file(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    wheels = []
    for name in ("a", "another"):
        into = tmp_path / f"{name}-out"
        into.mkdir()
        wheels.append(script().build(Path(sys.executable), "HEAD", tmp_path / name, into))
    first, second = (one.read_bytes() for one in wheels)
    assert first == second
    tracked = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "HEAD", "lrs", "rules", "statements", "schemas", "wsgi.py"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\n")  # fmt: skip
    with zipfile.ZipFile(wheels[0]) as wheel:
        assert {one for one in tracked if one} - set(wheel.namelist()) == set()
