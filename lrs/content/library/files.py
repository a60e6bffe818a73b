"""The bytes of uploaded content, one store for each organization; in MongoDB or in a folder.

Both stores do the same, and one suite of tests runs on both. Files of a package are named by
their sha-256 and stored once however many versions hold them; an original zip is named by its version. What
is stored under a name never changes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol

from pymongo.database import Database

from lrs.content.library.folder_files import FolderFiles
from lrs.content.library.mongo_files import MongoFiles
from lrs.content.library.stored import StoredFile
from lrs.foundation.database import Document
from lrs.foundation.settings import Settings


class ContentFiles(Protocol):
    """The files of one organization."""

    def keep(self, files: Iterable[Iterable[bytes]]) -> Iterator[StoredFile]:
        """Store files under their hashes, each given as blocks; yield each in order once it is durable."""

    def put(self, name: str, blocks: Iterable[bytes]) -> StoredFile:
        """Store a file under a name of its own; raises FileExistsError where the name is taken."""

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes, None where it is not there."""

    def read(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes [start, end) of a file in blocks; raises MissingFile."""

    def open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Open a file for reading at any place; raises MissingFile."""

    def delete(self, names: Collection[str]) -> None:
        """Remove files; unknown ones are no error."""

    def stored_before(self, before: dt.datetime) -> Iterator[str]:
        """Yield the names of files that were stored before an instant."""


def content_files(settings: Settings, db: Database[Document], org: str) -> ContentFiles:
    """Return the store of an organization's content, where the settings put it."""
    if settings.content_folder:
        return FolderFiles(Path(settings.content_folder), org)
    return MongoFiles(db, org)
