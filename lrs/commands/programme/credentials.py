"""`lrs credentials`: list, links for holders, verification of anybody's copy, signing keys, status lists."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access import second_factor
from lrs.commands import (
    DONE,
    PROBLEMS,
    USAGE,
    fail,
    json_option,
    print_rows,
    recognised_credentials,
    with_services,
)
from lrs.content.lti import keys as lti_keys
from lrs.credentials.consent import DisplayStore
from lrs.credentials.issuer import issuer_of, links_of, republish
from lrs.credentials.keys import key_store
from lrs.credentials.public.view import is_id, listed, view_of
from lrs.credentials.verifying.copy import read_copy, verify_credential
from lrs.credentials.verifying.verify import JWT_TYPES, Failed, Inquiry, Verification
from lrs.foundation.context import Services
from lrs.foundation.database import Document
from lrs.foundation.fetching import Fetcher, FetchRefused
from lrs.foundation.settings import Settings, StartFailure
from lrs.messaging import webhooks
from lrs.sign_in import providers, saml
from rules.credentials.proving.signing import (
    ALGORITHMS,
    Algorithm,
    InvalidToken,
    UnknownKey,
    unlock,
)
from rules.engine.identity import find_person
from rules.errors import UnknownPerson

MARKS = {"ok": "ok  ", "failed": "FAIL", "cannot say": "??  ", "not checked": "--  "}
STATUS = {"valid": DONE, "not valid": PROBLEMS, "cannot say": USAGE}
SHOUTED = {"valid": "valid", "not valid": "NOT VALID", "cannot say": "CANNOT SAY"}


@click.group(name="credentials")
def group() -> None:
    """Credentials: what was issued, whether a copy is genuine, signing keys."""


@group.command("list")
@click.option("--certification", metavar="ID", help="Only credentials of this certification.")
@click.option("--person", metavar="ID|EMAIL", help="Only credentials of this person.")
@json_option
@with_services
def list_credentials(
    services: Services, certification: str | None, person: str | None, *, as_json: bool
) -> None:
    """List credentials with the state of their awards now."""
    store = issuer_of(services.settings, services.db).store
    displays = DisplayStore(services.db)
    rows = []
    found = store.current(certification=certification, person=known_person(services, person))
    for record in listed(services, found):
        display = displays.get(record.award, record.person)
        view = view_of(services, record, display)
        rows.append(
            {
                "id": record.award, "certification": record.certification, "version": record.version,
                "person": record.person, "state": view.state, "valid_until": view.valid_until,
                "displayed": display.shown, "issued_at": record.issued_at, "issues": record.seq,
                "url": view.url,
            }
        )  # fmt: skip
    columns = ["id", "certification", "version", "person", "state", "valid_until", "displayed"]
    print_rows(rows, columns, as_json=as_json)


def known_person(services: Services, text: str | None) -> str | None:
    """Return the id of a person named by id or address; leaves with status 1 when nobody is known so."""
    try:
        return find_person(services.db, text, services.now()) if text else None
    except UnknownPerson as error:
        fail(str(error))
        raise


@group.command("link")
@click.argument("credential")
@click.option("--view", is_flag=True, help="A link to look, valid for 30 days, instead of the holder's own.")
@with_services
def link(services: Services, credential: str, *, view: bool) -> None:
    """Print the signed link by which the holder sees a CREDENTIAL and decides what others see."""
    store = issuer_of(services.settings, services.db).store
    if not is_id(credential) or store.newest(credential) is None:
        fail(f"no credential {credential}")
    token = links_of(services.settings).make(credential, "view" if view else "holder", services.now())
    click.echo(f"{services.settings.public_url}/credentials/{credential}?token={token}")


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
    """Check a credential, ours or another issuer's: a JWT, SD-JWT, baked PNG or SVG, or the address of one.

    Says each thing that was checked. Exit status 0 when all holds, 1 when something does not, 2 when it
    cannot be said: there is no credential in it, or the issuer does not answer.
    """
    fetcher = Fetcher(allow_private=allow_private)
    is_url = copy.startswith(("https://", "http://"))
    try:
        data = fetcher.get(copy, JWT_TYPES).body if is_url else recognised_credentials.read_file(copy)
    except FetchRefused as error:
        hint = "; --allow-private admits it" if "private" in error.reason or copy.startswith("http:") else ""
        fail(f"{error}{hint}", USAGE)
    now = at.replace(hour=12, tzinfo=dt.UTC) if at else dt.datetime.now(dt.UTC)
    report = verify_credential(
        data, Inquiry(fetcher.get, now, local_host(data) if allow_private else None), email=email
    )
    print_report(report, as_json=as_json)
    raise SystemExit(STATUS[report.verdict] if report.claims else USAGE)


def local_host(data: bytes) -> str | None:
    """Return the host of a credential that lives at a plain http address, whose did:web answers there too."""
    try:
        claims = read_copy(data).claims
    except (Failed, InvalidToken):
        return None
    name = str(claims.get("id") or claims.get("iss"))
    return urlsplit(name).netloc if name.startswith("http://") else None


def print_report(report: Verification, *, as_json: bool) -> None:
    """Print each check and the verdict."""
    rows: list[dict[str, Any]] = [
        {"check": one.name, "outcome": one.outcome, "detail": one.detail} for one in report.checks
    ]
    if as_json:
        print_rows(
            [
                {
                    "valid": report.is_valid,
                    "verdict": report.verdict,
                    "checks": rows,
                    "credential": dict(report.claims),
                }
            ],
            [],
            as_json=True,
        )
        return
    for one in report.checks:
        click.echo(f"{MARKS[one.outcome]}  {one.name:<10} {one.detail}")
    name = report.claims.get("name") or report.claims.get("id") or "credential"
    click.echo(f"{SHOUTED[report.verdict]}: {name}")


for one in (
    recognised_credentials.bring,
    recognised_credentials.list_recognised,
    recognised_credentials.take_back,
):
    group.add_command(one)


@group.group("keys")
def keys() -> None:
    """The issuer's signing keys."""


