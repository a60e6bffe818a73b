"""How large and how deep a package may be; all bounds hold before and while bytes are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one package; the defaults are several times what authoring tools write."""

    archive_bytes: int = 500 * MIB
    unpacked_bytes: int = 1024 * MIB
    file_bytes: int = 512 * MIB
    files: int = 10_000
    directory_bytes: int = 8 * MIB  # the list of files at the end of a zip
    # Media do not shrink, so that a whole course beyond this is no course; single files (silence in WAV, a
    # repetitive XML) shrink by hundreds and are left alone.
    ratio: int = 100
    ratio_from: int = 64 * MIB  # unpacked bytes below which the ratio does not matter
    path_depth: int = 20
    path_length: int = 255
    manifest_bytes: int = 10 * MIB
    xml_depth: int = 100
    xml_nodes: int = 100_000  # elements and attributes


LIMITS: Final = Limits()
