"""`lrs statements`: ask, import and watch statements from the command line."""

from __future__ import annotations

import json
import zlib
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

from lrs.access.organizations import get_org
from lrs.analysis.run import Analyst
from lrs.commands import saved_queries, with_services
from lrs.commands.answers import print_answer, read_question, scope_from
from lrs.exchange.arriving.import_files import SizedSource, open_source
from lrs.exchange.arriving.importing import (
    BATCH,
    ImportProgress,
    Refusal,
    import_statements,
)
from lrs.exchange.arriving.moved_documents import documents_of, import_documents
from lrs.exchange.arriving.other_lrs import OtherLrs
from lrs.exchange.arriving.storing import quietly, store_into
from lrs.exchange.live_tail import tail as follow
from lrs.foundation.context import Services, utc_now
from lrs.messaging.old_news import silence
from statements.errors import StatementError
from statements.storage.documents import DocumentStore


@click.group()
def group() -> None:
    """Ask, import and watch statements."""


group.add_command(saved_queries.group)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a refused query, file or connection into one line and exit status 2."""
    try:
        yield
    except (StatementError, OSError, ValueError, EOFError, zlib.error) as error:
        raise click.ClickException(str(error)) from error


@group.command()
@click.argument("query", required=False)
@click.option("--file", "-f", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON file.")
@click.option("--org", "organizations", multiple=True, help="Only this organization; may be repeated.")
@click.option("--seconds", default=30.0, show_default=True, help="Stop the query after this time.")
@click.option("--explain", is_flag=True, help="Only say which engine would answer, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print the API reply.")
@with_services
def query(
    services: Services,
    query: str | None,
    file: Path | None,
    organizations: tuple[str, ...],
    *,
    seconds: float,
    explain: bool,
    as_json: bool,
) -> None:
    r"""Ask a question: a JSON query, from an argument, a file, or standard input.

    \b
    lrs statements query '{"group": ["verb"], "measures": {"n": "count"}}'
    """
    with one_line_errors():
        body = read_question(query, file)
        analyst = Analyst(
            services.db,
            scope_from(services.db, organizations),
            services.now(),
            max_seconds=seconds,
            lake=services.settings.lake_url,
        )
        if explain:
            told = analyst.engine(analyst.parse(body))
            click.echo(f"{told.name}: {told.reason}")
            return
        answer = analyst.ask(body)
    print_answer(answer, as_json=as_json)


@group.command(name="import")
@click.argument("source")
@click.option("--org", required=True, help="The organization whose store gets the statements.")
@click.option("--key", envvar="LRS_IMPORT_KEY", help="Key for another record store.")
@click.option("--secret-file", type=click.File("r"), help="File with the secret for another record store.")
@click.option("--since", default="", help="Only statements stored after this instant (another record store).")
@click.option(
    "--page",
    default=BATCH,
    show_default=True,
    type=click.IntRange(1, 500),
    help="Statements of one page (another record store).",
)
@click.option("--resume/--restart", default=True, help="Go on where the last import of this source stopped.")
@click.option("--partner", is_flag=True, help="The source is not vendor-controlled: criteria may ignore it.")
@click.option("--quiet", is_flag=True, help="History: send nobody mail about what it shows to have happened.")
@with_services
def import_(
    services: Services,
    *,
    source: str,
    org: str,
    key: str | None,
    secret_file: Any,
    since: str,
    page: int,
    resume: bool,
    partner: bool,
    quiet: bool,
) -> None:
    """Import statements with their attachments from a folder of `lrs export`, a file, or another store.

    A file is NDJSON, a JSON array, a StatementResult or CSV, compressed or not; another record store is its
    xAPI address. Refused rows are listed at the end (exit status 1); stored rows are never stored twice.
    """
    db = services.db
    get_org(db, org)
    with one_line_errors():
        origin = _source(source, key, secret_file, since, page)
        report = ImportProgress(position=_saved_position(db, source, org) if resume else "")
        store = store_into(services, org, "partner" if partner else "vendor")
        if quiet:
            store = quietly(store, lambda ifis: silence(db, ifis, services.now()))
        _run_import(db, origin, store, report, (source, org))
        documents = _import_documents(services, source, org)
    _print_report(report)
    if documents is not None:
        _print_report(documents, "documents ")
        report.refused += documents.refused
    raise SystemExit(1 if report.refused else 0)


def _import_documents(services: Services, source: str, org: str) -> ImportProgress | None:
    """Take the state and profile documents that lie in an exported folder."""
    path = documents_of(Path(source)) if Path(source).is_dir() else None
    return None if path is None else import_documents(path, DocumentStore(services.db, org), services.now())


def _source(source: str, key: str | None, secret_file: Any, since: str, page: int) -> SizedSource:
    if source.startswith(("http://", "https://")):
        if not key or secret_file is None:
            raise ValueError("another record store needs --key and --secret-file")
        return OtherLrs(source, key, secret_file.read().strip(), since=since, page=page)
    path = Path(source)
    if not path.exists():
        raise ValueError(f"{source}: no such file or folder, and not an address")
    return open_source(path)


def _saved_position(db: Any, source: str, org: str) -> str:
    found = db.imports.find_one({"org": org, "source": source})
    return found["position"] if found else ""


def _run_import(db: Any, origin: Any, store: Any, report: ImportProgress, identity: tuple[str, str]) -> None:
    source, org = identity
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("importing", total=origin.size())

        def saved(so_far: ImportProgress) -> None:
            state = {"position": so_far.position, "at": utc_now()}
            db.imports.update_one({"org": org, "source": source}, {"$set": state}, upsert=True)
            counted = so_far.stored + len(so_far.refused)
            at = int(so_far.position) if so_far.position.isdigit() else counted
            progress.update(task, completed=at, description=f"{so_far.stored:,} stored")

        import_statements(origin, store, report, saved)


def _print_report(report: ImportProgress, what: str = "") -> None:
    click.echo(f"{report.stored:,} {what}stored or known already, {len(report.refused):,} refused")
    for refusal in report.refused:
        click.echo(_refusal(refusal), err=True)


def _refusal(refusal: Refusal) -> str:
    return f"{refusal.place}: {refusal.reason}"


@group.command()
@click.option("--org", "organizations", multiple=True, help="Only this organization; may be repeated.")
@click.option("--filter", "condition", default=None, help="A filter of the query language as JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print whole statements, one per line.")
@with_services
def tail(services: Services, organizations: tuple[str, ...], condition: str | None, *, as_json: bool) -> None:
    """Show statements as they are stored, until Ctrl-C."""
    db = services.db
    with one_line_errors():
        scope = scope_from(db, organizations)
        body = {"filter": json.loads(condition)} if condition else {}
        where = Analyst(db, scope, services.now()).parse(body).where
        for document in follow(db, scope, where):
            click.echo(document["raw"].decode() if as_json else _line(document))


def _line(document: Any) -> str:
    verb = document["verb"].rpartition("/")[2]
    scaled = (document.get("score") or {}).get("scaled")
    score = "" if scaled is None else f"  {scaled}"
    actor = document.get("actor") or "group"
    target = document["object"].get("id") or document["object"]["type"]
    return f"{document['stored']:%H:%M:%S}  {document['org']}  {actor}  {verb}  {target}{score}"
