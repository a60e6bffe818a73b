"""Roster import from CSV: read, plan each row (`roster_plan`), carry out; a file twice changes nothing.

Columns: `email` or `ifi` (one is needed), and `name`, `role`, `from`, `until`, `primary`. Dates are ISO 8601,
an absent `from` is the moment of the import. The vendor's roster counts at once; that of a partner counts
where the mailbox is under a domain the partner has verified, otherwise when the person has confirmed.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR, get_org
from lrs.foundation.audit import Editor
from lrs.foundation.errors import AccessError, InvalidField
from lrs.foundation.mail import check_address
from lrs.people import affiliations, records
from lrs.people.roster_plan import Elsewhere, Import, Plan, Row, plan_row
from rules.engine.identity import digest_of
from statements.parsing.actor import mbox_ifi

Document = dict[str, Any]

COLUMNS: Final = ("email", "ifi", "name", "role", "from", "until", "primary")
YES: Final = frozenset({"1", "true", "yes"})
NO: Final = frozenset({"0", "false", "no"})
MOST_ROWS: Final = 100_000


@dataclass(slots=True)
class RosterResult:
    """What an import did, or would do: counts, and one entry per row that is not as it was."""

    dry_run: bool
    counts: dict[str, int] = field(
        default_factory=lambda: {"added": 0, "changed": 0, "unchanged": 0, "refused": 0}
    )
    rows: list[Document] = field(default_factory=list)

    def add(
        self,
        line: int,
        outcome: str,
        person: str | None = None,
        reason: str | None = None,
        does: Sequence[str] = (),
    ) -> None:
        """Count a row and list it with what it does, unless nothing changes by it."""
        self.counts[outcome] += 1
        if outcome != "unchanged":
            told = {"line": line, "outcome": outcome, "person": person, "reason": reason}
            self.rows.append({**told, "does": list(does)})


def read_roster(text: str, report: RosterResult) -> Iterator[Row]:
    """Yield the good rows of a CSV text; bad ones go to the report; InvalidField for a bad head."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
    except csv.Error as error:
        raise InvalidField("csv", str(error)) from error
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or len(set(names)) != len(names) or not {"email", "ifi"} & set(names):
        raise InvalidField("csv", f"the first line names columns out of {', '.join(COLUMNS)}, each once")
    reader.fieldnames = names
    seen: dict[str, int] = {}
    for line, values in _lines(reader, report):
        try:
            row = read_row(line, values)
        except InvalidField as error:
            report.add(line, "refused", reason=str(error))
            continue
        if row.ifi in seen:
            report.add(line, "refused", reason=f"ifi: is on line {seen[row.ifi]} too")
            continue
        seen |= dict.fromkeys(records.same_mailbox(row.ifi), line)
        yield row


def _lines(
    reader: csv.DictReader[str], report: RosterResult
) -> Iterator[tuple[int, Mapping[str | None, Any]]]:
    """Yield the rows with their line; a row that is no CSV ends the reading, as nothing after it is sure."""
    for _ in range(MOST_ROWS):
        try:
            values = next(reader, None)
        except csv.Error as error:
            report.add(reader.line_num, "refused", reason=f"csv: {error}; the rest was not read")
            return
        if values is None:
            return
        yield reader.line_num, dict(values)
    report.add(reader.line_num, "refused", reason=f"csv: only {MOST_ROWS} rows are read at once")


def read_row(line: int, values: Mapping[str | None, Any]) -> Row:
    """Check one row; raises InvalidField with the column."""
    if None in values or None in values.values():
        raise InvalidField("csv", "the row has another number of columns than the first line")
    given = {str(name): str(value).strip() for name, value in values.items()}
    if given.get("email"):
        ifi = mbox_ifi(check_address(given["email"]))
    elif given.get("ifi"):
        ifi = records.check_ifi(given["ifi"])
    else:
        raise InvalidField("email", "is missing")
    primary = given.get("primary", "").lower()
    if primary and primary not in YES | NO:
        raise InvalidField("primary", "must be yes or no")
    if any(len(value) > 500 or not value.isprintable() for value in given.values()):
        raise InvalidField("csv", "a value is longer than 500 characters or has control characters")
    start, until = read_date(given.get("from", ""), "from"), read_date(given.get("until", ""), "until")
    if start is not None and until is not None and until <= start:
        raise InvalidField("until", "is not after `from`")
    return Row(
        line=line,
        ifi=ifi,
        name=given.get("name") or None,
        role=given.get("role") or None,
        start=start,
        until=until,
        primary=(primary in YES) if primary else None,
        tells_end="until" in given,
    )


