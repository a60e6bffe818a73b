"""What both stores of content files have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

# Files up to this size are stored several at a time; larger ones pass through in pieces.
SMALL_BYTES: Final = 2 * 1024 * 1024
BATCH_BYTES: Final = 8 * 1024 * 1024
BATCH_FILES: Final = 500


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a store."""

    sha256: str
    size: int


class MissingFile(Exception):
    """A file that the store does not have."""

    def __init__(self, sha256: str) -> None:
        super().__init__(sha256)
        self.sha256 = sha256


@dataclass(frozen=True, slots=True)
class Small:
    """A whole file in memory."""

    content: bytes

    @property
    def stored(self) -> StoredFile:
        """Hash and size."""
        return StoredFile(hashlib.sha256(self.content).hexdigest(), len(self.content))


@dataclass(frozen=True, slots=True)
class Large:
    """A file that does not fit: what was read of it, and the rest."""

    begun: bytes
    rest: Iterator[bytes]

    def blocks(self) -> Iterator[bytes]:
        """Yield the whole file."""
        yield self.begun
        yield from self.rest


def batches(files: Iterable[Iterable[bytes]]) -> Iterator[list[Small] | Large]:
    """Yield small files several at a time and large ones alone, all in their order."""
    batch: list[Small] = []
    size = 0
    for blocks in files:
        one = _begun(iter(blocks))
        if isinstance(one, Large):
            if batch:
                yield batch
            yield one
            batch, size = [], 0
            continue
        batch.append(one)
        size += len(one.content)
        if size >= BATCH_BYTES or len(batch) >= BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _begun(blocks: Iterator[bytes]) -> Small | Large:
    read = bytearray()
    for block in blocks:
        read += block
        if len(read) > SMALL_BYTES:
            return Large(bytes(read), blocks)
    return Small(bytes(read))
