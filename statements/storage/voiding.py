"""Voiding: what a voiding statement does to its target, whatever the order of arrival (Data 2.3.2).

What a vendor-controlled client wrote can be evidence; a partner's client may not take it away, which is known
where the target is, and otherwise decided when it arrives: the placeholder of the target remembers `voiders`,
the earliest of each side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from statements.errors import VoidingRefused
from statements.parsing.search_keys import evidence_key
from statements.storage.named_statements import NamedStatements

Document = dict[str, Any]
Voiders = dict[str, Document]  # the earliest voider of each side, "vendor" and "partner": {at, by}


def void_targets(documents: Sequence[Document], named: NamedStatements) -> None:
    """Mark what the new statements of one transaction void, and which of them were voided before they came.

    They are taken one after the other, as if each arrived alone. Raises VoidingRefused.
    """
    voiding = _Voiding(named, {document["id"] for document in documents})
    for document in documents:
        voiding.arrive(document)
        if "voids" in document:
            voiding.void(document)


class _Voiding:
    """The voiders of one transaction and those that placeholders remember."""

    def __init__(self, named: NamedStatements, coming: set[UUID]) -> None:
        self._named = named
        self._coming = coming
        self._arrived: dict[UUID, Document] = {}
        self._voiders: defaultdict[UUID, Voiders] = defaultdict(dict)

    def arrive(self, document: Document) -> None:
        """Let a statement arrive; it is voided if a voider that counts came before it."""
        statement_id: UUID = document["id"]
        self._arrived[statement_id] = document
        if (placeholder := self._named.placeholder(statement_id)) is not None:
            self._note(statement_id, placeholder.get("voiders", {}))
        first = _first_voider(self._voiders.get(statement_id, {}), document["controlled_by"])
        if first is not None and "voids" not in document:
            document["voided"], document["voided_by"] = first["at"], first["by"]

    def void(self, voider: Document) -> None:
        """Mark the target as voided unless it is itself a voiding statement."""
        target_id: UUID = voider["target"]
        stored, voider_id = voider["stored"], voider["id"]
        if target_id == voider_id:
            return
        target = self._arrived.get(target_id) or self._named.statement(target_id)
        if target is None:
            self._note(target_id, {voider["controlled_by"]: {"at": stored, "by": voider_id}})
            if target_id not in self._coming:
                placeholder = self._named.placeholder(target_id) or {}
                self._note(target_id, placeholder.get("voiders", {}))
                self._named.keep_placeholder(target_id, {"$set": {"voiders": self._voiders[target_id]}})
        elif voider["controlled_by"] == "partner" and target.get("controlled_by") == "vendor":
            raise VoidingRefused("$.object")
        elif "voids" not in target and ("voided" not in target or stored < target["voided"]):
            target["voided"], target["voided_by"] = stored, voider_id
            if target_id not in self._arrived:
                self._mark(target)

    def _mark(self, target: Document) -> None:
        """Mark a stored statement as voided; where it is evidence, the engine has to look at it again."""
        change: Document = {
            "$set": {"voided": target["voided"], "voided_by": target["voided_by"]},
            "$inc": {"touched": 1},
        }
        if target.get("actor") and evidence_key(target["actor"]) in target["keys"]:
            change["$set"]["pending"] = True
            change["$inc"]["marks"] = 1
        self._named.update({"_id": target["_id"]}, change)

    def _note(self, statement_id: UUID, voiders: Voiders) -> None:
        known = self._voiders[statement_id]
        for side, voider in voiders.items():
            if side not in known or voider["at"] < known[side]["at"]:
                known[side] = voider


def _first_voider(voiders: Voiders, written_by: str) -> Document | None:
    """Return the earliest voider that counts: of what the vendor's client wrote, the vendor's alone."""
    counting = [voider for side, voider in voiders.items() if side == "vendor" or written_by != "vendor"]
    return min(counting, key=lambda voider: voider["at"], default=None)
