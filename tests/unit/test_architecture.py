"""Rules about the code as a whole: our packages are ours, every error has a status."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from lrs import errors
from lrs.settings import variables

PACKAGES = ("lrs", "rules", "statements", "schemas")
ROOT = Path(__file__).parents[2]
# bases that are never raised themselves; each class below them is looked at
BASES = {"AccessError", "XapiError", "RuleError", "StatementError"}
# never leave over HTTP: caught where they are raised, or they end a process before it serves
INTERNAL = {"StartFailure", "FolderInUse", "Asked", "Refused", "CannotRun", "Unconfirmed"}


def modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        root = importlib.import_module(package)
        yield root
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not found.name.endswith(("__main__", "gunicorn_conf")):
                yield importlib.import_module(found.name)


@pytest.mark.parametrize("package", PACKAGES)
def test_our_package_names_are_ours_alone(package: str) -> None:
    """PyPI has distributions called rules, schemas and lrs; one of them would shadow ours."""
    owners = importlib.metadata.packages_distributions().get(package, ["laurel-lrs"])
    assert set(owners) == {"laurel-lrs"}
    assert Path(str(importlib.import_module(package).__file__)).is_relative_to(ROOT)


def compiled() -> set[str]:
    """Return the modules that setup.py compiles, read without running it."""
    tree = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    lists = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return {
        f"{package}.{name}"
        for package in ("statements", "rules")
        for name in ast.literal_eval(lists[package.upper()])
    }


def test_what_is_compiled_exists_and_nobody_derives_from_it() -> None:
    """mypyc refuses instances of a plain Python class that derives from a compiled one."""
    names = compiled()
    assert all((ROOT / f"{name.replace('.', '/')}.py").is_file() for name in names)
    derived = {
        f"{value.__module__}.{value.__qualname__}"
        for module in modules()
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and module.__name__ not in names
        if any(base.__module__ in names for base in value.__mro__[1:])
    }
    assert not derived


def test_every_error_of_ours_has_a_status() -> None:
    listed = tuple(errors.STATUS)
    unlisted = {
        f"{module.__name__}.{name}"
        for module in modules()
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Exception)
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and name not in INTERNAL | BASES
        and not issubclass(value, listed)
    }
    assert not unlisted


def test_documentation_has_the_row_of_every_variable() -> None:
    """The row comes from the declaration in lrs/settings.py; paste what this test says is missing."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = [
        f"| `{name}` | {'' if one.default in {None, ''} else f'`{one.default}`'} | {one.metadata['doc']} |"
        for name, one in variables().items()
    ]
    assert not [row for row in rows if row not in text]


# a login name is unique over the whole deployment, so `users` stays on one shard
NOT_SHARDED = {"users"}


def test_unique_indexes_begin_with_the_organization() -> None:
    """A sharded collection can only enforce what its shard key, which begins with org, can tell apart."""
    from lrs.database import INDEX_TABLES

    wrong = [
        f"{collection}.{index.document['name']}"
        for table in INDEX_TABLES
        for collection, indexes in table.items()
        for index in indexes
        if index.document.get("unique")
        and next(iter(index.document["key"])) != "org"
        and collection not in NOT_SHARDED
    ]
    assert not wrong


def test_no_module_changes_anything_when_it_is_imported() -> None:
    """Work at import time would run in every process, before settings are known."""
    for module in modules():
        assert not [name for name, value in vars(module).items() if type(value).__name__ == "MongoClient"]
