"""The build; with LAUREL_COMPILE=1 mypyc compiles what every statement and every decision passes through.

Those modules carry a line that says so (`MARK`). They stay plain Python and do the same either way; compiled,
a decision takes two thirds of the time. A compiled module checks the types that it declares, so what is not
validated yet must be declared `Any`. Not compiled are modules whose classes others derive from, and those
that tests put failures into.
"""

import os
from pathlib import Path

from setuptools import setup

MARK = "\n# Compiled by mypyc, see setup.py.\n"


def marked_modules():
    """Return the paths of the modules that carry the mark, in order."""
    files = sorted(path for package in ("rules", "statements") for path in Path(package).rglob("*.py"))
    return [str(path) for path in files if MARK in path.read_text(encoding="utf-8")]


def extensions():
    """Return the extension modules to build: none unless asked for."""
    if os.environ.get("LAUREL_COMPILE") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 -- needed for a compiled build only

    return mypycify(["--config-file=pyproject.toml", *marked_modules()], opt_level="1", debug_level="0")


setup(ext_modules=extensions())
