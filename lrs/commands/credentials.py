"""`lrs credentials`: list, links for holders, verification of anybody's copy, signing keys, status lists."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from lrs.commands import PROBLEMS, USAGE, fail, json_option, show, with_laurel
from lrs.context import Laurel
from lrs.credential_desk import desk_of, links_of, republish
from lrs.credential_view import is_id, view_of
from lrs.displays import DisplayStore
from lrs.fetching import Fetcher, FetchRefused
from lrs.keys import key_store
from lrs.settings import StartFailure
from lrs.verify import JWT_TYPES, Failed, Inquiry, Report, read_credential, verify_credential
from rules.errors import UnknownPerson
from rules.people import find_person
from rules.signing import InvalidToken, UnknownKey, read_compact, unlock

MAX_FILE = 10_000_000
MARKS = {"ok": "ok  ", "failed": "FAIL", "not checked": "--  "}


@click.group(name="credentials")
def group() -> None:
    """Credentials: what was issued, whether a copy is genuine, signing keys."""


@group.command("list")
@click.option("--certification", metavar="ID", help="Only credentials of this certification.")
@click.option("--person", metavar="ID|EMAIL", help="Only credentials of this person.")
@json_option
@with_laurel
def list_credentials(here: Laurel, certification: str | None, person: str | None, *, as_json: bool) -> None:
    """List credentials with the state of their awards now."""
    store = desk_of(here.settings, here.db).store
    displays = DisplayStore(here.db)
    rows = []
    for record in store.current(certification=certification, person=known_person(here, person)):
        display = displays.get(record.award, record.person)
        view = view_of(here, record, display)
        rows.append(
            {
                "id": record.award, "certification": record.certification, "version": record.version,
                "person": record.person, "state": view.state, "valid_until": view.valid_until,
                "displayed": display.shown, "issued_at": record.issued_at, "issues": record.seq,
                "url": view.url,
            }
        )  # fmt: skip
    columns = ["id", "certification", "version", "person", "state", "valid_until", "displayed"]
    show(rows, columns, as_json=as_json)


def known_person(here: Laurel, text: str | None) -> str | None:
    """Return the id of a person named by id or address; leaves with status 1 when nobody is known so."""
    try:
        return find_person(here.db, text) if text else None
    except UnknownPerson as error:
        fail(str(error))
        raise


@group.command("link")
@click.argument("credential")
@click.option("--view", is_flag=True, help="A link to look, valid for 30 days, instead of the holder's own.")
@with_laurel
def link(here: Laurel, credential: str, *, view: bool) -> None:
    """Print the signed link by which the holder sees a CREDENTIAL and decides what others see."""
    store = desk_of(here.settings, here.db).store
    if not is_id(credential) or store.newest(credential) is None:
        fail(f"no credential {credential}")
    token = links_of(here.settings).make(credential, "view" if view else "holder", here.now())
    click.echo(f"{here.settings.public_url}/credentials/{credential}?token={token}")


@group.command("verify")
@click.argument("copy", metavar="FILE|URL")
@click.option("--email", help="Check also that it was made for the owner of this address.")
@click.option(
    "--allow-private", is_flag=True, help="Fetch from private addresses too, and by plain http there."
)
@click.option("--at", "at", type=click.DateTime(["%Y-%m-%d"]), help="Check its dates on this day, not now.")
@json_option
def verify(
    copy: str, email: str | None, at: dt.datetime | None, *, allow_private: bool, as_json: bool
) -> None:
    """Check a credential, ours or another issuer's: a JWT, a baked PNG or SVG, or the address of one.

    Says each thing that was checked; exit status 1 when one of them does not hold.
    """
    fetcher = Fetcher(allow_private=allow_private)
    is_url = copy.startswith(("https://", "http://"))
    try:
        data = fetcher.get(copy, JWT_TYPES).body if is_url else read_file(copy)
    except FetchRefused as error:
        hint = "; --allow-private admits it" if "private" in error.reason or copy.startswith("http:") else ""
        fail(f"{error}{hint}", USAGE)
    now = at.replace(hour=12, tzinfo=dt.UTC) if at else dt.datetime.now(dt.UTC)
    report = verify_credential(
        data, Inquiry(fetcher.get, now, local_host(data) if allow_private else None), email=email
    )
    print_report(report, as_json=as_json)
    if not report.is_valid:
        raise SystemExit(PROBLEMS)


def local_host(data: bytes) -> str | None:
    """Return the host of a credential that lives at a plain http address, whose did:web answers there too."""
    try:
        name = str(read_compact(read_credential(data)).claims.get("id"))
    except (Failed, InvalidToken):
        return None
    return urlsplit(name).netloc if name.startswith("http://") else None


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


def print_report(report: Report, *, as_json: bool) -> None:
    """Print each check and the verdict."""
    rows: list[dict[str, Any]] = [
        {"check": one.name, "outcome": one.outcome, "detail": one.detail} for one in report.checks
    ]
    if as_json:
        show(
            [{"valid": report.is_valid, "checks": rows, "credential": dict(report.claims)}], [], as_json=True
        )
        return
    for one in report.checks:
        click.echo(f"{MARKS[one.outcome]}  {one.name:<10} {one.detail}")
    name = report.claims.get("name") or report.claims.get("id") or "credential"
    click.echo(f"{'valid' if report.is_valid else 'NOT VALID'}: {name}")


@group.group("keys")
def keys() -> None:
    """The issuer's signing keys."""