def read_date(text: str, path: str) -> dt.datetime | None:
    """Return the instant of an ISO 8601 date or time, a day as its beginning in UTC; raises InvalidField."""
    if not text:
        return None
    try:
        read = dt.datetime.fromisoformat(text)
        at = read.astimezone(dt.UTC) if read.tzinfo else read.replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidField(path, "is not a date like 2026-03-31") from error
    return at.replace(microsecond=at.microsecond // 1000 * 1000)  # as the database keeps it


def import_roster(
    editor: Editor,
    org: str,
    text: str,
    *,
    by_vendor: bool,
    dry_run: bool = False,
    elsewhere: Elsewhere = "ask",
    progress: Callable[[int, int], None] | None = None,
) -> RosterResult:
    """Carry a roster out for an organization, each row on its own; raises UnknownThing or InvalidField.

    `elsewhere` says what becomes of somebody who counts for another organization where the row does not:
    refused, moved, or affiliated beside it. `progress(done, of)` is called after each row. An import that
    changed something leaves one audit entry.
    """
    importing = _Importing(editor, get_org(editor.db, org), by_vendor=by_vendor, elsewhere=elsewhere)
    report = RosterResult(dry_run)
    rows = list(read_roster(text, report))
    known = known_people(editor.db, [row.ifi for row in rows])
    lines: dict[str, int] = {}
    for done, row in enumerate(rows, 1):
        one = known.get(row.ifi)
        try:
            if one is not None and (line := lines.setdefault(one.person["_id"], row.line)) != row.line:
                raise InvalidField("ifi", f"is the person of line {line}")
            plan, person = importing.carry_out(row, one, dry_run=dry_run)
            report.add(row.line, plan.outcome, person, does=plan.does)
        except AccessError as error:
            report.add(row.line, "refused", reason=str(error))
        if progress is not None:
            progress(done, len(rows))
    report.rows.sort(key=lambda one: one["line"])
    if not dry_run and report.counts["added"] + report.counts["changed"]:
        editor.change(lambda _: editor.note("roster.import", "org", org, org=org, after=dict(report.counts)))
    return report


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who is in the database: the person, and all their affiliations by beginning."""

    person: Document
    affiliations: list[Document]


def known_people(db: Database[Document], ifis: Iterable[str]) -> dict[str, Known]:
    """Return who owns these identifiers (or the sha1sum of an mbox) now, in two questions for all."""
    wanted = {form: ifi for ifi in ifis for form in (digest_of(ifi), ifi) if form}
    found: dict[str, Document] = {}
    for person in db.people.find({"org": VENDOR, "ifis.ifi": {"$in": list(wanted)}}):
        for owned in person["ifis"]:
            if owned["ifi"] in wanted and owned["until"] is None:
                found[wanted[owned["ifi"]]] = person
    persons = [person["_id"] for person in found.values()]
    rows: dict[str, list[Document]] = {}
    for row in db.affiliations.find({"person": {"$in": persons}}).sort([("from", 1), ("_id", 1)]):
        rows.setdefault(row["person"], []).append(row)
    return {ifi: Known(person, rows.get(person["_id"], [])) for ifi, person in found.items()}


class _Importing:
    """One import: who edits, for which organization, and how rows count."""

    def __init__(self, editor: Editor, org: Document, *, by_vendor: bool, elsewhere: Elsewhere) -> None:
        now = editor.now.replace(microsecond=editor.now.microsecond // 1000 * 1000)
        self.editor = editor
        self.how = Import(org["_id"], now, by_vendor, elsewhere)
        self.domains = affiliations.verified_domains(org)

    def carry_out(self, row: Row, known: Known | None, *, dry_run: bool) -> tuple[Plan, str | None]:
        """Bring one row about, whole or not at all; return what it did, and the person."""
        if known is None:
            plan = self._plan(row, NOBODY, [])
            return (plan, None) if dry_run else self._in_one(row, None)
        plan = self._plan(row, known.person, known.affiliations)
        if dry_run or plan.outcome == "unchanged":
            shown = None if dry_run and plan.begun else str(known.person["_id"])
            return plan, shown
        return self._in_one(row, known.person["_id"])

    def _plan(self, row: Row, person: Document, rows: list[Document]) -> Plan:
        counts = self.how.by_vendor or affiliations.mail_domain(row.ifi) in self.domains
        return plan_row(self.how, row, person, rows, counts=counts)

    def _in_one(self, row: Row, person: str | None) -> tuple[Plan, str]:
        """Plan again on what is stored now and write it, in one transaction."""
        editor = self.editor

        def act(session: ClientSession) -> tuple[Plan, str]:
            if person is None:
                now = records.add_person(editor, [row.ifi], name=row.name)
            else:
                now = records.get_person(editor.db, person, session)
            before = affiliations.affiliations_of(editor.db, now["_id"], session)
            plan = self._plan(row, now, before)
            affiliations.put_affiliations(editor, now["_id"], before, plan.rows, session)
            if plan.name is not None:
                version = records.get_person(editor.db, now["_id"], session).get("version", 0)
                records.edit_person(editor, now["_id"], {"name": plan.name}, version)
            return plan, str(now["_id"])

        return editor.change(act)


NOBODY: Final[Document] = {"_id": "", "name": None}
