"""The table of docs/access.md says what each role may do; here each role asks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from factories_access import log_in, make_org, make_user
from flask import Flask

from lrs.access.users import ROLES

PAGE = Path(__file__).parents[4] / "docs" / "access.md"
BODIES = {"/api/v1/people/nobody/certifications/x/facts": {"kind": "hold", "reason": "other", "note": "x"}}
ROW = re.compile(r"^\| [^|]+ \| `(GET|POST) (/api/v1/[^`]+)` \|((?: (?:yes|no) \|)+)$", re.MULTILINE)


def table() -> dict[tuple[str, str], list[bool]]:
    text = PAGE.read_text()
    assert "| may | request | " + " | ".join(f"`{role}`" for role in ROLES) + " |" in text
    return {
        (method, path): [cell == "yes" for cell in re.findall("yes|no", cells)]
        for method, path, cells in ROW.findall(text)
    }


def test_each_role_may_do_what_the_page_says(app: Flask, db: Any) -> None:
    make_org(db, "north")
    rows = table()
    assert len(rows) >= 15
    for number, (name, role) in enumerate(ROLES.items()):
        org = "vendor" if role.of_vendor else "north"
        browser = log_in(app, make_user(db, org, name, f"{name}@{org}.example"))
        for (method, path), told in rows.items():
            answer = browser.open(path, method, json=BODIES.get(path, {}) if method == "POST" else None)
            assert (answer.status_code != 403) is told[number], (name, method, path, answer.text[:200])
