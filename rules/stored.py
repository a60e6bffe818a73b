"""What all rows of the engine have in common: their type, and the organization that owns them."""

from __future__ import annotations

from typing import Any, Final

Document = dict[str, Any]
"""A row as MongoDB keeps it; `rules.language.model.Document` is what a rule file says."""
VENDOR: Final = "vendor"
"""The organization at the root of the tree: it owns people, certifications and what is decided about them."""
ASSESSMENTS: Final = "laurel-assessments"
"""The label (and client) of what instructors sign off on the pages here."""
RECALLED: Final = "laurel-recall"
"""The label (and client) of answers to questions that come back."""
OWN_LABELS: Final = ("content", ASSESSMENTS, RECALLED)
"""Labels under which the store writes itself, and that rules may name as sources."""
