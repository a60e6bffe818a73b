"""The documents of one request on their way into the store; of a long one as BSON, which takes less room."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

Document = dict[str, Any]

CODEC: CodecOptions[Document] = CodecOptions(
    tz_aware=True, tzinfo=dt.UTC, uuid_representation=UuidRepresentation.STANDARD
)
_RAW: Any = CODEC.with_options(document_class=RawBSONDocument)
MAX_OBJECTS = 500  # documents that stay objects
MAX_OBJECT_BYTES = 1024 * 1024  # and of their texts
WINDOW_BYTES = 512 * 1024
WINDOW = 500  # documents


class Gathered:
    """Documents in order; `size` is the length of their texts, `refers` tells that one names another."""

    def __init__(self) -> None:
        self.size = 0
        self.refers = False
        self._objects: list[Document] = []
        self._encoded: list[bytes] = []

    def append(self, document: Document) -> None:
        """Add a document, which nothing changes afterwards."""
        self.size += len(document["raw"])
        if "target" in document:
            self.refers = True
        self._objects.append(document)
        if self._encoded or self.size > MAX_OBJECT_BYTES or len(self._objects) > MAX_OBJECTS:
            self._encoded += [bson.encode(one, codec_options=CODEC) for one in self._objects]
            self._objects.clear()

    def all(self) -> list[Any]:
        """Return the documents as the driver takes them: objects, or BSON in its wrapping."""
        return _wrapped(self._encoded) if self._encoded else self._objects

    def windows(self) -> Iterator[list[Any]]:
        """Yield the documents as the driver takes them, so many at once that a message stays short."""
        if not self._encoded:
            yield self._objects
            return
        start = size = 0
        for index, encoded in enumerate(self._encoded):
            if index > start and (size + len(encoded) > WINDOW_BYTES or index - start >= WINDOW):
                yield _wrapped(self._encoded[start:index])
                start, size = index, 0
            size += len(encoded)
        yield _wrapped(self._encoded[start:])


def _wrapped(encoded: Sequence[bytes]) -> list[Any]:
    return [RawBSONDocument(one, _RAW) for one in encoded]


def as_objects(documents: Sequence[Any]) -> list[Document]:
    """Return documents that may be changed, with their ids as UUID."""
    return [
        bson.decode(one.raw, codec_options=CODEC)
        if isinstance(one, RawBSONDocument)
        else {**one, "id": one["id"].as_uuid()}
        for one in documents
    ]
