"""The vendor's own words of notices, by kind and language; without any the catalogue's are told.

notice_texts {_id "kind/language", org: "vendor", kind, language, subject, text, action?, updated_at, version}
Mails carry values, not words: what waits when a text changes is told in the new one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pymongo import IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.foundation.audit import Editor
from lrs.foundation.errors import InvalidField, Outdated, UnknownThing
from lrs.messaging.notice_texts import LANGUAGES, Own, default_of, kinds

Document = dict[str, Any]
Words = str | list[str]

LONGEST: Final[Mapping[str, int]] = {"subject": 200, "text": 4000, "action": 80}
"""The parts of a notice, and how many characters each may have."""
TOLD: Final = re.compile(r"\{([a-z_]+)\}")
OF_AWARDS: Final = frozenset({"holder", "certification", "expires", "days"})
CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")

INDEXES: dict[str, list[IndexModel]] = {"notice_texts": []}


def own_texts(db: Database[Document]) -> Own:
    """Return all own words; a few hundred at most."""
    rows = db.notice_texts.find({"org": VENDOR})
    return {
        (row["kind"], row["language"]): {name: row[name] for name in LONGEST if name in row} for row in rows
    }


def own_text(db: Database[Document], kind: str, language: str) -> Document | None:
    """Return the own words of a notice; None where the catalogue's are told. Raises UnknownThing."""
    _check_place(kind, language)
    return db.notice_texts.find_one({"_id": f"{kind}/{language}", "org": VENDOR})


def values_of(kind: str) -> list[str]:
    """Return the values that a notice may name: those that one of its default texts names."""
    said = [part for one in LANGUAGES for part in default_of(kind, one).values()]
    named = {name for part in said for text in _forms(part) for name in TOLD.findall(text)}
    return sorted(named | (OF_AWARDS if kind.startswith("award.") else set()))


def checked(kind: str, language: str, words: Mapping[str, Words]) -> dict[str, Words]:
    """Return own words as they are kept; raises UnknownThing or InvalidField, which names the part.

    Each part has as many forms as the default in that language.
    """
    _check_place(kind, language)
    found: dict[str, Words] = {}
    for name, default in default_of(kind, language).items():
        given = [_tidy(name, one) for one in _forms(words.get(name, ""))]
        if len(given) != len(_forms(default)):
            raise InvalidField(name, f"has {len(_forms(default))} forms in this language")
        for text in given:
            _check(kind, name, text)
        found[name] = given if isinstance(default, list) else given[0]
    return found


def set_text(
    editor: Editor, kind: str, language: str, words: Mapping[str, Words], version: int | None = None
) -> Document:
    """Tell a notice in these words from now on; raises UnknownThing, InvalidField or Outdated."""
    kept = checked(kind, language, words)

    def act(session: ClientSession) -> Document:
        before = _of_version(editor, kind, language, version, session)
        now = before["version"] + 1 if before else 1
        place = {"org": VENDOR, "kind": kind, "language": language}
        after = {**place, **kept, "updated_at": editor.now, "version": now}
        editor.db.notice_texts.replace_one(
            {"_id": f"{kind}/{language}", "org": VENDOR}, after, upsert=True, session=session
        )
        was = before or dict(default_of(kind, language))
        editor.note(
            "notice.words", "notice", f"{kind}/{language}", org=VENDOR, before=was, after={**was, **kept}
        )
        return after

    return editor.change(act)


def restore_default(editor: Editor, kind: str, language: str, version: int | None = None) -> None:
    """Tell a notice in the catalogue's words again; raises UnknownThing or Outdated."""
    _check_place(kind, language)

    def act(session: ClientSession) -> None:
        before = _of_version(editor, kind, language, version, session)
        if before is None:
            return
        editor.db.notice_texts.delete_one({"_id": before["_id"], "org": VENDOR}, session=session)
        default = {**before, **default_of(kind, language)}
        editor.note(
            "notice.default", "notice", f"{kind}/{language}", org=VENDOR, before=before, after=default
        )

    editor.change(act)


def _of_version(
    editor: Editor, kind: str, language: str, version: int | None, session: ClientSession
) -> Document | None:
    """Return what is kept, where it is still what somebody looked at (0: the default); raises Outdated."""
    wanted = {"_id": f"{kind}/{language}", "org": VENDOR}
    found: Document | None = editor.db.notice_texts.find_one(wanted, session=session)
    if version is not None and version != (found["version"] if found else 0):
        raise Outdated("notice")
    return found


def _check_place(kind: str, language: str) -> None:
    if kind not in kinds() or language not in LANGUAGES:
        raise UnknownThing("notice", f"{kind} in {language}")


def _forms(words: Words) -> list[str]:
    return [words] if isinstance(words, str) else list(words)


def _tidy(name: str, text: str) -> str:
    """Return a text without blanks around and with the line ends of mails; a subject is one line."""
    lines = text.replace("\r\n", "\n").strip()
    return lines if name == "text" else " ".join(lines.split("\n"))


def _check(kind: str, name: str, text: str) -> None:
    if not text:
        raise InvalidField(name, "is empty; restore the default instead")
    if len(text) > LONGEST[name]:
        raise InvalidField(name, f"is longer than {LONGEST[name]} characters")
    if CONTROL.search(text):
        raise InvalidField(name, "has a character that no text has")
    known = values_of(kind)
    wrong = [one for one in TOLD.findall(text) if one not in known]
    if wrong:
        raise InvalidField(name, f"names {{{wrong[0]}}}; this notice knows {_named(known)}")
    if "{" in TOLD.sub("", text) or "}" in TOLD.sub("", text):
        raise InvalidField(name, f"has a brace that encloses no value; this notice knows {_named(known)}")


def _named(known: list[str]) -> str:
    return ", ".join(f"{{{one}}}" for one in known)
