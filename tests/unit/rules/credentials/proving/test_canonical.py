"""Canonical N-Quads of credentials: nothing unsigned, nothing invented, the same by template and by hand."""

from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor

import pyoxigraph as ox
import pytest
from factories_credentials import credential_of, make_period
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.credentials.document import EvidenceNote
from rules.credentials.proving import contexts
from rules.credentials.proving.canonical import NotCanonical, canonical, canonical_quads
from rules.credentials.proving.canonical_templates import canonical_of_shape, hollow, rows_of
from rules.credentials.proving.contexts import PINNED, ChangedContext, UnknownContext, context

VC = "https://www.w3.org/ns/credentials/v2"
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12
) | st.sampled_from(
    ["\b", "\x0b", "\x7f", "\x01\x1f", "\t\n\r", 'a"b\\n', "\u2028", "😀日本", "urn:laurel-text:0:"]
)


def small(**members):
    return {"@context": [VC], "id": "urn:uuid:1", "type": ["VerifiableCredential"]} | members


def test_every_pinned_context_is_the_copy_that_was_pinned():
    for url in PINNED:
        assert "@context" in context(url)


def test_a_changed_or_missing_copy_and_an_unknown_context_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(contexts, "folder", lambda: tmp_path)
    context.cache_clear()
    with pytest.raises(ChangedContext):
        context(VC)
    (tmp_path / PINNED[VC][0]).write_text("{}")
    with pytest.raises(ChangedContext, match="not the pinned one"):
        context(VC)
    with pytest.raises(UnknownContext):
        context("https://w3id.org/openbadges/v3")
    monkeypatch.undo()
    with pytest.raises(UnknownContext, match="openbadges/v3"):
        canonical(small() | {"@context": [VC, "https://w3id.org/openbadges/v3"]})


def test_no_pinned_context_makes_a_prefix_of_the_schemes_that_templates_take_as_they_are():
    for url in PINNED:
        assert not {"http", "https", "urn", "did"} & set(context(url)["@context"])


def test_the_canonical_text_is_that_of_rdfc_1_0():
    # Where URDNA2015 escapes nothing: backspace, vertical tab and delete (RDFC-1.0).
    text = canonical(small(name='a\b\x0b\x7f\t\n"\\é'))
    kind = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
    assert text.decode().splitlines() == [
        f"<urn:uuid:1> <{kind}> <https://www.w3.org/2018/credentials#VerifiableCredential> .",
        r'<urn:uuid:1> <https://schema.org/name> "a\b\u000B\u007F\t\n\"\\é" .',
    ]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"holdr": "x"}, "'holdr' is not defined"),
        ({"credentialSubject": {"id": "urn:x:y", "nme": "x"}}, "'nme' is not defined"),
        ({"type": ["VerifiableCredential", "Undefined"]}, "'Undefined' is neither"),
        ({"id": "no-address"}, "'no-address' is neither"),
        ({"id": "urn:with space"}, "not an IRI"),
        ({"@context": [VC, {"holdr": "urn:x"}], "holdr": "x"}, "written in the document itself"),
        (
            {"credentialSubject": {"@context": {"x": "urn:x"}, "id": "urn:x:y"}},
            "written in the document itself",
        ),
        ({"id": 5}, "not a JSON-LD document"),
        ({"issuer": {"id": ["urn:x:y"]}}, "not a JSON-LD document"),
    ],
)
def test_what_would_be_lost_or_invented_is_refused(members, words):
    for write in (canonical, canonical_of_shape):
        with pytest.raises(NotCanonical, match=words):
            write(small(**members))


def test_nesting_without_end_is_refused():
    deep: dict = {}
    for _ in range(500):
        deep = {"credentialSubject": deep}
    with pytest.raises(NotCanonical, match="too deeply"):
        canonical(small(**deep))


def test_parts_that_cannot_be_told_apart_are_refused_before_they_take_for_ever():
    nodes = [ox.BlankNode(f"n{number}") for number in range(9)]
    knows = ox.NamedNode("urn:x:knows")
    with pytest.raises(NotCanonical, match="cannot be told apart"):
        canonical_quads(ox.Quad(one, knows, other) for one in nodes for other in nodes if one != other)
    few = nodes[:4]
    assert canonical_quads(ox.Quad(one, knows, other) for one in few for other in few if one != other)
    alike = [{"type": ["IdentityObject"], "identityHash": "x"}] * 50  # under one named node they cost nothing
    document = credential_of(make_period())
    document["credentialSubject"]["identifier"] = alike
    assert canonical(document).count(b"IdentityObject>") == 50


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=3), st.booleans())
@settings(max_examples=25)
def test_a_template_gives_what_the_whole_way_gives(name, criteria, proofs, emails, refreshable):
    period = make_period(
        evidence=tuple(EvidenceNote(str(n), text, text + name) for n, text in enumerate(proofs)),
        emails=tuple(emails),
        result=tuple(proofs),
    )
    document = credential_of(period, refreshable=refreshable) | {"name": name}
    document["credentialSubject"]["achievement"]["criteria"] = {"narrative": criteria}
    assert canonical_of_shape(document) == canonical(document)


@given(st.sampled_from(["id", "issuer.id", "credentialStatus.id", "credentialSubject.achievement.id"]), TEXTS)
@settings(max_examples=25)
def test_an_address_is_taken_or_refused_alike_by_template_and_by_hand(path, text):
    document = copy.deepcopy(credential_of(make_period()))
    *places, last = path.split(".")
    inner = document
    for place in places:
        inner = inner[place]
    inner[last] = text
    assert outcome(canonical_of_shape, document) == outcome(canonical, document)


def outcome(write, document):
    try:
        return write(document)
    except NotCanonical as error:
        return str(error)


def test_the_shape_of_a_credential_is_read_once():
    one, other = (credential_of(make_period(award=award)) for award in ("A1", "A2"))
    shapes = {json.dumps(hollow(document, [])) for document in (one, other)}
    assert len(shapes) == 1
    assert rows_of(shapes.pop()) is not None
    assert canonical_of_shape(one) != canonical_of_shape(other)


def test_many_threads_may_write_at_once():
    documents = [
        small(name=str(n), evidence=[{"id": f"urn:e:{n}", "type": "Evidence"}] * (n % 3)) for n in range(24)
    ]
    for document in documents:
        document["@context"] = credential_of(make_period())["@context"]
    alone = [canonical(one) for one in documents]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(canonical, documents)) == alone
