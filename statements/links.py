"""References and voiding: what one statement lends to another, whatever the order of arrival.

A statement whose object is a StatementRef is found by every filter that its target is found by, along the
whole chain (Communication 2.1.3). So it carries the keys of the chain: `chain` holds {k: sorted keys} per
statement of the chain (its own first), `keys` their union. `open` is the id at which the chain stops
because that statement has not arrived; it is absent when the chain is complete.

A referenced statement that has not arrived has a **placeholder**: a document with `org` and `id` alone, so
that the unique index (org, id) stops the arriving statement and sends it here. That is why a statement
that nobody refers to needs no look-up at all, and why no race can lose a link:
- A reference and its missing target both write the placeholder (one updates it, the other replaces it), so
  MongoDB lets one of them wait or try again.
- A reference to a statement with an open chain writes that statement too (`touched`), for the same reason.
  Complete chains never change and need no write.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from pymongo import DeleteOne, UpdateMany, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from statements.errors import VoidingRefused
from statements.keys import evidence_key

Document = dict[str, Any]
KeySet = list[int]
Voiders = dict[str, Document]  # the earliest voider of each side, "vendor" and "partner": {at, by}

MAX_CHAIN = 256
"""How many different key sets a chain holds: what bounds the work of an arriving statement and of a query.

Statements with the same keys (same actor, verb, registration) count once, so real chains never come near
it. A target behind more than that many different statements lends nothing.
"""
_NEEDED = {
    "id": 1, "raw": 1, "stub": 1, "keys": 1, "chain": 1, "open": 1, "target": 1,
    "voids": 1, "voided": 1, "voided_by": 1, "voiders": 1, "stored": 1, "actor": 1, "controlled_by": 1,
}  # fmt: skip


def placeholder_key() -> bytes:
    """Return an order key before every statement's."""
    return bytes(8) + os.urandom(8)


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


