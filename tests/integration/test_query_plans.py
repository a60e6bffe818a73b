"""Every query that the application issues walks an index, sorts nothing in memory and names its organization.

The questions are not written down here: a listener hears them while a tour (tests/tour.py) asks every route,
runs every command, every step and every job of the worker. A new query is seen by itself; a new route,
command or job that the tour leaves out fails a test with its name. Before MongoDB is asked how it would answer,
every collection is filled with some hundreds of documents like those that the tour left.
"""

from __future__ import annotations

import datetime as dt
import random
import re
import string
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Any

import pytest
import tour_api
import tour_commands
from bson import Binary, ObjectId
from commands_seen import Heard, Plan, Question, explain, nodes
from conftest import KEY, SECRET, empty, worker_database
from places import ROOT
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import BulkWriteError
from tour import Tour, documents, statements
from worker_rounds import until_quiet

from lrs.app import create_app
from lrs.demo.load import load
from lrs.foundation import database as lrs_database
from lrs.foundation.settings import Settings
from lrs.indexes import INDEX_TABLES
from lrs.running import worker

NOW = dt.datetime.now(dt.UTC)
FEW = 60  # documents that may be looked at whatever is returned
TIMES = 4  # and so many for each one returned
FILL = 400  # documents that each collection has at least before plans are judged

# Collections that may be read whole, because they stay small or are wanted whole; each with its reason.
READ_WHOLE = {
    "orgs": "some hundreds, and directories, tags and tiers want them all",
    "users": "those who administer: a new passphrase seals the secrets of all anew",
    "leaderboards": "one for each season",
    "legal_holds": "dozens, and every retention and erasure wants all that last",
    "clients": "some in each organization; whoever searches them by label reads them in order of id",
    "endpoints": "some in each organization; metrics count them all",
    "groups": "those that rules name: dozens",
    "identity_providers": "the login providers of organizations: dozens",
    "saml_keys": "the one key that signs our requests",
    "scim_tokens": "some in each organization",
    "saved_queries": "dozens in each organization; the command line finds them by name among all",
    "signing_keys": "one more with each rotation",
    "launch_keys": "one more with each rotation",
    "lti_keys": "one more with each rotation",
    "notice_texts": "the vendor's own words: one for each notice and language at most, wanted whole",
    "lti_platforms": "the learning systems of partners: dozens",
}
# Answers that may be sorted in memory: (collection, a field that the filter names), each with its reason.
SORTED = {
    ("facts", "person"): "what people decided about one person, and that person's periods: dozens",
    ("credentials", "person"): "what the people of one page hold",
    ("affiliations", "person"): "the organizations of one person, or of those of one roster",
    ("people", "ifis.ifi"): "an identifier belongs to one person, or to some one after the other",
    ("people", "email"): "as an identifier",
    ("rule_versions", "id"): "the versions of one rule: dozens",
    ("sessions", "user"): "where one user is logged in: dozens",
    ("mails", "state"): "the digests that are due in this round",
    ("work", "due_at"): "the health page asks which of what is due has waited longest",
}
# Versions of one rule are looked through: dozens, each kept for ever.
# So are the statements of those about whom a plan decides, for what it can look at.
LOOKED_THROUGH = {("rule_versions", "id"), ("statements", "object.id")}
# Who asks for whole stores on purpose, within a time that is limited; each with its reason.
ANALYSIS = {
    "lrs/analysis/run.py": "a question of an analyst over whole stores, ended after so many seconds",
    "lrs/analysis/reports/": "a report over the statements of a period",
    "lrs/analysis/award_states.py": "a report over the facts of a period",
    "lrs/engagement/next_steps.py": "what everybody did next, once an hour",
    "lrs/lake/": "the lake copies and compares all stores; else it asks for the statements that changed",
    "lrs/backups/": "a backup reads everything, and a restore looks whether anything is there",
    "lrs/console/organizations/holders.py": "counts of who holds what, at most once a minute, and what ends soon",
    "rules/programmes/learners.py": "of whom something is asked: of everybody, once a day and in plans",
    "lrs/people/privacy/subject_access.py": "everything held on one person, in every store, asked for rarely",
    "lrs/people/privacy/retention_work.py": "what is old enough is looked at in pages, once for each plan",
    "lrs/people/privacy/erasure_of_refusals.py": "an erasure reads the inbound log whole, which has 500 places for each client",
}
# Jobs that ask nothing about the living example, and what of the tour they ask about.
LATER = {"due notices": "of a certification whose targets set a day: the tour publishes one"}
# Questions on tenant data that name no organization: (collection, field named first), each with its reason.
OF_ALL_STORES = {
    ("statements", "pending"): "the engine reads the marks of all stores",
    (
        "statements",
        "_id",
    ): "a start asks when anything was stored last, a list of all stores how far back some lie",
    ("activities", "id"): "a check of rules asks whether any store knows an activity",
    ("documents", "ifi"): "an erasure concerns a person in all stores",
}
TENANT = {
    "statements",
    "documents",
    "documents.chunks",
    "activities",
    "attachments.files",
    "attachments.chunks",
}


