"""Why somebody stands as they do now, beside how they would if a plan were applied (cert#6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from rules.catalogue.rule_set import RuleSet
from rules.catalogue.store import RuleStore
from rules.engine.decisions import full_history
from rules.engine.histories import load_histories
from rules.engine.queues import evaluation_queue
from rules.explaining.explain import Explanation, explain
from rules.publication import publishing
from rules.publication.before_and_after import sides_of
from rules.publication.plans import read_files
from rules.stored import Document


def explained_sides(
    db: Database[Document], plan: Mapping[str, Any], person: str, certification: str, at: dt.datetime
) -> tuple[Explanation | None, Explanation | None]:
    """Explain how a person stands at an instant under the rules now, and as if a plan were applied (cert#6).

    None for a side under which the certification does not exist. Raises InvalidRuleFile where the files of
    the plan are sound no more.
    """
    now = plan["computed_at"]
    rules = RuleStore(db).rule_set()
    known = [records[-1].document for records in rules.documents.values()]
    files = [(one["file"], one["text"]) for one in plan["sources"]]
    documents = read_files(files, publishing.published_names(db, rules, now), known)
    sides = sides_of(db, [document for document, _ in documents], now, plan.get("withdraw"))
    row = evaluation_queue.entries_of(db, [person]).get(person)
    histories, shared = load_histories(db, sides.new, {person: row.stores if row else ()})
    stored = histories[person]

    def explained(rules: RuleSet) -> Explanation | None:
        published, known_at = rules.certifications.get(certification), stored.known_at(now)
        if published is None:
            return None
        return explain(published, full_history(rules, stored, shared, known_at, certification), known_at, at)

    return explained(sides.old), explained(sides.new)