class Linker:
    """Links the new statements of one transaction with each other and with what is stored.

    Statements are taken one after the other, as if each arrived alone; updates of stored documents are
    collected and sent together.
    """

    def __init__(self, collection: Collection[Document], org: str, session: ClientSession) -> None:
        self._collection = collection
        self._org = org
        self._session = session
        self._known: dict[UUID, Document] = {}
        self._coming: set[UUID] = set()
        self._arrived: dict[UUID, Document] = {}
        self._opened: defaultdict[UUID, list[Document]] = defaultdict(list)
        self._awaited: list[Document] = []
        self._voiders: defaultdict[UUID, Voiders] = defaultdict(dict)
        self._writes: list[Any] = []

    def load(self, ids: Iterable[UUID]) -> dict[UUID, Document]:
        """Read the stored statements and placeholders of these ids."""
        found = self._collection.find(
            {"org": self._org, "id": {"$in": list(ids)}}, _NEEDED, session=self._session, batch_size=1000
        )
        self._known = {document["id"]: document for document in found}
        return self._known

    def link(self, documents: Sequence[Document]) -> None:
        """Complete the documents, update stored ones, remove placeholders.

        The caller inserts the documents.
        """
        self._coming = {document["id"] for document in documents}
        for document in documents:
            if "target" in document:
                self._follow(document)
            self._arrive(document)
            if "voids" in document:
                self._void(document)
        for document in self._awaited:
            self._lend_to_stored(document)
        if self._writes:
            self._collection.bulk_write(self._writes, ordered=True, session=self._session)

    def _find(self, statement_id: UUID) -> Document | None:
        """Return a statement that is there, stored or of this request."""
        if (arrived := self._arrived.get(statement_id)) is not None:
            return arrived
        known = self._known.get(statement_id)
        return None if known is None or "stub" in known else known

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
                self._write({"_id": target["_id"]}, {"$inc": {"touched": 1}})
            _extend(document, lent(target))
            position = target.get("open")

    def _open(self, document: Document, missing: UUID) -> None:
        """Note that the chain stops at a statement that has not arrived; a full chain waits for nothing."""
        if _is_full(document):
            return
        document["open"] = missing
        self._opened[missing].append(document)
        if missing not in self._coming:
            self._write_placeholder(missing, {})

    def _arrive(self, document: Document) -> None:
        """Put a statement in the place of its placeholder and lend its chain to all that wait for it."""
        statement_id: UUID = document["id"]
        self._arrived[statement_id] = document
        following: UUID | None = document.get("open")
        for waiting in self._opened.pop(statement_id, ()):
            _extend(waiting, lent(document))
            del waiting["open"]
            if following is not None and not _is_full(waiting):
                waiting["open"] = following
                self._opened[following].append(waiting)
        placeholder = self._known.get(statement_id)
        if placeholder is not None:
            self._writes.append(DeleteOne({"_id": placeholder["_id"], "org": self._org}))
            self._awaited.append(document)
            self._note_voiders(statement_id, placeholder.get("voiders", {}))
        first = _first_voider(self._voiders.get(statement_id, {}), document["controlled_by"])
        if first is not None and "voids" not in document:
            document["voided"], document["voided_by"] = first["at"], first["by"]

    def _lend_to_stored(self, document: Document) -> None:
        """Add the chain to every stored statement that waits for this one: one write, however many they are.

        Done when all statements of the request are linked, so that each stored one is written once.
        """
        sets = lent(document)
        change: Document = {
            "$addToSet": {
                "keys": {"$each": sorted(set().union(*sets))},
                "chain": {"$each": [{"k": keys} for keys in sets]},
            },
            "$inc": {"touched": 1},
        }
        if "open" in document:
            change["$set"] = {"open": document["open"]}
        else:
            change["$unset"] = {"open": ""}
        waiting = {"org": self._org, "open": document["id"]}
        self._writes.append(UpdateMany(waiting, change))
        full = {f"chain.{MAX_CHAIN}": {"$exists": True}}
        if "open" in document:
            still_waiting = {"org": self._org, "open": document["open"]}
            self._writes.append(UpdateMany({**still_waiting, **full}, {"$unset": {"open": ""}}))

    def _void(self, voider: Document) -> None:
        """Mark the target as voided unless it is itself a voiding statement (Data 2.3.2).

        What a vendor-controlled client wrote can be evidence; a partner's client may not take it away, which
        is known where the target is, and otherwise decided when it arrives.
        """
        target_id: UUID = voider["target"]
        stored, voider_id = voider["stored"], voider["id"]
        if target_id == voider_id:
            return
        target = self._find(target_id)
        if target is None:
            self._note_voiders(target_id, {voider["controlled_by"]: {"at": stored, "by": voider_id}})
            if target_id not in self._coming:
                self._note_voiders(target_id, self._known.get(target_id, {}).get("voiders", {}))
                self._write_placeholder(target_id, {"$set": {"voiders": self._voiders[target_id]}})
        elif voider["controlled_by"] == "partner" and target.get("controlled_by") == "vendor":
            raise VoidingRefused("$.object")
        elif "voids" not in target and ("voided" not in target or stored < target["voided"]):
            target["voided"], target["voided_by"] = stored, voider_id
            if target_id not in self._arrived:
                change: Document = {
                    "$set": {"voided": stored, "voided_by": voider_id},
                    "$inc": {"touched": 1},
                }
                if target.get("actor") and evidence_key(target["actor"]) in target["keys"]:
                    change["$set"]["pending"] = True  # the engine has to look at it again
                    change["$inc"]["marks"] = 1
                self._write({"_id": target["_id"]}, change)

    def _note_voiders(self, statement_id: UUID, voiders: Voiders) -> None:
        known = self._voiders[statement_id]
        for side, voider in voiders.items():
            if side not in known or voider["at"] < known[side]["at"]:
                known[side] = voider

    def _write(self, which: Document, change: Document) -> None:
        self._writes.append(UpdateOne({**which, "org": self._org}, change))

    def _write_placeholder(self, statement_id: UUID, change: Document) -> None:
        """Make or touch the placeholder, so that the arriving statement cannot miss this transaction."""
        self._writes.append(
            UpdateOne(
                {"org": self._org, "id": statement_id},
                {"$inc": {"touched": 1}, "$setOnInsert": {"_id": placeholder_key(), "stub": True}, **change},
                upsert=True,
            )
        )


def _first_voider(voiders: Voiders, written_by: str) -> Document | None:
    """Return the earliest voider that counts: of what the vendor's client wrote, the vendor's alone."""
    counting = [voider for side, voider in voiders.items() if side == "vendor" or written_by != "vendor"]
    return min(counting, key=lambda voider: voider["at"], default=None)


def _is_full(document: Document) -> bool:
    return len(document["chain"]) > MAX_CHAIN


def _extend(document: Document, sets: Iterable[KeySet]) -> None:
    """Add key sets to the chain and their keys to the union.

    A chain holds MAX_CHAIN different sets at most.
    """
    chain, keys = document["chain"], document["keys"]
    seen = {tuple(link["k"]) for link in chain}
    union = set(keys)
    for key_set in sets:
        if tuple(key_set) not in seen and len(chain) <= MAX_CHAIN:
            seen.add(tuple(key_set))
            chain.append({"k": key_set})
            new = [key for key in key_set if key not in union]
            union.update(new)
            keys.extend(new)
