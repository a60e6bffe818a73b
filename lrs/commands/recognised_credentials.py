"""`lrs credentials recognise, recognised, take-back`: credentials of other issuers that count here."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lrs.commands import USAGE, fail, json_option, print_rows, with_services
from lrs.commands.operator import operator, refusals_as_exit
from lrs.credentials.recognising.importing import Importer
from lrs.credentials.recognising.rechecking import take_back_by_hand
from lrs.credentials.recognising.store import RecognitionStore, listed
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.context import Services
from lrs.foundation.fetching import Fetcher
from lrs.people.records import get_person
from rules.catalogue.store import cache_of
from rules.engine.identity import find_person
from rules.errors import UnknownPerson

MAX_FILE = 10_000_000


@click.command("recognise")
@click.argument("person", metavar="ID|EMAIL")
@click.argument("copy", metavar="FILE|URL")
@json_option
@with_services
@refusals_as_exit
def bring(services: Services, person: str, copy: str, *, as_json: bool) -> None:
    """Import what a PERSON earned elsewhere, where a rule recognises it: a credential or a learner record."""
    data = copy.encode() if copy.startswith(("https://", "http://")) else read_file(copy)
    fetcher = Fetcher(allow_private=services.settings.allow_private_addresses)
    ask, rules = Inquiry(fetcher.get, services.now()), cache_of(services.db).get(fresh=True)
    whom = get_person(services.db, known(services, person))
    found = Importer(operator(services), rules, ask, services.settings.public_url).bring(whom, data)
    if as_json:
        print_rows(found, [], as_json=True)
        return
    for row in found:
        told = f"{row['name']} by {row['issuer']}, awarded {row['awarded_at']:%Y-%m-%d}"
        click.echo(f"recognised: {told}; stmt {row['statement'][:4]}…")


@click.command("recognised")
@click.argument("person", metavar="ID|EMAIL")
@json_option
@with_services
def list_recognised(services: Services, person: str, *, as_json: bool) -> None:
    """List what a PERSON brought from other issuers, also what was taken back."""
    found = listed(RecognitionStore(services.db).of_person(known(services, person)))
    columns = ["id", "counts", "name", "issuer", "awarded_at", "checked_at", "problem", "reason"]
    print_rows(found, columns, as_json=as_json)


@click.command("take-back")
@click.argument("person", metavar="ID|EMAIL")
@click.argument("recognised")
@click.option("--reason", required=True, help="Why, for the record.")
@with_services
@refusals_as_exit
def take_back(services: Services, person: str, recognised: str, reason: str) -> None:
    """Take back something RECOGNISED: it counts no more, and what follows from that is decided."""
    whom, url = known(services, person), services.settings.public_url
    row = take_back_by_hand(operator(services), url, whom, recognised, reason)
    click.echo(f"taken back: {row['name']} by {row['issuer']}")


def known(services: Services, text: str) -> str:
    """Return the id of a person named by id or address; leaves with status 1 when nobody is known so."""
    try:
        return find_person(services.db, text, services.now())
    except UnknownPerson as error:
        fail(str(error))
        raise


def read_file(name: str) -> bytes:
    """Return the content of a file, or of standard input for `-`; status 2 when it cannot be read."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(MAX_FILE)
        with Path(name).open("rb") as file:
            return file.read(MAX_FILE)
    except OSError as error:
        fail(f"{name}: {error.strerror}", USAGE)
        raise
