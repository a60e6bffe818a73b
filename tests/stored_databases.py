"""Databases that builds of before really wrote: the demo as they loaded it, one BSON document after the other."""

from __future__ import annotations

import lzma
from collections import defaultdict
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from places import TESTS
from pymongo.database import Database

FOLDER = TESTS / "databases"
BUILDS = sorted(file.name.removesuffix(".bson.xz") for file in FOLDER.glob("*.bson.xz"))
RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)


def restore(db: Database[Any], build: str) -> None:
    """Put a stored database into an empty one."""
    found: dict[str, list[Any]] = defaultdict(list)
    for one in bson.decode_all(lzma.decompress((FOLDER / f"{build}.bson.xz").read_bytes()), RAW):
        found[one["c"]].append(one["d"])
    for collection, documents in found.items():
        db.get_collection(collection, codec_options=RAW).delete_many({})
        db.get_collection(collection, codec_options=RAW).insert_many(documents)
