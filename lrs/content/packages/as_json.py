"""A package as plain JSON, the form in which its version keeps it, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lrs.content.packages.model import (
    Cmi5Item,
    Endpoint,
    Issue,
    Item,
    ItemType,
    Json,
    Kind,
    Objective,
    Package,
    ScormItem,
    Severity,
)


def package_to_json(package: Package) -> Json:
    """Return the package in JSON types only; `package_from_json` gives an equal package back."""
    return _plain(asdict(package))  # type: ignore[no-any-return]  # a dict in, a dict out


def package_from_json(stored: Mapping[str, Any]) -> Package:
    """Return the package that `package_to_json` wrote."""
    return Package(
        **{
            **stored,
            "kind": Kind(stored["kind"]),
            "languages": tuple(stored["languages"]),
            "root": _item(stored["root"]),
            "objectives": tuple(Objective(**each) for each in stored["objectives"]),
            "endpoints": tuple(Endpoint(**each) for each in stored["endpoints"]),
            "also": tuple(Kind(each) for each in stored["also"]),
            "issues": tuple(issue_from_json(each) for each in stored["issues"]),
        }
    )


def issue_from_json(stored: Mapping[str, Any]) -> Issue:
    """Return one issue as a package or a refusal keeps it."""
    return Issue(**{**stored, "severity": Severity(stored["severity"])})


def _item(stored: Mapping[str, Any]) -> Item:
    scorm, cmi5 = stored["scorm"], stored["cmi5"]
    return Item(
        **{
            **stored,
            "type": ItemType(stored["type"]),
            "scorm": scorm and ScormItem(**{**scorm, "hide_lms_ui": tuple(scorm["hide_lms_ui"])}),
            "cmi5": cmi5 and Cmi5Item(**{**cmi5, "objectives": tuple(cmi5["objectives"])}),
            "children": tuple(_item(child) for child in stored["children"]),
        }
    )


def _plain(value: Any) -> Any:
    """Turn tuples into lists and enumerations into their text, as JSON and BSON want them."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value.value if isinstance(value, ItemType | Kind | Severity) else value
