"""Write `rules-1.json` beside this package: python -m schemas.rules."""

from __future__ import annotations

from pathlib import Path

from schemas.rules import text

Path(__file__).parents[1].joinpath("rules-1.json").write_text(text(), encoding="utf-8")
