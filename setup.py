"""The build; with LAUREL_COMPILE=1 mypyc compiles what every statement and every decision passes through.

The modules stay plain Python and do the same either way; compiled, a decision takes two thirds of the time.
A compiled module checks the types that it declares, so what is not validated yet must be declared `Any`.
Not compiled are modules whose classes others derive from, and those that tests put failures into.
"""

import os

from setuptools import setup

STATEMENTS = (
    "actor", "attachments", "compare", "fields", "ingest", "json_text", "keys", "knowledge", "links",
    "mongo_filter", "parse", "predicate", "prepare", "present", "query", "signatures", "splice", "times",
    "validate",
)  # fmt: skip
RULES = (
    "book", "calendar", "cmi5", "course", "deadlines", "evaluate", "evidence", "expiry", "facts",
    "finals", "histories", "history", "knowledge", "life", "lifecycle", "marks", "people", "published",
    "record_changes", "relevance", "requirements", "reviews", "search", "selectors", "standings", "timeline",
    "partners", "tier_course", "tiers", "ulid", "voiding", "work",
)  # fmt: skip


def extensions():
    """Return the extension modules to build: none unless asked for."""
    if os.environ.get("LAUREL_COMPILE") != "1":
        return []
    from mypyc.build import mypycify  # noqa: PLC0415 -- needed for a compiled build only

    files = [f"statements/{name}.py" for name in STATEMENTS] + [f"rules/{name}.py" for name in RULES]
    return mypycify(["--config-file=pyproject.toml", *files], opt_level="1", debug_level="0")


setup(ext_modules=extensions())
