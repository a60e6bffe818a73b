"""References: what one statement lends to another, whatever the order of arrival.

A statement whose object is a StatementRef is found by every filter that its target is found by, along the
whole chain (Communication 2.1.3). So it carries the keys of the chain: `chain` holds {k: sorted keys} per
statement of the chain (its own first), `keys` their union. `open` is the id at which the chain stops
because that statement has not arrived; it is absent when the chain is complete.

A missing target has a placeholder (`statements.storage.named_statements`). That is why a statement that
nobody refers to needs no look-up at all, and why no race can lose a link:
- A reference and its missing target both write the placeholder (one updates it, the other replaces it), so
  MongoDB lets one of them wait or try again.
- A reference to a statement with an open chain writes that statement too (`touched`), for the same reason.
  Complete chains never change and need no write.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from statements.parsing.search_keys import evidence_key
from statements.storage.named_statements import NamedStatements

Document = dict[str, Any]
KeySet = list[int]

MAX_CHAIN = 256
"""How many different key sets a chain takes over, unless told otherwise: what bounds the work of an arriving
statement and of a query.

Statements with the same keys (same actor, verb, registration) count once, so real chains never come near
it. A target behind more than that many different statements lends nothing, whatever the order of arrival.
"""


def link_references(
    documents: Sequence[Document], named: NamedStatements, longest: int = MAX_CHAIN
) -> list[Document]:
    """Return the documents completed by the keys of what they refer to; stored ones that waited are updated.

    They are taken one after the other, as if each arrived alone. A chain takes over `longest` key sets.
    """
    copies = [{**document, "keys": list(document["keys"])} for document in documents]
    _Linking(named, {document["id"] for document in copies}, longest).link(copies)
    return copies


def own_keys(document: Document) -> KeySet:
    """Return the filter keys of the statement alone, sorted: not its targets', not the evidence key."""
    if "chain" in document:
        own: KeySet = document["chain"][0]["k"]
        return own
    evidence = evidence_key(document["actor"]) if document.get("actor") else None
    return sorted(key for key in document["keys"] if key != evidence)


def lent(document: Document) -> list[KeySet]:
    """Return the key sets that a reference to this statement takes over."""
    return [link["k"] for link in document["chain"]] if "chain" in document else [own_keys(document)]


class _Linking:
    """The chains of the new statements of one transaction."""

    def __init__(self, named: NamedStatements, coming: set[UUID], longest: int) -> None:
        self._named = named
        self._longest = longest
        self._coming = coming
        self._arrived: dict[UUID, Document] = {}
        self._opened: defaultdict[UUID, list[Document]] = defaultdict(list)
        self._awaited: list[Document] = []

    def link(self, documents: Sequence[Document]) -> None:
        """Complete the documents, update stored ones, remove placeholders."""
        for document in documents:
            if "target" in document:
                self._follow(document)
            self._arrive(document)
        for document in self._awaited:
            self._lend_to_stored(document)

    def _find(self, statement_id: UUID) -> Document | None:
        """Return a statement that is there, stored or of this request."""
        return self._arrived.get(statement_id) or self._named.statement(statement_id)

    def _follow(self, document: Document) -> None:
        """Take over the chain of the target; note where it stops."""
        document["chain"] = [{"k": own_keys(document)}]
        position: UUID | None = document["target"]
        passed = {document["id"]}
        while position is not None and position not in passed:
            passed.add(position)
            target = self._find(position)
            if target is None:
                self._open(document, position)
                return
            if "open" in target and position not in self._arrived:
                self._named.update({"_id": target["_id"]}, {"$inc": {"touched": 1}})
            self._extend(document, lent(target))
            position = target.get("open")

    def _open(self, document: Document, missing: UUID) -> None:
        """Note that the chain stops at a statement that has not arrived; a full chain waits for nothing."""
        if self._is_full(document):
            return
        document["open"] = missing
        self._opened[missing].append(document)
        if missing not in self._coming:
            self._named.keep_placeholder(missing)

    def _arrive(self, document: Document) -> None:
        """Put a statement in the place of its placeholder and lend its chain to all that wait for it."""
        statement_id: UUID = document["id"]
        self._arrived[statement_id] = document
        following: UUID | None = document.get("open")
        for waiting in self._opened.pop(statement_id, ()):
            self._extend(waiting, lent(document))
            del waiting["open"]
            if following is not None and not self._is_full(waiting):
                waiting["open"] = following
                self._opened[following].append(waiting)
        if (placeholder := self._named.placeholder(statement_id)) is not None:
            self._named.remove(placeholder)
            self._awaited.append(document)

    def _lend_to_stored(self, document: Document) -> None:
        """Add the chain to every stored statement that waits for this one: one write, however many they are.

        Done when all statements of the request are linked, so that each stored one is written once.
        """
        self._named.update_all({"open": document["id"]}, _lend(document, self._longest))

    def _is_full(self, document: Document) -> bool:
        return len(document["chain"]) > self._longest

    def _extend(self, document: Document, sets: Iterable[KeySet]) -> None:
        """Add key sets to the chain and their keys to the union, up to the longest chain."""
        chain, keys = document["chain"], document["keys"]
        seen = {tuple(link["k"]) for link in chain}
        union = set(keys)
        for key_set in sets:
            if tuple(key_set) not in seen and len(chain) <= self._longest:
                seen.add(tuple(key_set))
                chain.append({"k": key_set})
                new = [key for key in key_set if key not in union]
                union.update(new)
                keys.extend(new)


def _lend(document: Document, longest: int) -> list[Document]:
    """Return the pipeline that does to stored statements what `_extend` does to those of the request."""
    links = {"$literal": [{"k": keys} for keys in lent(document)]}
    new = {"$filter": {"input": links, "cond": {"$not": [{"$in": ["$$this", "$chain"]}]}}}
    chain = {"$slice": [{"$concatArrays": ["$chain", new]}, longest + 1]}
    union = {"$reduce": {
        "input": "$chain", "initialValue": "$keys", "in": {"$setUnion": ["$$value", "$$this.k"]},
    }}  # fmt: skip
    is_full = {"$gt": [{"$size": "$chain"}, longest]}
    following = {"$cond": [is_full, "$$REMOVE", document["open"]]} if "open" in document else "$$REMOVE"
    touched = {"$add": [{"$ifNull": ["$touched", 0]}, 1]}
    return [{"$set": {"chain": chain}}, {"$set": {"keys": union, "open": following, "touched": touched}}]
