"""The indexes of every collection: which modules declare some, and how they come into the database."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, OperationFailure

from lrs.access import clients, launch_tokens, limits, organizations, second_factor, sessions, tries, users
from lrs.analysis import indexes as analysis_indexes
from lrs.api import idempotency
from lrs.console.programme import drafts, planning
from lrs.content.attempts import store as attempt_store
from lrs.content.cmi5 import registrations
from lrs.content.library import items as content_items
from lrs.content.lti import grades as lti_grades
from lrs.content.lti import logins as lti_logins
from lrs.content.lti import platforms as lti_platforms
from lrs.content.origin import problems as content_problems
from lrs.content.player import launches as content_launches
from lrs.credentials import consent, endorsements, keys
from lrs.credentials.public import branding
from lrs.credentials.recognising import store as recognitions
from lrs.credentials.wallets import offers as wallet_offers
from lrs.engagement import recall
from lrs.foundation import audit, figures
from lrs.foundation.database import Document
from lrs.instruction import bookings, calendars, rubrics
from lrs.instruction import sessions as training_sessions
from lrs.messaging import mail_queue, notices, own_notice_texts, webhooks
from lrs.people import affiliations, excuses, invitations, records, sharing
from lrs.people.privacy import erasure, legal_holds, retention
from lrs.scim import tokens as scim_tokens
from lrs.sign_in import passkeys, providers, saml
from lrs.xapi import consistent_through, inbound_log, more_links
from rules import rebuild
from rules.catalogue import store
from rules.credentials import store as credential_store
from rules.engine import facts, standings
from rules.engine.queues import evaluation_queue, marks, outbox, tier_queue
from rules.programmes import gate_checks, tier_recording
from rules.publication import backfill, plans
from statements.storage import attachment_store, definitions
from statements.storage import documents as statement_documents
from statements.storage import store as statement_store

# Each store module declares INDEXES = {collection: [IndexModel, ...]}; this list names those modules.
INDEX_TABLES: list[Mapping[str, list[IndexModel]]] = [
    organizations.INDEXES,
    clients.INDEXES,
    idempotency.INDEXES,
    launch_tokens.INDEXES,
    limits.INDEXES,
    tries.INDEXES,
    second_factor.INDEXES,
    attempt_store.INDEXES,
    registrations.INDEXES,
    content_launches.INDEXES,
    content_problems.INDEXES,
    lti_platforms.INDEXES,
    lti_logins.INDEXES,
    lti_grades.INDEXES,
    audit.INDEXES,
    figures.INDEXES,
    affiliations.INDEXES,
    excuses.INDEXES,
    sharing.INDEXES,
    records.INDEXES,
    erasure.INDEXES,
    legal_holds.INDEXES,
    retention.INDEXES,
    invitations.INDEXES,
    users.INDEXES,
    sessions.INDEXES,
    passkeys.INDEXES,
    providers.INDEXES,
    saml.INDEXES,
    scim_tokens.INDEXES,
    consistent_through.INDEXES,
    more_links.INDEXES,
    content_items.INDEXES,
    drafts.INDEXES,
    training_sessions.INDEXES,
    bookings.INDEXES,
    rubrics.INDEXES,
    calendars.INDEXES,
    recall.INDEXES,
    planning.INDEXES,
    inbound_log.INDEXES,
    credential_store.INDEXES,
    consent.INDEXES,
    branding.INDEXES,
    keys.INDEXES,
    wallet_offers.INDEXES,
    endorsements.INDEXES,
    recognitions.INDEXES,
    store.INDEXES,
    evaluation_queue.INDEXES,
    tier_queue.INDEXES,
    facts.INDEXES,
    standings.INDEXES,
    outbox.INDEXES,
    marks.INDEXES,
    backfill.INDEXES,
    plans.INDEXES,
    webhooks.INDEXES,
    notices.INDEXES,
    mail_queue.INDEXES,
    own_notice_texts.INDEXES,
    tier_recording.INDEXES,
    rebuild.INDEXES,
    gate_checks.INDEXES,
    analysis_indexes.INDEXES,
    statement_store.INDEXES,
    attachment_store.INDEXES,
    definitions.INDEXES,
    statement_documents.INDEXES,
]

# Indexes that an older version made and nothing asks by any more.
RETIRED: Mapping[str, frozenset[str]] = {"outbox": frozenset({"org_1_effect_1"})}

# Statements are most of the bytes; zstd stores them in about two thirds of what snappy takes, and pages of
# 64 KB in three quarters of what pages of 32 KB, the size MongoDB takes, hold: neighbours share most text.
ZSTD = {"wiredTiger": {"configString": "block_compressor=zstd,leaf_page_max=64KB"}}
COMPRESSED = ("statements",)
NAMESPACE_EXISTS = 48
CONFLICTS = frozenset({85, 86})  # IndexOptionsConflict, IndexKeySpecsConflict


def ensure_indexes(db: Database[Document]) -> None:
    """Create what is missing, replace indexes that an older version made otherwise, drop the retired ones.

    Safe to run in several processes at once.
    """
    existing = set(db.list_collection_names())
    for name in COMPRESSED:
        if name not in existing:
            _create(db, name)
    for table in INDEX_TABLES:
        for collection, indexes in table.items():
            if indexes:
                _ensure(db[collection], indexes)
    for collection, retired in RETIRED.items():
        for name in retired & db[collection].index_information().keys():
            _drop(db[collection], name)


def _create(db: Database[Document], name: str) -> None:
    """Create a compressed collection, unless another process was first."""
    with contextlib.suppress(CollectionInvalid):  # PyMongo looked and found it
        try:
            db.create_collection(name, storageEngine=ZSTD)
        except OperationFailure as error:  # it was made between that look and the command
            if error.code != NAMESPACE_EXISTS:
                raise


def _ensure(collection: Collection[Document], indexes: list[IndexModel]) -> None:
    """Create indexes in one command; only where an older one stands in the way, one by one."""
    try:
        collection.create_indexes(indexes)
    except OperationFailure as conflict:
        if conflict.code not in CONFLICTS:
            raise
        for index in indexes:
            try:
                collection.create_indexes([index])
            except OperationFailure as error:
                if error.code not in CONFLICTS:
                    raise
                _drop_older(collection, index)
                collection.create_indexes([index])


def _drop_older(collection: Collection[Document], index: IndexModel) -> None:
    """Drop the index of the same name, or of the same keys under another name."""
    wanted = index.document
    for name, known in collection.index_information().items():
        if name == wanted["name"] or known["key"] == list(wanted["key"].items()):
            _drop(collection, name)


def _drop(collection: Collection[Document], name: str) -> None:
    with contextlib.suppress(OperationFailure):  # another process was first
        collection.drop_index(name)
