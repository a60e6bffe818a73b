"""The tour of the command line: each command of `lrs` run once and more; see tests/tour.py."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson
from click.testing import CliRunner
from factories import make_statement
from factories_academy import self_named
from factories_packages import scorm_files, zipped
from tour import Tour
from tour_api import ANA, BEA, DEALS, NEWER

from lrs.cli import cli
from lrs.foundation.settings import to_env
from rules.engine.identity import person_id

ANA_MAIL, ADDED = "ana.lima@drift.example", "quinn.archer@aurora.example"
# commands that are not run, each with its reason
NEVER_RUN = {
    "serve": "runs until it is stopped; what it starts is toured otherwise",
    "worker": "runs until it is stopped; its steps and jobs are run by Tour.settle",
    "statements tail": "has no end; asks what GET /api/v1/statements/tail asks",
    "awards rebuild": "begins processes of its own, whose questions nobody here would hear",
}


def commands() -> Iterator[str]:
    """Yield the words of every command."""

    def below(command: click.Command, words: tuple[str, ...]) -> Iterator[str]:
        if not isinstance(command, click.Group):
            yield " ".join(words)
            return
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from below(inner, (*words, name))

    return below(cli, ())


def run_all(tour: Tour, folder: Path) -> list[str]:
    """Run every command; return those that were left out."""
    files = write_files(tour, folder)
    done: set[str] = set()
    known = sorted(commands(), key=len, reverse=True)
    environ = to_env(tour.settings, os.environ)
    for line in lines(tour, files):
        name = next(one for one in known if line[: len(one.split())] == one.split())
        result = CliRunner(env=environ).invoke(cli, line, input="y\n")
        odd = result.exception is not None and not isinstance(result.exception, SystemExit)
        assert not odd, (line, result.exc_info)
        # 1: there is nothing to decide here; an issuer that nobody reaches is no wrong command
        assert result.exit_code != 2 or name == "credentials verify", (line, result.output)
        done.add(name)
    return sorted(set(known) - done - NEVER_RUN.keys())


def write_files(tour: Tour, folder: Path) -> dict[str, str]:
    """Write what commands read; return the names."""
    credential = tour.look.credentials.find_one({"certification": "sales-pro"})
    assert credential is not None
    texts: dict[str, Any] = {
        "deals.csv": DEALS,
        "roster.csv": "email,name,role\nbob@tour.example,Bob,sales\n",
        "rules.yaml": NEWER.format(version="3"),
        "statements.ndjson": orjson.dumps(make_statement()).decode() + "\n",
        "credential.jwt": credential["jwt"],
        "elsewhere.jwt": self_named(ANA_MAIL, dt.datetime.now(dt.UTC)).decode(),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "course.zip").write_bytes(zipped(scorm_files()))
    return {name: str(folder / name) for name in (*texts, "course.zip")} | {"folder": str(folder)}


def lines(tour: Tour, files: dict[str, str]) -> Iterator[list[str]]:
    """Yield the words of each run; later ones use what earlier ones made."""
    query = '{"filter": {"field": "verb", "eq": "http://adlnet.gov/expapi/verbs/passed"}, "limit": 3}'
    for text in (
        "orgs list", "orgs list --parent vendor", "orgs show aurora", "orgs add typed Typed",
        "orgs edit typed --name Typed2", "orgs trust-domain typed typed.example",
        "clients list", "clients list --org aurora", "clients add typed --label made --scope all",
        "clients handle test-key",
        "clients scopes", "clients rotate-launch-key", "users list",
        "users add typed@vendor.example --no-password", "users edit typed@vendor.example --name T",
        "inbound list", "inbound list --org vendor --client test-key", "inbound list --error InvalidStatement",
        "people list", "people list --org aurora", "people pending", f"people show {ANA_MAIL}",
        "people invite typed kim@typed.example", f"people move {ADDED} typed",
        "retention set borealis --rule statements:1 --rule state:1", "retention show borealis",
        f"retention hold --person {ANA_MAIL} --reason case", "retention holds", "retention holds --all",
        "groups list", "groups show certified-assessors", f"groups add typed {ANA_MAIL}",
        f"groups remove typed {ANA_MAIL}", f"groups set typed {ADDED}",
        f"awards list --person {ANA_MAIL}", "awards list --certification sales-pro --state active",
        "awards list --organization aurora --limit 3 --at 2026-06-01 --csv", "awards list", "awards reviews",
        f"awards hold {ADDED} impl-pro --reason misconduct", f"awards lift {ADDED} impl-pro",
        f"awards extend {ADDED} impl-pro --until 2030-01-01", f"awards accept {ADDED} impl-pro {'0' * 8}-0000-4000-8000-{'0' * 12}",
        f"awards approve {ADDED} impl-pro --approver {ANA_MAIL}", f"awards grant {ADDED} tour --approver {ANA_MAIL}",
        f"awards readmit {ADDED} impl-pro --approver {ANA_MAIL}",
        f"awards resolve {ADDED} impl-pro {'0' * 8}-0000-4000-8000-{'0' * 12} keep",
        f"awards withdraw {ADDED} impl-pro", f"awards revoke {ADDED} impl-pro --reason misconduct",
        "assignments list", "assignments people first-steps --organization aurora --state overdue",
        f"assignments explain {ANA_MAIL} first-steps",
        "engagement boards", f"engagement explain {ANA_MAIL}", f"engagement explain {ANA_MAIL} --json",
        "engagement rebuild", "orgs sso-only borealis off",
        "credentials list", "credentials list --certification sales-pro",
        f"credentials list --person {ANA_MAIL}", "credentials keys list", "credentials keys add",
        "credentials keys relock", "users reset-second-factor typed@vendor.example",
        "credentials publish", "doctor", "gates list", "gates list --gate deal-registration",
        "gates list --organization aurora", "gates show deal-registration", "notices list",
        "notices list --state sent", "notices preview before_expiry", "reports list",
        "reports show certified --certification sales-pro", "rules list", "rules show sales-pro",
        f"rules explain {ANA_MAIL} sales-pro", f"rules history {ANA_MAIL} sales-pro", "rules diff tour 1 2",
        "webhooks list", "webhooks list --org aurora",
        "webhooks create http://127.0.0.1:9/x", "deals compare sales-pro",
    ):  # fmt: skip
        yield text.split()
    yield from with_files(tour, files)
    yield ["statements", "query", query]
    yield ["statements", "queries", "save", "typed", query]
    for text in ("list", "show typed", "run typed", "share typed", "unshare typed", "delete typed"):
        if text == "run typed":
            yield ["statements", "queries", "schedule", "typed", "0 6 * * *"]
        yield ["statements", "queries", *text.split()]
    yield [
        "gates",
        "check",
        "deal-registration",
        "-o",
        "aurora",
        "-s",
        BEA.rpartition(":")[2],
        "product=acme-platform",
    ]


def lti(tour: Tour) -> Iterator[list[str]]:
    """Yield the runs about learning systems."""
    urls = [f"--{name}-url=http://127.0.0.1:9/{name}" for name in ("login", "token", "keys")]
    yield ["lti", "tool"]
    yield ["lti", "add", "http://127.0.0.1:9", "--client-id", "typed", *urls, "--deployment", "1"]
    made = tour.look.lti_platforms.find_one({"client_id": "typed"}) or {}
    yield ["lti", "list"]
    yield ["lti", "deploy", made["_id"], "2", "aurora"]
    yield ["lti", "results", made["_id"]]
    yield ["lti", "withdraw", made["_id"], "2"]
    yield ["lti", "remove", made["_id"]]
    yield ["lti", "new-key"]


def with_files(tour: Tour, files: dict[str, str]) -> Iterator[list[str]]:
    """Yield the runs that need files, or ids that only the database knows."""

    def one(collection: str, wanted: dict[str, Any] | None = None) -> str:
        found = tour.look[collection].find_one(wanted or {})
        assert found is not None, collection
        return str(found["_id"])

    yield ["content", "add", files["course.zip"]]
    draft = tour.look.content_versions.find_one({"name": "course.zip"}) or {}
    for name in (
        "list",
        "list --uploads",
        f"show {draft['item']}",
        f"show {draft['_id']}",
        f"url {draft['_id']}",
    ):
        yield ["content", *name.split()]
    yield ["content", "add", files["course.zip"], "--item", draft["item"]]
    yield ["content", "original", draft["_id"], files["folder"] + "/copy.zip"]
    yield ["content", "visible", draft["item"], "--org", "aurora"]
    yield ["content", "publish", draft["_id"]]
    yield ["content", "open", draft["item"], ANA_MAIL]
    yield from lti(tour)
    yield ["content", "withdraw", draft["_id"]]
    yield ["content", "discard", one("content_versions", {"item": draft["item"], "state": "draft"})]
    credential = tour.look.credentials.find_one({"certification": "sales-pro"}) or {}
    yield ["credentials", "link", credential["award"]]
    yield ["credentials", "verify", files["credential.jwt"]]
    yield ["credentials", "recognise", ANA_MAIL, files["elsewhere.jwt"]]
    yield ["credentials", "recognised", ANA_MAIL]
    brought = one("recognitions", {"person": person_id(ANA)})
    yield ["credentials", "take-back", ANA_MAIL, brought, "--reason", "asked"]
    yield ["credentials", "keys", "retire", "k1"]
    yield ["deals", "import", files["deals.csv"]]
    yield ["people", "import", "tour", files["roster.csv"]]
    yield ["users", "invite", "invited@tour.example", "--role", "analyst"]
    yield ["rules", "new", "certification", files["folder"] + "/new.yaml"]
    yield ["rules", "check", files["rules.yaml"]]
    yield ["rules", "test", files["rules.yaml"]]
    yield ["rules", "plan", files["rules.yaml"]]
    yield ["rules", "review", one("plans", {"applied_at": None}), "approve", "--by", "second", "-m", "well"]
    yield ["rules", "apply", one("plans", {"applied_at": None})]
    yield ["rules", "retire", "impl-pro"]
    yield ["rules", "retire", "impl-pro", "--withdraw"]
    yield ["inbound", "show", one("inbound")]
    for name in ("build", "status", "verify", "compact", "vacuum"):
        yield ["lake", name]
    yield ["lake", "sql", "SELECT count(*) FROM statements", "--org", "drift"]
    yield ["lake", "connect", "duckdb"]
    yield ["migrate", "--plan"]
    yield ["migrate"]
    yield ["backup", files["folder"] + "/saved"]
    yield ["backup", files["folder"] + "/saved", "--list"]
    yield ["restore", files["folder"] + "/saved", "--org", "nobody"]
    yield ["statements", "import", files["statements.ndjson"], "--org", "drift"]
    yield ["export", files["folder"] + "/export", "--org", "drift"]
    yield ["export", files["folder"] + "/export", "--org", "drift", "--since-last"]
    key = one("clients", {"label": "made"})
    yield ["clients", "rotate", key]
    yield ["clients", "revoke", key]
    hook = one("endpoints")
    yield ["webhooks", "dead", hook]
    yield ["webhooks", "resend", hook]
    yield ["notices", "resend", one("mails")]
    ida, zoe = person_id("mbox::mailto:ida@tour.example"), person_id(BEA)
    yield ["people", "merge", ida, person_id("mbox::mailto:new2@tour.example"), "--dry-run"]
    yield ["people", "split", zoe, BEA, "--dry-run"]
    yield ["retention", "lift", one("legal_holds", {"lifted_at": None})]
    yield ["retention", "plan", "borealis"]
    yield ["retention", "apply", "borealis", one("retention_plans", {"org": "borealis"})]
    yield ["people", "export", ANA_MAIL, files["folder"] + "/ana.zip"]
    yield ["people", "erase", person_id(ANA), "--reason", "asked", "--dry-run"]
