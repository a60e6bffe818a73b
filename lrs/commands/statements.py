"""`lrs statements`: ask, import and watch statements from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from lrs.analysis.importing import CsvFile, NdjsonFile, OtherLrs, Refusal, Report, Source, import_statements
from lrs.analysis.run import Analyst
from lrs.analysis.tail import tail as follow
from lrs.commands import _saved_queries, with_laurel
from lrs.commands._answers import print_answer, read_question, scope_from
from lrs.consistency import Consistency, board, board_path
from lrs.context import Laurel, utc_now
from lrs.tenancy import get_org
from rules.relevance import watcher
from rules.store import cache_of
from statements.errors import StatementError
from statements.ingest import Writer, store_statements
from statements.store import StatementStore


@click.group()
def group() -> None:
    """Ask, import and watch statements."""


group.add_command(_saved_queries.group)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a refused query, file or connection into one line and exit status 2."""
    try:
        yield
    except (StatementError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


@group.command()
@click.argument("query", required=False)
@click.option("--file", "-f", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON file.")
@click.option("--org", "organizations", multiple=True, help="Only this organization; may be repeated.")
@click.option("--seconds", default=30.0, show_default=True, help="Stop the query after this time.")
@click.option("--json", "as_json", is_flag=True, help="Print the API reply.")
@with_laurel
def query(
    here: Laurel,
    query: str | None,
    file: Path | None,
    organizations: tuple[str, ...],
    *,
    seconds: float,
    as_json: bool,
) -> None:
    r"""Ask a question: a JSON query, from an argument, a file, or standard input.

    \b
    lrs statements query '{"group": ["verb"], "measures": {"n": "count"}}'
    """
    with one_line_errors():
        body = read_question(query, file)
        analyst = Analyst(here.db, scope_from(here.db, organizations), here.now(), max_seconds=seconds)
        answer = analyst.ask(body)
    print_answer(answer, as_json=as_json)


@group.command(name="import")
@click.argument("source")
@click.option("--org", required=True, help="The organization whose store gets the statements.")
@click.option("--key", envvar="LRS_IMPORT_KEY", help="Key for another record store.")
@click.option("--secret-file", type=click.File("r"), help="File with the secret for another record store.")
@click.option("--since", default="", help="Only statements stored after this instant (another record store).")
@click.option("--resume/--restart", default=True, help="Go on where the last import of this source stopped.")
@click.option("--partner", is_flag=True, help="The source is not vendor-controlled: criteria may ignore it.")
@with_laurel
def import_(
    here: Laurel,
    *,
    source: str,
    org: str,
    key: str | None,
    secret_file: Any,
    since: str,
    resume: bool,
    partner: bool,
) -> None:
    """Import statements from an NDJSON or CSV file, or from another record store's xAPI address.

    Refused rows are listed at the end (exit status 1); stored rows are never stored twice.
    """
    db = here.db
    get_org(db, org)
    with one_line_errors():
        origin = _source(source, key, secret_file, since)
        report = Report(position=_saved_position(db, source, org) if resume else "")
        store = _store(here, org, controlled_by="partner" if partner else "vendor")
        _run_import(db, origin, store, report, (source, org))
    _print_report(report)
    raise SystemExit(1 if report.refused else 0)


def _source(source: str, key: str | None, secret_file: Any, since: str) -> Source:
    if source.startswith(("http://", "https://")):
        if not key or secret_file is None:
            raise ValueError("another record store needs --key and --secret-file")
        return OtherLrs(source, key, secret_file.read().strip(), since=since)
    path = Path(source)
    if not path.is_file():
        raise ValueError(f"{source}: no such file, and not an address")
    return CsvFile(path) if path.suffix.lower() == ".csv" else NdjsonFile(path)


def _store(here: Laurel, org: str, *, controlled_by: Any) -> Any:
    store = StatementStore(here.db, org)
    account = {"homePage": here.settings.public_url, "name": "import"}
    authority = {"objectType": "Agent", "account": account}
    writer = Writer("import", "import", controlled_by, authority)
    is_relevant = watcher(cache_of(here.db))

    place = board(board_path(here.settings.mongodb_uri, here.settings.database))
    consistency = Consistency(here.db, place, here.now)

    def store_batch(batch: Any) -> Any:
        with consistency.writing() as now:
            return store_statements(
                store, batch, writer=writer, version="2.0.0", now=now, is_relevant=is_relevant
            )

    return store_batch


def _saved_position(db: Any, source: str, org: str) -> str:
    found = db.imports.find_one({"org": org, "source": source})
    return found["position"] if found else ""


def _run_import(db: Any, origin: Any, store: Any, report: Report, identity: tuple[str, str]) -> None:
    source, org = identity
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("importing", total=origin.size())

        def saved(so_far: Report) -> None:
            state = {"position": so_far.position, "at": utc_now()}
            db.imports.update_one({"org": org, "source": source}, {"$set": state}, upsert=True)
            counted = so_far.stored + len(so_far.refused)
            at = int(so_far.position) if so_far.position.isdigit() else counted
            progress.update(task, completed=at, description=f"{so_far.stored:,} stored")

        import_statements(origin, store, report, saved)


def _print_report(report: Report) -> None:
    click.echo(f"{report.stored:,} stored or known already, {len(report.refused):,} refused")
    for refusal in report.refused:
        click.echo(_refusal(refusal), err=True)


def _refusal(refusal: Refusal) -> str:
    return f"{refusal.place}: {refusal.reason}"


@group.command()
@click.option("--org", "organizations", multiple=True, help="Only this organization; may be repeated.")
@click.option("--filter", "condition", default=None, help="A filter of the query language as JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print whole statements, one per line.")
@with_laurel
def tail(here: Laurel, organizations: tuple[str, ...], condition: str | None, *, as_json: bool) -> None:
    """Show statements as they are stored, until Ctrl-C."""
    db = here.db
    with one_line_errors():
        scope = scope_from(db, organizations)
        body = {"filter": json.loads(condition)} if condition else {}
        where = Analyst(db, scope, here.now()).parse(body).where
        for document in follow(db, scope, where):
            click.echo(document["raw"].decode() if as_json else _line(document))


def _line(document: Any) -> str:
    verb = document["verb"].rpartition("/")[2]
    scaled = (document.get("score") or {}).get("scaled")
    score = "" if scaled is None else f"  {scaled}"
    actor = document.get("actor") or "group"
    target = document["object"].get("id") or document["object"]["type"]
    return f"{document['stored']:%H:%M:%S}  {document['org']}  {actor}  {verb}  {target}{score}"
