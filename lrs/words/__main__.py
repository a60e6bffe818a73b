"""`python -m lrs.words de`: what is missing in a language; `... de FILE` enters it.

Without a file the missing texts are printed as JSON, ready to be filled: text -> "", or text -> [plural in
English, then an empty form for each that the language has]. With one, its texts are entered into the
catalogues where they belong, in order; what no page says any more is taken out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lrs.words.catalogues import PLURALS, ROOMS, catalogue
from lrs.words.texts import LEARNERS, ROOT, home, said, texts


def missing(name: str, *, learners_only: bool = False) -> dict[str, Any]:
    """Return the texts that a language lacks, each as it is to be filled."""
    wanted = said(*LEARNERS) if learners_only else texts()
    known = catalogue(name)
    return {
        text: [one.many, *(f"({form})" for form in PLURALS[name])] if one.many else ""
        for text, one in sorted(wanted.items())
        if text not in known
    }


def enter(name: str, added: dict[str, Any]) -> None:
    """Write the catalogues of a language anew: with these texts, without those that nobody says."""
    everything = {**catalogue(name), **added}
    rooms: dict[str, dict[str, Any]] = {room: {} for room in ROOMS}
    for text in sorted(set(everything) & set(texts())):
        rooms[home(text)][text] = everything[text]
    for room, found in rooms.items():
        lines = [f"  {_json(text)}: {_json(told)}" for text, told in found.items()]
        path = ROOT / "templates" / room / f"{name}.json"
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def main(name: str, file: str | None = None) -> None:
    """Print or enter."""
    if file is None:
        print(json.dumps(missing(name), ensure_ascii=False, indent=1))  # noqa: T201 -- what a command answers
    else:
        enter(name, json.loads(Path(file).read_text("utf-8")))


if __name__ == "__main__":
    main(*sys.argv[1:])
