"""GET /me/data.json: all that is kept of the own person, as one JSON document that is streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson
from flask import Response
from pymongo.database import Database

from lrs.access.guard import AUTHENTICATED
from lrs.analysis.readable_stores import whole_scope
from lrs.foundation.context import current_services
from lrs.people.privacy.erasure import addresses_of, identifiers_of
from lrs.portal.mine import Mine, me
from rules.stored import VENDOR
from statements.parsing.search_keys import key

Document = dict[str, Any]
PERSON: Final = ("_id", "name", "email", "ifis", "language", "notices", "display", "created_at")

blueprint = Mine("me_data", __name__)


@blueprint.get("/me/data.json", scope=AUTHENTICATED)
def own_data() -> Response:
    """Answer the person's own data as a file."""
    services = current_services()
    parts = pieces(services.db, me())
    return Response(
        parts,
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="my-data-{services.now():%Y-%m-%d}.json"'},
    )


def pieces(db: Database[Document], person: Document) -> Iterator[bytes]:
    """Yield the document piece by piece: statements are as many as they are."""
    yield b'{"person": ' + dumped({name: person.get(name) for name in PERSON})
    for name, rows in collected(db, person):
        yield f', "{name}": ['.encode()
        for at, row in enumerate(rows):
            yield (b",\n" if at else b"") + (row if isinstance(row, bytes) else dumped(row))
        yield b"]"
    yield b"}\n"


def collected(db: Database[Document], person: Document) -> Iterator[tuple[str, Iterator[Any]]]:
    """Yield (name, rows) of each kind of thing that is kept of a person."""
    mine = {"org": VENDOR, "person": person["_id"]}
    yield "affiliations", db.affiliations.find({"person": person["_id"]})
    yield "certifications", db.standings.find(mine, {"certification": 1, "states": 1, "_id": 0})
    yield "decisions", db.facts.find(mine)
    yield "credentials", db.credentials.find(mine, {"_id": 0, "award": 1, "valid_from": 1, "jwt": 1})
    yield "shown_to_others", db.credential_displays.find(mine)
    yield "recognised_credentials", db.recognitions.find(mine)
    yield "endorsements", db.endorsements.find(mine)
    yield "mails", db.mails.find({**mine, "to": {"$in": addresses_of(person)}})
    yield "documents", documents_of(db, identifiers_of(person))
    yield "statements", statements_of(db, identifiers_of(person))


def documents_of(db: Database[Document], ifis: list[str]) -> Iterator[Document]:
    """Yield what state and profile documents there are; the content is the programs' that wrote them."""
    fields = dict.fromkeys(("org", "kind", "activity", "ifi", "registration", "id", "updated_at"), 1)
    return iter(db.documents.find({"ifi": {"$in": ifis}}, {**fields, "_id": 0}))


def statements_of(db: Database[Document], ifis: list[str]) -> Iterator[bytes]:
    """Yield the statements whose actor the person is, of every store, as they are kept."""
    wanted = {
        **whole_scope(db).filter(),
        "keys": {"$in": [key("a", one) for one in ifis]},
        "actor": {"$in": ifis},
        "raw": {"$exists": True},
    }
    return (bytes(row["raw"]) for row in db.statements.find(wanted, {"raw": 1}).sort("_id", 1))


def dumped(value: Any) -> bytes:
    """Return a value of the database as JSON."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z, default=str)
