"""Attachments: each object of a statement needs its bytes, each part its object (Communication 1.5.2)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One received or stored attachment: `sha2` as declared (X-Experience-API-Hash), in lower case."""

    sha2: str
    content_type: str
    content: bytes
