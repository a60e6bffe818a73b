"""The targets by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from scripts.fuzzing import entering, targets
from scripts.fuzzing.targets import Target

TARGETS: Final[Mapping[str, Callable[[], Target]]] = {
    made.__name__: made
    for made in (
        targets.statements, targets.signatures, targets.multipart, targets.packed, targets.parameters,
        targets.alternate, targets.streams, targets.questions, targets.rosters, targets.rule_files,
        targets.cron, targets.manifests, targets.archives, targets.commits, targets.lti, targets.tokens,
        targets.embedded, targets.pictures, targets.wallets,
        entering.saml, entering.metadata, entering.scim, entering.passkeys, entering.sql, entering.forms,
    )
}  # fmt: skip
