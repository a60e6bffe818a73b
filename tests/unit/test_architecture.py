"""Rules about the code as a whole: our packages are ours, every error has a status."""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from places import ROOT

from lrs.app import STATUS
from lrs.foundation.settings import table

PACKAGES = ("lrs", "rules", "statements", "schemas")
# bases that are never raised themselves; each class below them is looked at
BASES = {"AccessError", "XapiError", "RuleError", "StatementError"}
# never leave over HTTP: caught where they are raised, or they end a process before it serves
INTERNAL = {  # never leave over HTTP
    "Gone",
    "StartFailure", "FolderInUse", "StopRequested", "Refused", "CannotRun", "Unconfirmed", "NoBackup", "Damaged",
    "UnfitXml", "UnfitAnswer",  # of SAML: become InvalidField, Unauthenticated
    "PackageRefused", "XmlRefused", "DamagedFile", "MissingFile", "OrgLeaseLost",  # of packages: become issues
    "LakeError", "LakeMissing", "LakeOfOtherLayout", "LakeUnreadable", "LakeTaken",
    "FeedLost", "Unanswerable",  # MongoDB answers then
    "TooLittle",  # of history: a prediction says so
    "Outrun",  # of credentials: their places are chosen anew
    "TakenOver",  # of credentials: who took the award over makes it
    "Stopped",  # MongoDB answers then; becomes Cancelled
    "NotCanonical", "UnknownContext", "ChangedContext",  # of proofs: a check that failed says them
}  # fmt: skip


def modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        root = importlib.import_module(package)
        yield root
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not found.name.endswith(("__main__", "gunicorn_settings")):
                yield importlib.import_module(found.name)


@pytest.mark.parametrize("package", PACKAGES)
def test_our_package_names_are_ours_alone(package: str) -> None:
    """PyPI has distributions called rules, schemas and lrs; one of them would shadow ours."""
    owners = importlib.metadata.packages_distributions().get(package, ["laurel-lrs"])
    assert set(owners) == {"laurel-lrs"}
    assert Path(str(importlib.import_module(package).__file__)).is_relative_to(ROOT)


def compiled() -> set[str]:
    """Return the modules that carry setup.py's mark."""
    mark = re.search(r'^MARK = "\\n(.+)\\n"$', (ROOT / "setup.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert mark is not None
    files = [path for package in ("statements", "rules") for path in (ROOT / package).rglob("*.py")]
    marked = [path for path in files if f"\n{mark[1]}\n" in path.read_text(encoding="utf-8")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in marked}


def test_what_is_compiled_exists_and_nobody_derives_from_it() -> None:
    """mypyc refuses instances of a plain Python class that derives from a compiled one."""
    names = compiled()
    assert {"rules.evaluation.replay", "statements.intake.prepare"} <= names
    derived = {
        f"{value.__module__}.{value.__qualname__}"
        for module in modules()
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and module.__name__ not in names
        if any(base.__module__ in names for base in value.__mro__[1:])
    }
    assert not derived


def test_every_error_of_ours_has_a_status() -> None:
    listed = tuple(STATUS)
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


def test_documentation_has_the_table_of_every_variable() -> None:
    """The table comes from the declarations: `python scripts/configuration_table.py` writes it anew."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    written = re.search(r"^\| variable \|.*?\n(?=\n)", text, re.MULTILINE | re.DOTALL)
    assert written is not None
    assert written[0] == table()


# a login name is unique over the whole deployment, so `users` stays on one shard
NOT_SHARDED = {"users"}


def test_unique_indexes_begin_with_the_organization() -> None:
    """A sharded collection can only enforce what its shard key, which begins with org, can tell apart."""
    from lrs.indexes import INDEX_TABLES

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
