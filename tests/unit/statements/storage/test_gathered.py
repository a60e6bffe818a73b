"""The documents of a request come out as they went in, however many there are."""

import bson
import pytest
from bson.raw_bson import RawBSONDocument

from statements.storage.gathered import CODEC, MAX_OBJECT_BYTES, MAX_OBJECTS, Gathered


@pytest.mark.parametrize("count", [0, 1, MAX_OBJECTS, MAX_OBJECTS + 1, 2 * MAX_OBJECTS + 3])
@pytest.mark.parametrize("length", [10, MAX_OBJECT_BYTES // MAX_OBJECTS + 1])
def test_documents_keep_their_number_and_order(count: int, length: int) -> None:
    given = [{"_id": number, "raw": b"x" * length} for number in range(count)]
    gathered = Gathered()
    for document in given:
        gathered.append(document)
    assert [plain(one) for one in gathered.all()] == given
    assert [plain(one) for window in gathered.windows() for one in window] == given


def plain(document: object) -> object:
    return bson.decode(document.raw, CODEC) if isinstance(document, RawBSONDocument) else document
