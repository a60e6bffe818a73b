"""Asking the issuers of imported credentials again: what they revoke is taken back here.

Only the issuer's own word takes something back: a set bit of a list that it signed. Where it does not answer,
or its answer cannot be understood, that is noted and asked again; an administrator may take back what stays
unclear.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.credentials.recognising import telling
from lrs.credentials.recognising.importing import within
from lrs.credentials.recognising.store import RecognitionStore, shown
from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.verify import Get, Inquiry, Verification
from lrs.foundation.audit import Editor
from lrs.foundation.errors import UnknownThing

Document = dict[str, Any]
A_ROUND: Final = 50  # imports that are checked in one go
LONGEST_ROUND: Final = 120.0  # seconds after which the rest waits for the next
LONGEST_CHECK: Final = 40.0
WORKER: Final = {"kind": "system", "id": "recognition", "name": "recognition"}


def recheck(
    db: Database[Document],
    public_url: str,
    get: Get,
    now: Callable[[], dt.datetime],
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Check the imports whose turn has come, a bounded number; return how many were looked at."""
    store, end, done = RecognitionStore(db), time.monotonic() + LONGEST_ROUND, 0
    while done < A_ROUND and time.monotonic() < end and not stopped():
        row = store.take_due(now())
        if row is None:
            break
        done += 1
        check(Editor(db, WORKER, now()), public_url, row, within(Inquiry(get, now()), LONGEST_CHECK))
    return done


def check(editor: Editor, public_url: str, row: Document, ask: Inquiry) -> None:
    """Ask the issuer about one import; what it revoked is taken back."""
    store = RecognitionStore(editor.db)
    if not row["told"]:  # whoever imported it was cut off
        telling.tell(editor.db, public_url, row, row["actor"], editor.now)
        store.mark_told(row["_id"])
    report = verify_credential(row["copy"].encode(), ask)
    if report.revoked:
        take_back(editor, public_url, row, "its issuer revoked it")
    else:
        store.checked(row, editor.now, problem_of(report))


def problem_of(report: Verification) -> str | None:
    """Return what a check could not settle, None where all is well; that it has run out is no problem."""
    for one in report.checks:
        if one.outcome in {"failed", "cannot say"} and one.name != "dates":
            return f"{one.name}: {one.detail}"[:500]
    return None


def take_back(editor: Editor, public_url: str, row: Document, reason: str) -> None:
    """Void what an import told, then let it count no more: after a crash between both, it is done again."""
    telling.tell_taken_back(editor.db, public_url, row, editor.now)
    store = RecognitionStore(editor.db)

    def act(session: ClientSession) -> None:
        if store.take_back(row["_id"], reason, editor.now, session):
            after = {name: row[name] for name in ("issuer", "credential")}
            editor.note(
                "credential.unrecognise", "person", row["person"], org=VENDOR, after=after, note=reason
            )

    editor.change(act)


def take_back_by_hand(editor: Editor, public_url: str, person: str, name: str, reason: str) -> Document:
    """Take back an import of a person that counts; raise UnknownThing where there is none."""
    store = RecognitionStore(editor.db)
    row = store.get(name)
    if row is None or row["person"] != person or not row.get("stands"):
        raise UnknownThing("recognised credential", name)
    take_back(editor, public_url, row, reason)
    return shown(store.get(name) or row)
