"""The living example as the console's tests look at it: the application, and who is logged in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from factories_access import Browser
from flask import Flask
from pymongo.database import Database


@dataclass(frozen=True)
class World:
    """The application with the living example, and who looks at it."""

    app: Flask
    db: Database[dict[str, Any]]
    ada: Browser  # the vendor's administrator
    pat: Browser  # a partner's, of aurora
    ann: Browser  # an analyst of the vendor

    def person(self, name: str) -> str:
        found = self.db.people.find_one({"name": name})
        assert found is not None
        return str(found["_id"])
