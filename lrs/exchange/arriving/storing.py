"""Where imported statements go: into an organization's store, or nowhere, to see what would come of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from lrs.exchange.arriving.importing import Store, actors_of
from lrs.foundation.context import Services
from lrs.xapi.consistent_through import Consistency, board, board_path
from rules.catalogue.relevance import relevance
from statements.ingest import Part, Writer, store_statements
from statements.intake.attachments import wanted_parts
from statements.intake.validate import check_statement
from statements.parsing.parse import Parsed
from statements.parsing.times import Version
from statements.storage.store import StatementStore


def store_into(services: Services, org: str, controlled_by: Literal["vendor", "partner"]) -> Store:
    """Return what stores batches into an organization's store, as everything that comes in is stored."""
    store = StatementStore(services.db, org, longest_chain=services.settings.longest_chain)
    account = {"homePage": services.settings.public_url, "name": "import"}
    authority = {"objectType": "Agent", "account": account}
    writer = Writer("import", "import", controlled_by, authority, keeps_origin=True)
    is_relevant = relevance(services.db)
    place = board(board_path(services.settings.mongodb_uri, services.settings.database))
    consistency = Consistency(services.db, place, services.now)

    def store_batch(batch: Sequence[Parsed], parts: Mapping[str, Part], version: Version) -> Any:
        with consistency.writing() as now:
            return store_statements(
                store, batch, writer=writer, version=version, now=now, attachments=parts,
                is_relevant=is_relevant,
            )  # fmt: skip

    return store_batch


def quietly(store: Store, silence: Callable[[Iterable[str]], None]) -> Store:
    """Return what stores a batch after `silence` was told its actors: news of theirs up to now are none."""

    def store_batch(batch: Sequence[Parsed], parts: Mapping[str, Part], version: Version) -> Any:
        silence(actors_of(parsed.value for parsed in batch))
        return store(batch, parts, version)

    return store_batch


class Trial:
    """A store that only looks: it raises what storing would of a statement alone, and counts what is known.

    What only the others in the store tell (a conflict with what has the same id, a voiding that is refused)
    comes out when the file is stored.
    """

    def __init__(self, services: Services, org: str) -> None:
        self._statements = services.db.statements
        self._org = org
        self.known = 0

    def __call__(self, batch: Sequence[Parsed], parts: Mapping[str, Part], version: Version) -> None:
        """Check statements and count those whose id the store has."""
        for index, parsed in enumerate(batch):
            path = "$" if len(batch) == 1 else f"$[{index}]"
            check_statement(parsed.value, version, path)
            wanted_parts(parsed.value, parts, path)
        ids = [UUID(parsed.value["id"]) for parsed in batch]
        self.known += self._statements.count_documents({"org": self._org, "id": {"$in": ids}})
