"""Evidence that somebody else has to vouch for, yet any client may write (W503; cert#2.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rules.checking.load import Loaded
from rules.checking.names import strings
from rules.checking.nodes import selectors
from rules.errors import Problem
from rules.evidence.selectors import SATISFIED, WAIVED
from rules.language.build import verb_iri


def check_sources(loaded: Loaded) -> Iterator[Problem]:
    """Yield selectors with `from: any` whose statements mean something only by who wrote them."""
    for path, _, selector in selectors(loaded.data):
        reason = _reason(selector) if selector.get("from") == "any" else None
        if reason is not None:
            message = f"{reason}; from: any lets every client write that, also the learner's browser"
            yield loaded.positions.problem((*path, "from"), "W503", message, "[client-label]", warning=True)


def _reason(selector: Mapping[str, Any]) -> str | None:
    if "signed_by" in selector:
        return "whoever writes the statement names its signer"
    if "cmi5" in selector:
        return "launched, with moveOn and mastery score, and waived are statements of the LMS"
    verbs = {verb_iri(name) for name in strings(selector.get("verb"))}
    if verbs & {SATISFIED, WAIVED}:
        return "satisfied and waived are statements of the LMS"
    return None
