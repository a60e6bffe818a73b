"""Attachments: each object of a statement needs its bytes, each part its object (Communication 1.5.2)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from statements.errors import AttachmentMismatch
from statements.parsing.parse import json_path

Json = Mapping[str, Any]
Place = tuple[tuple[str | int, ...], Json]

_ALGORITHMS = {56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}


@dataclass(frozen=True, slots=True)
class Part:
    """One received or stored attachment: `sha2` as declared (X-Experience-API-Hash), in lower case."""

    sha2: str
    content_type: str
    content: bytes


def attachments_of(statement: Json) -> Iterator[Place]:
    """Yield the attachment objects of a statement and its SubStatement, each with the steps to it."""
    for index, attachment in enumerate(statement.get("attachments", ())):
        yield ("attachments", index), attachment
    target = statement["object"]
    if target.get("objectType") == "SubStatement":
        for index, attachment in enumerate(target.get("attachments", ())):
            yield ("object", "attachments", index), attachment


def named_hashes(value: Any) -> set[str]:
    """Return the lower-case sha2 of every attachment object of what may be a statement, valid or not."""
    found: set[str] = set()
    if isinstance(value, dict):
        for holder in (value, value.get("object")):
            listed = holder.get("attachments") if isinstance(holder, dict) else None
            for one in listed if isinstance(listed, list) else ():
                if isinstance(one, dict) and isinstance(one.get("sha2"), str):
                    found.add(one["sha2"].lower())
    return found


def check_attachments(statements: Sequence[Json], parts: Mapping[str, Part], paths: Sequence[str]) -> None:
    """Raise AttachmentMismatch for a missing, superfluous or altered part."""
    wanted: set[str] = set()
    for statement, path in zip(statements, paths, strict=True):
        wanted |= wanted_parts(statement, parts, path)
    check_parts(parts, wanted)


def wanted_parts(statement: Json, parts: Mapping[str, Part], path: str) -> set[str]:
    """Return the hashes that a checked statement names; AttachmentMismatch for one that is nowhere."""
    wanted: set[str] = set()
    if "attachments" in statement or statement["object"].get("objectType") == "SubStatement":
        for steps, attachment in attachments_of(statement):
            sha2 = attachment["sha2"].lower()
            wanted.add(sha2)
            if sha2 not in parts and "fileUrl" not in attachment:
                raise AttachmentMismatch(
                    "has neither a part with its sha2 nor a fileUrl", json_path(*steps, root=path)
                )
    return wanted


def check_parts(parts: Mapping[str, Part], wanted: set[str]) -> None:
    """Raise AttachmentMismatch for a part that no statement wants, or whose bytes have another hash.

    `length` is not compared with the bytes (xapi#trap-1): the hash decides.
    """
    for sha2, part in parts.items():
        if sha2 not in wanted:
            raise AttachmentMismatch(
                f"the part with the hash {sha2[:128]} belongs to no attachment of a statement"
            )
        algorithm = _ALGORITHMS.get(len(sha2))
        if algorithm is None or hashlib.new(algorithm, part.content).hexdigest() != sha2:
            raise AttachmentMismatch(f"the bytes of the part do not have the hash {sha2[:128]}")
