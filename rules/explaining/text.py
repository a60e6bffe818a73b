"""The text form of an explanation, as `lrs rules explain` prints it (cert#6-3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from rules.explaining.explain import Explanation, Node

_WORDS = {
    "in_progress": "not yet",
    "pending_review": "waits for a decision",
    "renewal_open": "active, renewal open",
    "grace": "renewal overdue",
}
_MARKS = {True: "ok", False: "--"}


def as_text(explanation: Explanation) -> str:
    """Render an explanation: a headline, a row per requirement, what comes next."""
    rows = [*_rows(explanation.tree, 0)]
    width = max((len(label) for _, label, _ in rows), default=0)
    lines = [headline(explanation)]
    lines += [f"  {mark:<4} {label:<{width}}   {rest}".rstrip() for mark, label, rest in rows]
    lines += [step.what for step in explanation.next]
    return "\n".join(lines)


def headline(explanation: Explanation) -> str:
    """Render who stands how: certification, person, state, requirements met, and until when."""
    state = _WORDS.get(explanation.state, explanation.state)
    until = _until(explanation.state, explanation.expires)
    marked = "  (evaluated)" if explanation.evaluated else ""
    return (
        f"{explanation.certification} v{explanation.version}  {explanation.name or explanation.person}  "
        f"{state} ({explanation.met} of {explanation.of}){until}{marked}"
    )


def _until(state: str, expires: dt.date | None) -> str:
    if expires is None or state in {"in_progress", "pending_review", "revoked", "withdrawn"}:
        return ""
    if state == "suspended":
        return f"  expires {expires}"
    return f"  {'since' if state in {'expired', 'grace'} else 'until'} {expires}"


def _rows(nodes: tuple[Node, ...], depth: int) -> Iterator[tuple[str, str, str]]:
    for node in nodes:
        indent = "  " * depth
        statements = "".join(f"  stmt {cited.id[:4]}…" for cited in node.evidence[:1])
        yield _MARKS[node.ok], indent + node.label, f"{node.observed}{statements}"
        for why, ids in _by_reason(node).items():
            what = f"stmt {ids[0][:4]}…" if len(ids) == 1 else f"{len(ids)} statements"
            yield "", f"{indent}  not counted", f"{why}  {what}"
        yield from _rows(node.parts, depth + 1)


def _by_reason(node: Node) -> dict[str, list[str]]:
    """Return the near misses of a requirement by what is wrong with them."""
    found: dict[str, list[str]] = {}
    for one in node.ignored:
        found.setdefault(one.why, []).append(one.id)
    return found
