"""Partners and assessors endorse credentials: each endorsement is a signed credential of its own.

endorsers {_id random, org "vendor", of_org | of_person, name}
endorsements {_id, org "vendor", award, person, endorser, by_org?, by_person?, name, comment, at, by,
              document}

An endorser has a did:web below this installation, under a random name, and this installation's keys: it signs
for them, and says so by whose host it is. `person` is the holder. An endorsement is seen where its credential
is.
"""

from __future__ import annotations

import dataclasses
import secrets
from typing import Any, Final, cast
from uuid import uuid4

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.credentials.issuer import issuer_of
from lrs.credentials.keys import issuer
from lrs.foundation.audit import Editor, new_id
from lrs.foundation.errors import Collision, UnknownThing
from lrs.foundation.settings import Settings
from rules.credentials.document import Issuer, whole_second
from rules.credentials.endorsement import build_endorsement
from rules.credentials.proving.proofs import with_proof
from rules.credentials.proving.signing import encode_json

Document = dict[str, Any]
MOST: Final = 20  # endorsements of one credential

INDEXES: dict[str, list[IndexModel]] = {
    "endorsers": [
        IndexModel([("org", ASCENDING), ("of_org", ASCENDING), ("of_person", ASCENDING)], unique=True),
    ],
    "endorsements": [
        IndexModel([("org", ASCENDING), ("award", ASCENDING), ("endorser", ASCENDING)], unique=True),
        IndexModel([("org", ASCENDING), ("person", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("by_person", ASCENDING)]),
    ],
}


def endorsements_of(db: Database[Document], award: str) -> list[Document]:
    """Return the endorsements of a credential, the oldest first."""
    return list(db.endorsements.find({"org": VENDOR, "award": award}).sort("_id", ASCENDING))


def as_issuer(settings: Settings, endorser: Document) -> Issuer:
    """Return an endorser as who signs: a did:web below the installation's host, whatever its tenant."""
    host = issuer(dataclasses.replace(settings, issuer_tenant=""))
    return Issuer(f"{host.did}:endorsers:{endorser['_id']}", endorser["name"], host.base)


def endorse(
    editor: Editor, settings: Settings, award: Document, endorser: Document, comment: str
) -> Document:
    """Sign and keep an endorsement of a credential {award, person, title}; raise Collision.

    `endorser` is {name, of_org} or {name, of_person}; one endorses a credential once.
    """
    db, now = editor.db, whole_second(editor.now)
    if db.endorsements.count_documents({"org": VENDOR, "award": award["award"]}) >= MOST:
        raise Collision(f"a credential has at most {MOST} endorsements")
    known = known_endorser(db, endorser)
    who, by = issuer_of(settings, db), as_issuer(settings, known)
    key = who.signer.current("proof")
    body = build_endorsement(
        uuid4().urn, by, endorsed=f"{by.base}/credentials/{award['award']}", title=award["title"],
        comment=comment, now=now,
    )  # fmt: skip
    row = {
        "_id": "end_" + new_id(editor.now), "org": VENDOR, "award": award["award"], "person": award["person"],
        "endorser": known["_id"], "by_org": endorser.get("of_org"), "by_person": endorser.get("of_person"),
        "name": by.name, "comment": comment, "at": now, "by": editor.who,
        "document": encode_json(with_proof(body, who.signer, key, by.method(key), now)).decode(),
    }  # fmt: skip

    def act(session: ClientSession) -> None:
        same = {"org": VENDOR, "award": award["award"], "endorser": known["_id"]}
        if db.endorsements.find_one(same, {"_id": 1}, session=session) is not None:
            raise Collision(f"{by.name} has endorsed it already")
        db.endorsements.insert_one(row, session=session)
        after = {"award": award["award"], "endorser": by.name}
        editor.note("credential.endorse", "person", award["person"], org=VENDOR, after=after)

    editor.change(act)
    return row


def known_endorser(db: Database[Document], endorser: Document) -> Document:
    """Return an endorser with its random name, made when it endorses first."""
    of = {"org": VENDOR, "of_org": endorser.get("of_org"), "of_person": endorser.get("of_person")}
    change = {"$set": {"name": endorser["name"]}, "$setOnInsert": {"_id": secrets.token_hex(8)}}
    found = db.endorsers.find_one_and_update(of, change, upsert=True, return_document=ReturnDocument.AFTER)
    return cast("Document", found)


def withdraw(editor: Editor, award: str, name: str) -> None:
    """Remove an endorsement from a credential; raise UnknownThing."""
    this = {"_id": name, "org": VENDOR, "award": award}

    def act(session: ClientSession) -> None:
        gone = editor.db.endorsements.find_one_and_delete(this, session=session)
        if gone is None:
            raise UnknownThing("endorsement", name)
        before = {"award": award, "endorser": gone["name"]}
        editor.note("credential.unendorse", "person", gone["person"], org=VENDOR, before=before)

    editor.change(act)
