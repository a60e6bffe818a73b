"""Make `Evidence` from a stored statement document (certification.md 2.4, 4.1, 4.3-2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from rules.history import Evidence

PersonOf = Callable[[str, dt.datetime], str | None]
"""From an IFI and an effective instant to the id of the person who owned it then."""


def _nobody(_ifi: str, _at: dt.datetime) -> str | None:
    return None


def evidence(document: Mapping[str, Any], person_of: PersonOf = _nobody) -> Evidence:
    """Return a statement document of collection `statements` as the engine sees it.

    `person_of` resolves the signer: the person of `context.instructor`, else of an Agent in `authority`
    (2.4).
    """
    raise NotImplementedError