@keys.command("list")
@json_option
@with_services
def list_keys(services: Services, *, as_json: bool) -> None:
    """List the keys; of those that sign tokens and of those that make proofs the newest does."""
    found = key_store(services.settings, services.db).all()
    live = [one for one in found if one.retired_at is None]
    signing = {
        next((one.kid for one in live if one.alg in algorithms), None) for algorithms in ALGORITHMS.values()
    }
    rows = [
        {
            "kid": one.kid, "alg": one.alg, "signs": one.kid in signing, "created_at": one.created_at,
            "retired_at": one.retired_at, "jwk": one.jwk,
        }
        for one in found
    ]  # fmt: skip
    print_rows(rows, ["kid", "alg", "signs", "created_at", "retired_at"], as_json=as_json)


@keys.command("add")
@click.option(
    "--algorithm", type=click.Choice(["RS256", "ES256", "EdDSA"]), default=None,
    help="Of tokens RS256 (default) or ES256; EdDSA for embedded proofs.",
)  # fmt: skip
@click.option(
    "--pem", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Take this private key."
)
@click.option("--pem-passphrase-file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_services
def add_key(
    services: Services, algorithm: Algorithm | None, pem: Path | None, pem_passphrase_file: Path | None
) -> None:
    """Add a key, made here or read from a PEM file; it signs from now on, older ones go on verifying."""
    store = key_store(services.settings, services.db)
    passphrase = pem_passphrase_file.read_bytes().strip() if pem_passphrase_file else None
    try:
        private = unlock(pem.read_bytes(), passphrase) if pem else None
        added = store.add(algorithm or store.default, services.now(), private)
    except (InvalidToken, StartFailure) as error:
        fail(str(error), USAGE)
    click.echo(f"added {added.kid} {added.alg}; it signs from now on")


@keys.command("retire")
@click.argument("kid")
@with_services
def retire_key(services: Services, kid: str) -> None:
    """Let a key sign no more and forget its private half; its public half stays published."""
    try:
        key_store(services.settings, services.db).retire(kid, services.now())
    except (UnknownKey, StartFailure) as error:
        fail(str(error))
    click.echo(f"retired {kid}; credentials that it signed go on verifying")


@keys.command("relock")
@with_services
def relock(services: Services) -> None:
    """Lock keys and secrets with the passphrase of now; the former one (LRS_KEY_PASSPHRASE_FORMER) opens."""
    try:
        done = relock_all(services.settings, services.db)
    except StartFailure as failure:
        fail(str(failure), USAGE)
    told = ", ".join(f"{number} {name}" for name, number in done.items())
    click.echo(f"locked {told}; LRS_KEY_PASSPHRASE_FORMER can go")


def relock_all(settings: Settings, db: Database[Document]) -> dict[str, int]:
    """Lock keys and sealed secrets anew, all or nothing; raises StartFailure."""

    def act(session: ClientSession) -> dict[str, int]:
        return {
            "signing keys": key_store(settings, db).relock(session),
            "webhook endpoints": webhooks.reseal(settings, db, session),
            "second factors": second_factor.reseal_all(settings, db, session),
            "LTI keys": lti_keys.reseal(settings, db, session),
            "login providers": providers.reseal_all(settings, db, session),
            "SAML keys": saml.reseal_all(settings, db, session),
        }

    with db.client.start_session() as session:
        return session.with_transaction(act)


@group.command("publish")
@with_services
def publish(services: Services) -> None:
    """Sign the status lists that changed or are twelve hours old, as the worker does."""
    done = republish(services.settings, services.db, services.now())
    click.echo(f"published {', '.join(done)}" if done else "nothing to publish")
