"""Files of a backup: BSON documents in compressed pieces, each sealed where there is a passphrase.

A piece is a length of four bytes, then (sealed: a nonce of twelve bytes and) the compressed documents. What
is sealed is bound to its file's name, to the piece's number and to being the last one, so that pieces can be
neither exchanged, nor left out, nor cut off unseen (AES-256-GCM).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

PIECE: Final = 4 * 1024 * 1024  # bytes of documents before they are compressed
LONGEST: Final = 64 * 1024 * 1024  # of one piece as it lies in the file: a document has at most 16 MB
NONCE: Final = 12


class Damaged(Exception):
    """A file of a backup is not what was written: which, and why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


def key_of(passphrase: str, salt: bytes) -> AESGCM:
    """Return the key that a passphrase and a repository's salt make (scrypt, RFC 7914)."""
    return AESGCM(Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode()))


def write(path: Path, documents: Iterable[bytes], key: AESGCM | None) -> tuple[int, int, str]:
    """Write raw BSON documents; return (documents, bytes of them, sha-256 over them), durable on return."""
    count, size, digest = 0, 0, hashlib.sha256()
    with path.open("wb") as file:
        waiting: list[bytes] = []
        held, number = 0, 0
        for document in documents:
            count, size, held = count + 1, size + len(document), held + len(document)
            digest.update(document)
            waiting.append(document)
            if held >= PIECE:
                _put(file, path.name, number, b"".join(waiting), key, last=False)
                waiting, held, number = [], 0, number + 1
        _put(file, path.name, number, b"".join(waiting), key, last=True)
        file.flush()
        os.fsync(file.fileno())
    return count, size, digest.hexdigest()


def read(path: Path, key: AESGCM | None) -> Iterator[bytes]:
    """Yield the raw documents of a file; raises Damaged for whatever is not as it was written."""
    with path.open("rb") as file:
        number, ended = 0, False
        while head := file.read(4):
            length = int.from_bytes(head, "big")
            if ended or not 0 < length <= LONGEST:
                raise Damaged(path.name, "does not end where it should")
            body = file.read(length)
            if len(body) < length:
                raise Damaged(path.name, "is cut off")
            plain, ended = _open(body, path.name, number, key)
            yield from _documents(path.name, plain)
            number += 1
        if not ended:
            raise Damaged(path.name, "is cut off")


def _put(file: BinaryIO, name: str, number: int, plain: bytes, key: AESGCM | None, *, last: bool) -> None:
    body = bytes([last]) + zlib.compress(plain, 3)
    if key is not None:
        nonce = secrets.token_bytes(NONCE)
        body = nonce + key.encrypt(nonce, body, f"{name}\n{number}".encode())
    file.write(len(body).to_bytes(4, "big") + body)


def _open(body: bytes, name: str, number: int, key: AESGCM | None) -> tuple[bytes, bool]:
    """Return the documents of a piece, and whether it is the last one."""
    if key is not None:
        try:
            body = key.decrypt(body[:NONCE], body[NONCE:], f"{name}\n{number}".encode())
        except (InvalidTag, ValueError) as error:
            raise Damaged(name, "was changed, or the passphrase is another one") from error
    try:
        return zlib.decompress(body[1:]), body[:1] == b"\x01"
    except zlib.error as error:
        raise Damaged(name, "was changed, or is sealed and no passphrase was given") from error


def _documents(name: str, plain: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(plain):
        length = int.from_bytes(plain[start : start + 4], "little")
        if length < 5 or start + length > len(plain):
            raise Damaged(name, "holds something that is no document")
        yield plain[start : start + length]
        start += length
