"""One statement judged by itself: what a batch that is refused as a whole would say of each."""

from __future__ import annotations

from collections.abc import Mapping

from statements.errors import StatementError
from statements.intake.attachments import Part, check_attachments, named_hashes
from statements.intake.signatures import check_signatures
from statements.intake.validate import check_statement
from statements.parsing.parse import Parsed
from statements.parsing.times import Version


def fault_of(parsed: Parsed, parts: Mapping[str, Part], version: Version, path: str) -> StatementError | None:
    """Return what is wrong with a statement and its attachments, None where nothing is."""
    try:
        check_statement(parsed.value, version, path)
        own = own_parts(parsed, parts)
        check_attachments([parsed.value], own, [path])
        check_signatures([parsed], own, version, [path])
    except StatementError as error:
        return error
    return None


def own_parts(parsed: Parsed, parts: Mapping[str, Part]) -> dict[str, Part]:
    """Return the parts of a request that one statement names."""
    return {sha2: parts[sha2] for sha2 in named_hashes(parsed.value) if sha2 in parts}