@dataclass
class Found:
    """What the tour heard, and what it left out."""

    db: Database[Any]
    ear: Heard
    routes: list[str]
    commands: list[str]
    silent: list[str]


@pytest.fixture(scope="module")
def found(
    mongod: str, mongo_client: MongoClient[Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Found]:
    """The application driven through everything it can do, and what it asked."""
    name = worker_database("_plans")
    ear = Heard(name)
    options: dict[str, Any] = {"tz_aware": True, "uuidRepresentation": "standard", "w": "majority"}
    folder = tmp_path_factory.mktemp("plans")
    settings = Settings(
        mongodb_uri=mongod, database=name, data_folder=folder, public_url="http://lrs.example",
        bootstrap_key=KEY, bootstrap_secret=SECRET, award_statements=True, allow_private_addresses=True,
        content_url="http://*.content.example", lake_url=str(folder / "lake"),
    )  # fmt: skip
    with (
        MongoClient(mongod, event_listeners=[ear], journal=True, **options) as client,
        pytest.MonkeyPatch.context() as patch,
    ):
        db = client[name]
        empty(db)
        ear.questions.clear()
        app = create_app(settings, db)
        load(db, settings, NOW, lambda _: None)
        tour = Tour(app, db, settings, look=mongo_client[name])
        until_quiet(tour.worker)  # some steps wait for others
        silent = [step for step, heard in listen_to_steps(tour, ear) if not heard and step not in LATER]
        for part in (statements, documents, *tour_api.PARTS):
            part(tour)
        patch.setattr(
            lrs_database,
            "MongoClient",
            lambda *args, **more: MongoClient(*args, event_listeners=[ear], **more),
        )
        left = tour_commands.run_all(tour, folder)
        tour.settle()
        tour.worker.lake.close()
        unheard = mongo_client[name]
        fill(unheard)
        yield Found(unheard, ear, tour.left_out(), left, silent)
        client.drop_database(name)


def listen_to_steps(tour: Tour, ear: Heard) -> Iterator[tuple[str, bool]]:
    """Do each step and job of the worker once, and tell whether it asked anything."""
    services = tour.worker
    work = [
        (step.__name__, step)
        for step in (*worker.DECISIONS, *worker.EVENTS, *worker.CREDENTIALS, *worker.TIERS, *worker.BACKLOG)
    ]
    for name, act in [*work, *((job.name, job.run) for job in worker.JOBS)]:
        before = ear.count
        act(services)
        yield name, ear.count > before


def fill(db: Database[Any]) -> None:
    """Give every collection some hundreds of documents: copies of its own with other names and ids."""
    chance = random.Random(7)
    for name in db.list_collection_names():
        kept = list(db[name].find(limit=100)) if not name.startswith("system.") else []
        count = db[name].estimated_document_count()
        indexes = db[name].index_information().values()
        varied = {"_id"} | {field for one in indexes if one.get("unique") for field, _ in one["key"]} - {
            "org"
        }
        while kept and count < FILL:
            made = [other(one, chance, varied) for one in (*kept,) * -(-(FILL - count) // len(kept))]
            try:
                db[name].insert_many(made, ordered=False)
            except BulkWriteError as error:
                if {one["code"] for one in error.details["writeErrors"]} != {11000}:
                    raise
            if db[name].estimated_document_count() == count:
                raise AssertionError(f"no copies can be made for {name}")
            count = db[name].estimated_document_count()


NAME = re.compile(r"[^a-z_.]|.{25}")  # what is no word of ours, as `kind` and `state` have


def other(value: Any, chance: random.Random, varied: set[str], field: str = "") -> Any:
    """Return a copy in which ids, names and keys are others; words, dates and small numbers stay."""
    match value:
        case dict():
            return {name: other(inner, chance, varied, name) for name, inner in value.items()}
        case list():
            return [other(inner, chance, varied, field) for inner in value]
        case str() if field in varied or (field != "org" and NAME.search(value)):
            return value + "-" + "".join(chance.choices(string.ascii_lowercase, k=8))
        case ObjectId():
            return ObjectId()
        case uuid.UUID():
            return uuid.UUID(int=chance.getrandbits(128), version=4)
        case bytes() if field in varied:
            return Binary(value[:6] + chance.randbytes(max(8, len(value) - 6)), getattr(value, "subtype", 0))
        case bool():
            return value
        case int() if field in varied or abs(value) > 2**31:
            return chance.getrandbits(62) if abs(value) > 2**31 else value + chance.randrange(2**31)
        case _:
            return value


def verdicts(found: Found) -> Iterator[tuple[Question, Plan]]:
    for examples in list(found.ear.questions.values()):
        for question in examples:
            yield question, explain(found.db, question)


def test_every_route_every_command_and_every_step_of_the_worker_is_heard(found: Found) -> None:
    assert found.routes == [], "routes that the tour leaves out: give them a step in tests/tour_api.py"
    assert found.commands == [], (
        "commands that the tour leaves out: give them a line in tests/tour_commands.py"
    )
    assert found.silent == [], f"steps and jobs of the worker that asked nothing: {found.silent}"
    assert len(found.ear.questions) > 300


def test_every_query_walks_an_index_and_sorts_nothing_in_memory(found: Found) -> None:
    wrong = []
    for question, plan in verdicts(found):
        if question.asker.startswith(tuple(ANALYSIS)):
            continue
        told = f"{sorted(plan.stages)} {plan.examined}/{plan.returned}"
        if not is_bounded(question, plan):
            wrong.append(f"{question.asker} {question.shape}: {told}")
    assert not wrong, "\n".join(sorted(set(wrong)))


def is_bounded(question: Question, plan: Plan) -> bool:
    """Tell whether a question is answered by an index, in order, looking at little more than it returns."""
    if question.collection in READ_WHOLE or is_any_one(question):
        return True
    named = {(question.collection, name) for name in names_in(question.parts)}
    if "SORT" in plan.stages and not named & SORTED.keys():
        return False
    if not named & LOOKED_THROUGH and plan.examined > FEW + TIMES * plan.returned:
        return False
    return not plan.scans


def is_any_one(question: Question) -> bool:
    """Tell whether any one document is asked for: whether a collection is empty."""
    parts = question.parts
    return not parts.get("filter", True) and "sort" not in parts and parts.get("limit") == 1


def names_in(value: Any) -> Iterator[str]:
    """Yield the names of fields anywhere in a filter."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names_in(inner)


def test_exceptions_are_needed(found: Found) -> None:
    """An exception that no question makes use of any more is dropped from the tables above."""
    asked = list(verdicts(found))
    collections = {
        question.collection for question, plan in asked
        if plan.scans or "SORT" in plan.stages or plan.examined > FEW + TIMES * plan.returned
    }  # fmt: skip
    fields = {(question.collection, name) for question, _ in asked for name in names_in(question.parts)}
    firsts = {(question.collection, first_name(question)) for question, _ in asked}
    askers = {question.asker for question, _ in asked}
    assert sorted(READ_WHOLE.keys() - collections) == []
    assert sorted(SORTED.keys() - fields) == []
    assert sorted(OF_ALL_STORES.keys() - firsts) == []
    assert [one for one in ANALYSIS if not any(asker.startswith(one) for asker in askers)] == []


def test_every_query_on_tenant_data_names_the_organization(found: Found) -> None:
    unnamed: list[Question] = []
    named: list[Question] = []
    for examples in found.ear.questions.values():
        for question in examples:
            if question.collection in TENANT and not question.asker.startswith("lrs/backups/"):
                everywhere = (question.collection, first_name(question)) in OF_ALL_STORES
                (named if names_org(question) or everywhere else unnamed).append(question)
    assert not unnamed, "\n".join(sorted(f"{one.asker} {one.shape}" for one in unnamed))
    assert {question.collection for question in named} == TENANT  # something was asked of each
    assert {question.command for question in named} >= {"find", "aggregate", "update", "delete"}


def first_name(question: Question) -> str:
    """Return the field that a question names first."""
    return next(iter(matched(question)), "")


def matched(question: Question) -> dict[str, Any]:
    """Return the filter that a question begins with."""
    if question.command == "aggregate":
        return dict(question.parts["pipeline"][0].get("$match", {}))
    return dict(question.parts.get("filter", {}))


def names_org(question: Question) -> bool:
    """Tell whether every document asked for is of named organizations: `org` equals one, or one of some."""
    return says_org(matched(question))


def says_org(asked: dict[str, Any]) -> bool:
    wanted = asked.get("org")
    if wanted is None and isinstance(asked.get("$or"), list):
        return all(says_org(one) for one in asked["$or"])
    if wanted is None and isinstance(asked.get("$and"), list):
        return any(says_org(one) for one in asked["$and"])
    return isinstance(wanted, str) or (isinstance(wanted, dict) and isinstance(wanted.get("$in"), list))


def test_every_write_to_a_sharded_collection_goes_to_one_shard(found: Found) -> None:
    """MongoDB refuses a `findAndModify` or an upsert that leaves the shard open, and asks all for others."""
    written = [
        question
        for examples in found.ear.questions.values()
        for question in examples
        if question.collection in sharded()
        and question.command in {"update", "delete", "findAndModify"}
        and (question.upsert or not question.many)
    ]
    assert {"statements", "documents"} <= {question.collection for question in written}
    assert "statements" in {question.collection for question in written if question.upsert}
    wrong = {f"{one.asker} {one.shape}" for one in written if not isinstance(matched(one).get("org"), str)}
    assert sorted(wrong) == []


def test_every_sharded_collection_has_what_a_shard_key_needs(found: Found) -> None:
    """docs/scaling.md: an index that begins with the key, neither partial nor multikey; unique ones with it too."""
    assert sharded() == TENANT - {"activities"}
    for name in sharded():
        indexes = [one for one in found.db[name].index_information().values() if one["key"][0][0] == "org"]
        assert all(one["key"][0][0] == "org" for one in indexes if one.get("unique"))
        usable = [one for one in indexes if "partialFilterExpression" not in one]
        assert any(not is_multikey(found.db, name, one["key"]) for one in usable), name


def test_every_write_finds_its_document_also_under_the_refined_keys(found: Found) -> None:
    """docs/scaling.md: a key may grow only within unique indexes, and writes have to name it, or the `_id`."""
    keys = refined()
    assert set(keys) == sharded()
    for name, key in keys.items():
        for index in found.db[name].index_information().values():
            if index.get("unique"):
                assert [field for field, _ in index["key"]][: len(key)] == key
    written = [
        question
        for examples in found.ear.questions.values()
        for question in examples
        if question.collection in keys
        and question.command in {"update", "delete", "findAndModify"}
        and not question.many
    ]
    wrong = set()
    for one in written:
        named, key = matched(one), keys[one.collection]
        whole = all(field in named and not isinstance(named[field], dict) for field in key)
        strict = one.command == "findAndModify"
        if not whole and (strict or isinstance(named.get("_id"), dict | NoneType)):
            wrong.add(f"{one.asker} {one.shape}")
    assert sorted(wrong) == []


def refined() -> dict[str, list[str]]:
    """Return the refined shard keys of the documentation."""
    text = (ROOT / "docs" / "scaling.md").read_text()
    found = re.findall(r'refineCollectionShardKey: "laurel\.([\w.]+)", key: \{(.+?)\}', text)
    return {name: re.findall(r"(\w+): 1", key) for name, key in found}


def sharded() -> set[str]:
    """Return the collections that the documentation shards."""
    text = (ROOT / "docs" / "scaling.md").read_text()
    return set(re.findall(r'sh\.shardCollection\("laurel\.([\w.]+)", \{org: 1\}\)', text))


def is_multikey(db: Database[Any], collection: str, key: list[tuple[str, Any]]) -> bool:
    """Tell whether an index holds several entries of one document."""
    plan = db.command("explain", {"find": collection, "filter": {"org": "x"}, "hint": dict(key)})
    return any(node.get("isMultiKey") for node in nodes(plan))


def test_every_unique_index_begins_with_the_organization(found: Found) -> None:
    """Those that the application declares, and those that the database has."""
    declared = {
        (collection, next(iter(index.document["key"])))
        for table in INDEX_TABLES
        for collection, indexes in table.items()
        for index in indexes
        if index.document.get("unique")
    }
    there = {
        (name, index["key"][0][0])
        for name in found.db.list_collection_names()
        if not name.startswith("system.")
        for index in found.db[name].index_information().values()
        if index.get("unique")
    }
    assert declared == there
    assert {("statements", "org"), ("attachments.files", "org")} <= declared
    # whoever logs in says an address or comes with a subject before it is known to which organization they belong;
    # users are few and are not sharded
    known = {("users", "email"), ("users", "subject"), ("users", "passkeys.id")}
    assert {one for one in declared if one[1] != "org"} == known
