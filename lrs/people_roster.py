"""Roster import from CSV: read, plan row by row, carry out; the same file twice changes nothing.

Columns: `email` or `ifi` (one is needed), and `name`, `role`, `from`, `until`, `primary`. Dates are ISO 8601,
an absent `from` is the moment of the import. The vendor's roster counts at once; that of a partner counts
where the mailbox is under a domain the partner has verified, otherwise when the person has confirmed.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.database import Database

from lrs import people
from lrs.audit import Editor
from lrs.mail import check_address
from lrs.refusals import AccessError, InvalidField
from lrs.tenancy import VENDOR, get_org
from rules.people import digest_of
from statements.actor import mbox_ifi

Document = dict[str, Any]

COLUMNS: Final = ("email", "ifi", "name", "role", "from", "until", "primary")
YES: Final = frozenset({"", "1", "true", "yes"})
NO: Final = frozenset({"0", "false", "no"})
MOST_ROWS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a roster, checked."""

    line: int
    ifi: str
    name: str | None = None
    role: str | None = None
    start: dt.datetime | None = None
    until: dt.datetime | None = None
    primary: bool = True


@dataclass(slots=True)
class Report:
    """What an import did, or would do: counts, and one entry per row that is not as it was."""

    dry_run: bool
    counts: dict[str, int] = field(
        default_factory=lambda: {"added": 0, "changed": 0, "unchanged": 0, "refused": 0}
    )
    rows: list[Document] = field(default_factory=list)

    def add(self, line: int, outcome: str, person: str | None = None, reason: str | None = None) -> None:
        """Count a row and list it, unless nothing changes by it."""
        self.counts[outcome] += 1
        if outcome != "unchanged":
            self.rows.append({"line": line, "outcome": outcome, "person": person, "reason": reason})


def read_roster(text: str, report: Report) -> Iterator[Row]:
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
        seen[row.ifi] = line
        yield row


def _lines(reader: csv.DictReader[str], report: Report) -> Iterator[tuple[int, Mapping[str | None, Any]]]:
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
        ifi = people.check_ifi(given["ifi"])
    else:
        raise InvalidField("email", "is missing")
    primary = given.get("primary", "").lower()
    if primary not in YES | NO:
        raise InvalidField("primary", "must be yes or no")
    if any(len(value) > 500 or not value.isprintable() for value in given.values()):
        raise InvalidField("csv", "a value is longer than 500 characters or has control characters")
    start, until = read_date(given.get("from", ""), "from"), read_date(given.get("until", ""), "until")
    if start is not None and until is not None and until <= start:
        raise InvalidField("until", "is not after `from`")
    return Row(line, ifi, given.get("name") or None, given.get("role") or None, start, until, primary in YES)


def read_date(text: str, path: str) -> dt.datetime | None:
    """Return the instant of an ISO 8601 date or time, a day as its beginning in UTC; raises InvalidField."""
    if not text:
        return None
    try:
        read = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidField(path, "is not a date like 2026-03-31") from error
    return read.astimezone(dt.UTC) if read.tzinfo else read.replace(tzinfo=dt.UTC)


def import_roster(
    editor: Editor,
    org: str,
    text: str,
    *,
    by_vendor: bool,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Carry a roster out for an organization, each row on its own; raises UnknownThing or InvalidField.

    `progress(done, of)` is called after each row. An import that changed something leaves one audit entry.
    """
    organization = get_org(editor.db, org)
    report = Report(dry_run)
    rows = list(read_roster(text, report))
    known = known_people(editor.db, org, [row.ifi for row in rows])
    for done, row in enumerate(rows, 1):
        try:
            outcome, person = _carry_out(
                editor, organization, row, known, by_vendor=by_vendor, dry_run=dry_run
            )
            report.add(row.line, outcome, person)
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
    """Somebody who is in the database: the person, and the latest affiliation with the organization."""

    person: Document
    affiliation: Document | None


def known_people(db: Database[Document], org: str, ifis: Iterable[str]) -> dict[str, Known]:
    """Return who owns these identifiers (or the sha1sum of an mbox) now, in three questions for all."""
    wanted = {form: ifi for ifi in ifis for form in (digest_of(ifi), ifi) if form}
    found: dict[str, Document] = {}
    for person in db.people.find({"org": VENDOR, "ifis.ifi": {"$in": list(wanted)}}):
        for owned in person["ifis"]:
            if owned["ifi"] in wanted and owned["until"] is None:
                found[wanted[owned["ifi"]]] = person
    persons = [person["_id"] for person in found.values()]
    rows = db.affiliations.find({"org": org, "person": {"$in": persons}}).sort("from", 1)
    affiliations = {row["person"]: row for row in rows}
    return {ifi: Known(person, affiliations.get(person["_id"])) for ifi, person in found.items()}


def _carry_out(
    editor: Editor, org: Document, row: Row, known: Mapping[str, Known], *, by_vendor: bool, dry_run: bool
) -> tuple[str, str | None]:
    """Bring one row about; return its outcome and the person."""
    one = known.get(row.ifi)
    if one is None:
        return "added", None if dry_run else _add(editor, org, row, by_vendor=by_vendor)
    current = one.affiliation
    if current is None or (current["until"] is not None and current["until"] != row.until):
        if not dry_run:
            _begin(editor, org, one.person["_id"], row, by_vendor=by_vendor)
        return "added", None if dry_run else one.person["_id"]
    changes = _changes(one.person, current, row, by_vendor=by_vendor)
    if changes and not dry_run:
        _change(editor, one.person, current, row, changes)
    return ("changed" if changes else "unchanged"), one.person["_id"]


def _add(editor: Editor, org: Document, row: Row, *, by_vendor: bool) -> str:
    made = people.add_person(editor, [row.ifi], name=row.name)
    _begin(editor, org, made["_id"], row, by_vendor=by_vendor)
    return str(made["_id"])


def _begin(editor: Editor, org: Document, person: str, row: Row, *, by_vendor: bool) -> None:
    """Begin the affiliation of a row; what does not count yet is not primary before it is confirmed."""
    counts = by_vendor or _is_own_mailbox(org, row.ifi)
    begun = people.affiliate(
        editor,
        person,
        org["_id"],
        start=row.start if counts else None,
        primary=row.primary and counts,
        role=row.role,
        confirmed=counts,
        known_as=row.ifi,
    )
    if row.until is not None:
        people.end_affiliation(editor, begun["_id"], row.until)


def _is_own_mailbox(org: Document, ifi: str) -> bool:
    domain = ifi.rpartition("@")[2].lower()
    return ifi.startswith(people.MBOX) and domain in people.verified_domains(org)


def _changes(person: Document, current: Document, row: Row, *, by_vendor: bool) -> Document:
    """Return what a row changes about somebody who is affiliated already: only values that it gives."""
    changes: Document = {}
    is_nameless = current["confirmed_at"] is not None and not person.get("name")
    if row.name and row.name != person.get("name") and (by_vendor or is_nameless):
        changes["name"] = row.name
    if row.role and row.role != current["role"]:
        changes["role"] = row.role
    if row.until is not None and row.until != current["until"]:
        changes["until"] = row.until
    return changes


def _change(editor: Editor, person: Document, current: Document, row: Row, changes: Document) -> None:
    if "name" in changes:
        people.edit_person(editor, person["_id"], {"name": row.name}, person.get("version", 0))
    if "role" in changes:
        people.set_role(editor, current["_id"], row.role)
    if "until" in changes:
        people.end_affiliation(editor, current["_id"], changes["until"])
