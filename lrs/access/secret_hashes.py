"""Secrets of clients and users: made at random, kept as argon2id hashes only."""

from __future__ import annotations

import secrets
import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's argon2id parameters: about 20 ms and 19 MiB for one check, so that a flood of wrong secrets does
# not take the machine; generated secrets have 256 bits, so more work per guess would buy nothing.
HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# one check in each thread would be half a gigabyte for strangers who guess
HASHING: Final = threading.BoundedSemaphore(2)


def new_secret() -> str:
    """Return a fresh secret of 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Return the argon2id hash of a secret; it carries its own salt and parameters."""
    return HASHER.hash(secret)


def verify_secret(hashed: str, secret: str) -> bool:
    """Tell whether the secret belongs to the hash; the comparison takes the same time for all secrets."""
    try:
        with HASHING:
            return HASHER.verify(hashed, secret)
    except (VerificationError, InvalidHashError):
        return False
