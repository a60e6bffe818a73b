"""The passphrase that locks what has to be kept but not read: signing keys, secrets of webhooks and users.

A passphrase is replaced without a pause: every process gets the new one with the former beside it, so both
open; then all is locked anew (`lrs credentials keys relock`), and the former is taken away.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from lrs.foundation.settings import Settings, StartFailure

PASSPHRASE_FILE: Final = "key-passphrase"  # noqa: S105 -- the name of a file


def passphrase(settings: Settings) -> bytes:
    """Return the passphrase that locks: `LRS_KEY_PASSPHRASE`, else a file of the data folder made once."""
    if settings.key_passphrase:
        return settings.key_passphrase.encode()
    path = settings.data_folder / PASSPHRASE_FILE
    try:
        return read_or_make(path)
    except OSError as error:
        raise StartFailure(
            f"{path} cannot be read or made: {error.strerror}",
            "set LRS_KEY_PASSPHRASE, or let LRS_DATA_FOLDER name a folder that can be written",
        ) from error


def passphrases(settings: Settings) -> tuple[bytes, ...]:
    """Return what opens: the passphrase, and the former one where there is one."""
    former = settings.key_passphrase_former
    return (passphrase(settings), *([former.encode()] if former else []))


def read_or_make(path: Path) -> bytes:
    """Return a secret file's content; make it, readable by its owner only, when there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        own = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        own.touch(mode=0o600)
        own.write_text(secrets.token_urlsafe(32))
        try:
            os.link(own, path)  # atomic, and refused where another process was first
        except FileExistsError:
            pass
        finally:
            own.unlink()
    return path.read_bytes().strip()


def seal(settings: Settings, purpose: str, secret: str) -> bytes:
    """Encrypt a secret for one purpose; what is sealed for another opens nothing."""
    return _box(settings, purpose).encrypt(secret.encode())


def unseal(settings: Settings, purpose: str, sealed: bytes) -> str:
    """Return a sealed secret in plain; raises StartFailure where another passphrase sealed it."""
    try:
        return _box(settings, purpose).decrypt(sealed).decode()
    except InvalidToken as error:
        raise StartFailure(
            f"one of the {purpose} in the database is sealed with another passphrase",
            "set LRS_KEY_PASSPHRASE, or bring back the file key-passphrase of the data folder",
        ) from error


def reseal(settings: Settings, purpose: str, sealed: bytes) -> bytes:
    """Return a secret sealed with the passphrase of now; raises StartFailure."""
    return seal(settings, purpose, unseal(settings, purpose, sealed))


def _box(settings: Settings, purpose: str) -> MultiFernet:
    digests = (
        hashlib.blake2b(purpose.encode(), key=one[:64], digest_size=32).digest()
        for one in passphrases(settings)
    )
    return MultiFernet([Fernet(base64.urlsafe_b64encode(each)) for each in digests])
