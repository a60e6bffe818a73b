"""What a player asks for, as values: the course, a part to open, a commit to keep. Knows no HTTP."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote

import orjson
from pymongo.database import Database

from lrs.content.attempts.changing import Changes
from lrs.content.attempts.merging import Standing
from lrs.content.attempts.outline import Outline, Part
from lrs.content.attempts.receiving import Commit, Sco, UnknownRun
from lrs.content.attempts.records import standing_of
from lrs.content.attempts.relaunching import Facts, Mode, initial_cmi
from lrs.content.attempts.results.rollup import Claim
from lrs.content.attempts.store import get_attempt, record_of
from lrs.content.origin.addresses import FILES
from lrs.content.player.commits import LARGEST, BadCommit, Sent, answer, merged, refusal
from lrs.content.player.shelf import Shelved, text_of
from lrs.foundation.errors import UnknownThing

Document = dict[str, Any]

NO_ATTEMPT: Final[Document] = {"parts": []}  # who browses may have begun none


@dataclass(frozen=True, slots=True)
class Play:
    """One launch of SCORM content that is running."""

    db: Database[Document]
    launch: Document
    version: Shelved
    outline: Outline

    @property
    def counts(self) -> bool:
        """Tell whether what happens counts: not in review, not in browsing."""
        return bool(self.launch["mode"] == "normal")

    def course(self) -> Document:
        """Return what the player shows of the course, and where the learner goes on."""
        begun = self.launch["attempt"]
        attempt = get_attempt(self.db, begun) if begun else NO_ATTEMPT
        rows = {one["id"]: one for one in attempt["parts"]}
        languages = (self.launch["language"],)
        items = {item.id: item for item in self.version.package.launchable()}
        parts = [
            {
                "id": part.id,
                "title": text_of(part.name, languages),
                "visible": items[part.id].visible,
                "asset": part.is_asset,
                **_shown(rows.get(part.id)),
            }
            for part in self.outline.parts
        ]
        return {
            "title": text_of(self.outline.name, languages),
            "language": next(iter(self.version.package.languages), ""),
            "edition": self.outline.edition,
            "version": self.version.number,
            "mode": self.launch["mode"],
            "reason": self.launch["reason"],
            "parts": parts,
            "next": _next(self.outline, attempt),
            "sequencing": self._sequencing(attempt),
        }

    def _sequencing(self, attempt: Document) -> Document | None:
        if not self.outline.is_sequenced:
            return None
        return {"settings": self.outline.sequencing, "state": attempt.get("sequencing")}

    def keep_sequencing(self, run: int, state: str, claim: Claim | None, now: dt.datetime) -> Document:
        """Keep the state of the sequencing engine, and what it says of the course."""
        if self.counts:
            changes = Changes(self.db, self.outline)
            is_kept = changes.keep_sequencing(self.launch["attempt"], run, state, claim, now)
            return {"kept": is_kept}
        return {"kept": True}

    def open(self, part: str, now: dt.datetime, after: int = 0) -> Document:
        """Begin a run of a part; return its number, the data to load, and the address of its page.

        `after` is the run that the page ran before. Raises UnknownThing, AttemptOver.
        """
        known = self._part(part)
        if self.counts:
            opened = Changes(self.db, self.outline).open(self.launch["attempt"], part, now, after)
            number, sco = opened.number, opened.sco
        else:
            begun = self.launch["attempt"]
            number, sco = 1, record_of(self.db, begun, part) if begun else Sco()
        return {
            "run": number,
            "cmi": initial_cmi(self.outline.edition, sco, self._facts(known)),
            "url": self._address(part),
        }

    def _part(self, part: str) -> Part:
        known = self.outline.by_id.get(part)
        if known is None:
            raise UnknownThing("part", part)
        return known

    def _facts(self, part: Part) -> Facts:
        return Facts(
            learner_id=self.launch["learner"]["id"],
            learner_name=self.launch["learner"]["name"],
            mode=cast("Mode", self.launch["mode"]),
            launch_data=part.launch_data,
            mastery=part.bars.mastery,
            passing=part.bars.passing,
            completion=part.bars.completion,
            max_time=part.max_time,
            time_limit_action=part.time_limit_action,
        )

    def _address(self, part: str) -> str:
        item = self.version.package.item(part)
        path = item.launch if item else None
        if item is None or path is None:
            raise UnknownThing("part", part)
        is_absolute = path.startswith(("http://", "https://"))
        return (path if is_absolute else f"{FILES}/{self.version.id}/{quote(path)}") + item.query

    def commit(self, sent: Sent, now: dt.datetime) -> Document:
        """Keep a commit and return the answer for the SCO; nothing is kept that does not count."""
        edition = self.outline.edition
        if not self.counts:
            return {"result": "true", "errorCode": 0, "saved": now.isoformat(timespec="milliseconds")}
        try:
            given = self._whole(sent)
            receipt = Changes(self.db, self.outline).commit(
                self.launch["attempt"], sent.part, given, now, sent.claim
            )
        except UnknownRun:
            return refusal(edition, "this run was never opened")
        except UnknownThing:
            return refusal(edition, "there is no such part")
        except BadCommit as error:
            return refusal(edition, error.reason)
        return answer(edition, receipt, now)

    def _whole(self, sent: Sent) -> Commit:
        """Return the commit with all its data, where only what changed was sent.

        Raises UnknownRun, and BadCommit for changes that come to more than a commit may hold.
        """
        commit = sent.commit
        if sent.base is None:
            return commit
        known: Sco = record_of(self.db, self.launch["attempt"], sent.part)
        if known.run is None or known.run.number != commit.run or known.run.sequence < sent.base:
            raise UnknownRun(commit.run)
        whole = merged(known.cmi, commit.cmi)
        if len(orjson.dumps(whole)) > LARGEST:
            raise BadCommit(f"all of its data have more than {LARGEST >> 20} MB")
        return Commit(commit.run, commit.sequence, whole, commit.end)


def _shown(row: Document | None) -> Document:
    standing = standing_of(row["standing"]) if row else Standing()
    return {"completion": standing.completion, "success": standing.success}


def _next(outline: Outline, attempt: Document) -> str:
    """Return the part to go on with: the one left unfinished last, else the first that is not complete."""
    rows = {one["id"]: one for one in attempt["parts"]}
    left = [one["id"] for one in attempt["parts"] if one["exit"] == "suspend" or not one["is_over"]]
    if left:
        return str(left[-1])
    open_ = (
        part.id
        for part in outline.parts
        if part.id not in rows or rows[part.id]["standing"]["completion"] != "completed"
    )
    return next(open_, outline.parts[0].id)


def h5p_outline(launch: Document, version: Shelved, state: str | None) -> Document:
    """Return what the H5P page runs: its title, its id, its folder, and where the learner left it."""
    return {
        "title": text_of(version.package.title, (launch["language"],)),
        "course": version.course,
        "folder": f"{FILES}/{version.id}",
        "counts": launch["mode"] == "normal",
        "state": state,
    }
