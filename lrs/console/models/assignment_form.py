"""The form of an assignment as a rule file: what was filled in becomes YAML for the checker. Pure."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ruamel.yaml import YAML

Document = dict[str, Any]
HEAD: Final = (
    "# yaml-language-server: $schema={base}/schemas/rules-1.json\n# Made with the form of assignments.\n"
)
WHOM: Final = ("role", "tier", "programme", "group", "region", "partner", "person")
MOST: Final = 20  # steps


def as_yaml(form: Mapping[str, str], certifications: Sequence[str], base: str) -> str:
    """Return the rule file of a form; what is missing in it the checker says.

    `activities` has one step a line: a label, a colon, the address of the activity.
    """
    title = form.get("title", "").strip()
    evidence, path = _steps(form.get("activities", ""))
    target: Document = {name: form[name] for name in WHOM if form.get(name)}
    if form.get("due_within"):
        target["due_within"] = _days(form["due_within"])
    elif form.get("due_on"):
        target["due_on"] = _Plain(form["due_on"])
    window = {name: _Plain(form[name]) for name in ("opens", "closes") if form.get(name)}
    notices = [
        {name: [_days(form[name])], "to": to}
        for name, to in (("before_due", ["holder"]), ("after_due", ["holder", "partner_admin"]))
        if form.get(name)
    ]
    document: Document = {
        "kind": "Assignment", "id": form.get("id") or slug(title), "version": "1", "title": title,
        "evidence": evidence, "path": [*path, *({"holds": name} for name in certifications[:MOST])],
        "targets": [target], "window": window,
        "managers_may_exempt": _days(form["managers_may_exempt"]) if form.get("managers_may_exempt") else "",
        "notices": notices,
    }  # fmt: skip
    said = {name: value for name, value in document.items() if value or name in {"title", "path"}}
    return HEAD.format(base=base) + _text(said | {"tests": []})


def slug(title: str) -> str:
    """Return an id made of a title."""
    found = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60]
    return found if found[:1].isalpha() else f"a-{found}".strip("-")


def _steps(text: str) -> tuple[Document, list[Document]]:
    evidence: Document = {}
    path: list[Document] = []
    lines = [line.strip() for line in text.splitlines() if line.strip()][:MOST]
    for number, line in enumerate(lines, start=1):
        label, _, address = line.rpartition(" ")
        name = f"step-{number}"
        evidence[name] = {"verb": ["completed", "passed"], "activity": address}
        path.append({"done": name, "label": label.rstrip(": ") or address})
    return evidence, path


def _days(text: str) -> str:
    """Return a number of days as the rule language writes it; anything else as it is, for the checker."""
    return f"{int(text)} {'day' if int(text) == 1 else 'days'}" if re.fullmatch(r"[0-9]{1,4}", text) else text


class _Plain(str):
    """A text that is written without quotes where it is a date: what is none stays a text."""

    __slots__ = ()


def _text(document: Document) -> str:
    yaml = YAML()
    yaml.width = 120
    yaml.representer.add_representer(_Plain, _plain)
    into = io.StringIO()
    yaml.dump(document, into)
    return into.getvalue()


def _plain(representer: Any, value: _Plain) -> Any:
    kind = "timestamp" if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) else "str"
    return representer.represent_scalar(f"tag:yaml.org,2002:{kind}", str(value))