@keys.command("list")
@json_option
@with_laurel
def list_keys(here: Laurel, *, as_json: bool) -> None:
    """List the keys; the first one that is not retired signs."""
    store = key_store(here.settings, here.db)
    signing = next((one.kid for one in store.all() if one.retired_at is None), None)
    rows = [
        {
            "kid": one.kid, "alg": one.alg, "signs": one.kid == signing, "created_at": one.created_at,
            "retired_at": one.retired_at, "jwk": one.jwk,
        }
        for one in store.all()
    ]  # fmt: skip
    show(rows, ["kid", "alg", "signs", "created_at", "retired_at"], as_json=as_json)


@keys.command("add")
@click.option("--algorithm", type=click.Choice(["RS256", "ES256"]), default=None, help="Default: RS256.")
@click.option(
    "--pem", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Take this private key."
)
@click.option("--pem-passphrase-file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_laurel
def add_key(here: Laurel, algorithm: str | None, pem: Path | None, pem_passphrase_file: Path | None) -> None:
    """Add a key, made here or read from a PEM file; it signs from now on, older ones go on verifying."""
    store = key_store(here.settings, here.db)
    passphrase = pem_passphrase_file.read_bytes().strip() if pem_passphrase_file else None
    try:
        private = unlock(pem.read_bytes(), passphrase) if pem else None
        added = store.add("ES256" if algorithm == "ES256" else store.default, here.now(), private)
    except (InvalidToken, StartFailure) as error:
        fail(str(error), USAGE)
    click.echo(f"added {added.kid} {added.alg}; it signs from now on")


@keys.command("retire")
@click.argument("kid")
@with_laurel
def retire_key(here: Laurel, kid: str) -> None:
    """Let a key sign no more and forget its private half; its public half stays published."""
    try:
        key_store(here.settings, here.db).retire(kid, here.now())
    except (UnknownKey, StartFailure) as error:
        fail(str(error))
    click.echo(f"retired {kid}; credentials that it signed go on verifying")


@group.command("publish")
@with_laurel
def publish(here: Laurel) -> None:
    """Sign the status lists that changed or are twelve hours old, as the worker does."""
    done = republish(here.settings, here.db, here.now())
    click.echo(f"published {', '.join(done)}" if done else "nothing to publish")
