"""Write the table of docs/configuration.md from the declarations in lrs/foundation/settings.py."""

from __future__ import annotations

import re
from pathlib import Path

from lrs.foundation.settings import table

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    anew = re.sub(
        r"^\| variable \|.*?\n(?=\n)", lambda _: table(), text, count=1, flags=re.MULTILINE | re.DOTALL
    )
    PAGE.write_text(anew, encoding="utf-8")


if __name__ == "__main__":
    main()
