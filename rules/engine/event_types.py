"""The kinds of events that readers of the feed and webhooks may get (cert#8).

A new one is named here, told by what causes it through `rules.engine.queues.outbox`, and described in
docs/events.md.
"""

from __future__ import annotations

from typing import Final

EVENT_TYPES: Final = (
    "award.issued", "award.renewed", "award.renewal_open", "award.grace", "award.expired",
    "award.suspended", "award.reinstated", "award.revoked", "award.withdrawn", "award.extended",
    "award.corrected", "award.merged", "person.merged", "review.opened", "review.closed",
    "credential.issued", "credential.status_changed",
    "tier.at_risk", "tier.changed", "gate.answered", "rules.published", "release.published",
)  # fmt: skip
