"""Make docs/images/demo.png of a running demo: scripts/pictures.py [ADDRESS]; needs chromium on the PATH.

Start `scripts/serve --demo`, wait for "Ready" and some seconds more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from PIL import Image

TARGET = Path(__file__).parents[1] / "docs" / "images" / "demo.png"
SIZE = (1000, 860)
CHROMIUM = [
    "chromium", "--headless", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", f"--window-size={SIZE[0]},{SIZE[1]}",
]  # fmt: skip


def shoot(address: str, folder: Path) -> Image.Image:
    """Return the upper part of a page as a browser shows it."""
    target = folder / f"{len(list(folder.iterdir()))}.png"
    root = ["--no-sandbox"] if os.getuid() == 0 else []
    subprocess.run([*CHROMIUM, *root, f"--screenshot={target}", address], check=True, capture_output=True)
    return Image.open(target).convert("RGB")


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
    with urllib.request.urlopen(
        f"{address}/registry.json?role=technical&q=professional", timeout=10
    ) as answer:
        people = json.load(answer)["items"]
    credential = next(
        held["credential"] for one in people for held in one["certifications"] if "Prof" in held["title"]
    )
    with tempfile.TemporaryDirectory() as folder:
        pages = [shoot(each, Path(folder)) for each in (credential, f"{address}/registry/partners")]
    both = Image.new("RGB", (2 * SIZE[0] + 20, SIZE[1]), "white")
    for n, page in enumerate(pages):
        both.paste(page, (n * (SIZE[0] + 20), 0))
    small = both.resize((1280, 1280 * SIZE[1] // both.width), Image.Resampling.LANCZOS)
    TARGET.parent.mkdir(exist_ok=True)
    small.quantize(128, dither=Image.Dither.NONE).save(TARGET, optimize=True)
    print(TARGET, TARGET.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
