"""`lrs rules check | test | new`: the commands about rule files, listed by `lrs.commands.programme.rules`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import click

from lrs.commands import DONE, PROBLEMS, USAGE
from lrs.foundation.context import utc_now
from lrs.foundation.database import connect
from lrs.foundation.settings import Settings, names_mongodb, nobody_serves
from rules.checking.check import PublishedNames
from rules.checking.load import document_hash
from rules.language.model import AnyDocument
from rules.language.yaml_tree import MAX_BYTES
from rules.publication.publishing import surroundings
from rules.testing import files as check_files
from rules.testing.runner import describe, summary

KINDS = (
    "Certification", "Release", "PartnerTiers", "Gate", "Fragment", "Assignment", "Recall", "Engagement",
)  # fmt: skip


class RuleFile(click.Path):
    """A rule file to read, or `-` for standard input; the value is (name, content)."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, readable=True, allow_dash=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the file, at most one byte more than the check accepts."""
        name = super().convert(value, param, ctx)
        if not isinstance(name, str):
            return name
        try:
            if name == "-":
                return "stdin", sys.stdin.buffer.read(MAX_BYTES + 1)
            with Path(name).open("rb") as file:
                return name, file.read(MAX_BYTES + 1)
        except OSError as error:
            self.fail(f"{name}: {error.strerror}", param, ctx)


def _options(function: Any) -> Any:
    """Add the arguments that check and test share."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the API reply."),
        click.option("--offline", is_flag=True, help="Ask no store: names outside the files are not judged."),
        click.option("--mongodb-uri", metavar="URI", help="MongoDB to use instead of LRS_MONGODB_URI."),
        click.argument("files", metavar="FILE...", nargs=-1, required=True, type=RuleFile()),
    ):
        function = option(function)
    return function


@contextmanager
def _names(uri: str | None, *, offline: bool) -> Iterator[tuple[PublishedNames | None, list[AnyDocument]]]:
    """Give what is published, where a store is configured: its names and its documents."""
    environ = {**os.environ, **({"LRS_MONGODB_URI": uri} if uri else {})}
    settings = Settings.from_env(environ)
    if not offline and not names_mongodb(settings, environ):
        advice = "names outside these files are not judged (`--offline` says that this is meant)"
        click.echo(f"{nobody_serves(settings)}: {advice}", err=True)
        offline = True
    if offline:
        yield None, []
        return
    db = connect(settings)
    try:
        yield surroundings(db, utc_now())
    finally:
        db.client.close()


@click.command()
@_options
def check(
    files: Sequence[tuple[str, bytes]], *, mongodb_uri: str | None, offline: bool, as_json: bool
) -> None:
    """Check rule files: print each problem with its place, or `ok` with the document's hash.

    Files that are given together know one another. Exit status 1 if there are errors; warnings are none.
    """
    with _names(mongodb_uri, offline=offline) as (published, _):
        checked = check_files.check_files(files, published)
    if as_json:
        _print_json(check_files.check_reply(checked))
    else:
        _print_checked(checked)
    sys.exit(DONE if all(each.ok for each in checked) else PROBLEMS)


def _print_problems(checked: Iterable[check_files.CheckedFile]) -> None:
    """Print the problems of all files, the errors of all before the first warning."""
    problems = [problem for each in checked for problem in each.problems]
    for problem in sorted(problems, key=lambda one: one.severity == "warning"):
        click.echo(str(problem))


def _print_checked(checked: Sequence[check_files.CheckedFile]) -> None:
    _print_problems(checked)
    for each in checked:
        document = each.document
        if document is not None:
            kind, digest = type(document).__name__, document_hash(document)
            click.echo(f"ok {kind} {document.id} v{document.version} {digest}")
        elif each.ok:
            click.echo(f"ok {each.loaded.file}, but its fragments are not known here, so it has no hash")


@click.command()
@_options
def test(
    files: Sequence[tuple[str, bytes]], *, mongodb_uri: str | None, offline: bool, as_json: bool
) -> None:
    """Run the tests inside rule files: print per test ok, or what was expected and what was observed.

    No store is needed: names in the files suffice. Exit status 1 if a test fails or a file has errors.
    """
    with _names(mongodb_uri, offline=offline) as (published, documents):
        tested = check_files.run_files(files, published, documents)
    if as_json:
        _print_json(check_files.tests_reply(tested))
    else:
        _print_tested(tested)
    sys.exit(DONE if all(each.ok for each in tested) else PROBLEMS)


def _print_tested(tested: Sequence[check_files.FileTests]) -> None:
    _print_problems(each.checked for each in tested)
    for each in tested:
        for result in each.results:
            click.echo("\n".join(describe(result)))
        if check_files.unresolved(each.checked):
            click.echo(f"{each.checked.loaded.file}: its fragments are not known here; give their files too")
    refused = [each for each in tested if not each.checked.ok]
    for each in refused:
        click.echo(f"{each.checked.loaded.file}: not tested, since it has errors")
    if len(refused) < len(tested):
        click.echo(summary([result for each in tested for result in each.results]))


@click.command()
@click.argument("kind", type=click.Choice(KINDS, case_sensitive=False))
@click.argument("file", required=False, type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def new(kind: str, file: str | None, *, force: bool) -> None:
    """Write a commented starter file for KIND, as it stands sound: FILE, or `<kind>.yaml`; `-` prints it."""
    text = starter(kind)
    if file == "-":
        click.echo(text, nl=False)
        return
    target = Path(file or f"{kind.lower()}.yaml")
    try:
        with target.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        click.echo(f"{target} is there already; name another file or give --force", err=True)
        sys.exit(USAGE)
    except OSError as error:
        click.echo(f"{target}: {error.strerror}", err=True)
        sys.exit(USAGE)
    click.echo(f"wrote {target}; try: lrs rules test {target}")


def starter(kind: str) -> str:
    """Return the commented starter file of a kind."""
    folder = resources.files("lrs").joinpath("templates", "rules")
    return folder.joinpath(f"{kind.lower()}.yaml").read_text(encoding="utf-8")


def _print_json(reply: dict[str, Any]) -> None:
    click.echo(json.dumps(reply, ensure_ascii=False, indent=2))


COMMANDS = (check, test, new)
