"""JSON-LD documents as canonical N-Quads: what embedded proofs sign (RDF Dataset Canonicalization, RDFC-1.0).

PyLD expands, pyoxigraph canonicalises: PyLD's own algorithm is the older URDNA2015, which differs where a
text holds control characters. Whatever would go into the text unsigned, or under an invented name, is
refused.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyoxigraph as ox
from pyld import jsonld

from rules.credentials.proving.contexts import ChangedContext, NotCanonical, UnknownContext, context
from rules.errors import RuleError

UNDEFINED: Final = (
    "https://undefined.invalid/"  # the base against which PyLD resolves names that nothing defines
)
ONE_AT_A_TIME: Final = threading.Lock()  # PyLD's caches are not made for threads
ADDRESS: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*|_):[^\x00-\x20<>\"{}|\\^`]*")
MAX_QUADS: Final = 20_000
MAX_ALIKE: Final = 6  # nodes without a name that cannot be told apart, and hang together


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the canonical N-Quads of a document; raise NotCanonical, UnknownContext or ChangedContext."""
    return canonical_quads(read_quads(document))


def canonical_quads(quads: Iterable[ox.Quad]) -> bytes:
    """Return quads as canonical N-Quads, one a line, sorted by code point; raise NotCanonical."""
    found = list(quads)
    refuse_tangles(found)
    dataset = ox.Dataset(found)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    lines = ox.serialize(dataset, format=ox.RdfFormat.N_QUADS) or b""
    return b"".join(sorted(lines.splitlines(keepends=True)))


def read_quads(document: Mapping[str, Any]) -> list[ox.Quad]:
    """Return the quads of a document, with nodes without a name as they come; raise as `canonical` does."""
    refuse_own_contexts(document)
    dropped: list[str] = []
    options: Any = {"documentLoader": load, "base": UNDEFINED}
    try:
        with ONE_AT_A_TIME:
            expanded = jsonld.expand(dict(document), options, lambda name, *_: dropped.append(str(name)))
            refuse_undefined(expanded)
            dataset = jsonld.to_rdf(expanded, {})
    except jsonld.JsonLdError as error:
        raise as_reason(error) from error
    except (RecursionError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise NotCanonical("not a JSON-LD document") from error
    if dropped:
        raise NotCanonical(f"{dropped[0]!r} is not defined by the contexts of the document")
    if sum(map(len, dataset.values())) > MAX_QUADS:
        raise NotCanonical(f"more than {MAX_QUADS} facts")
    return [to_quad(one, graph) for graph, rows in dataset.items() for one in rows]


def load(url: str, _: Any) -> dict[str, Any]:
    """Give PyLD a context from the kept copies."""
    found = {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": url}
    return found | {"document": context(url)}


def as_reason(error: BaseException) -> RuleError:
    """Return why PyLD refused a document: PyLD wraps what the loader raised."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UnknownContext | ChangedContext):
            return cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    return NotCanonical(f"not a JSON-LD document: {error.args[0] if error.args else error}"[:200])


def refuse_own_contexts(value: Any, depth: int = 0) -> None:
    """Refuse contexts that are not addresses, which could give any word any meaning; raise NotCanonical."""
    if depth > 60:
        raise NotCanonical("nested too deeply")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "@context":
                listed = inner if isinstance(inner, list) else [inner]
                if not all(isinstance(one, str) for one in listed):
                    raise NotCanonical("a context that is written in the document itself is not accepted")
            else:
                refuse_own_contexts(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            refuse_own_contexts(inner, depth + 1)


def refuse_undefined(value: Any) -> None:
    """Refuse names that are no addresses, which PyLD would leave out; raise NotCanonical."""
    if isinstance(value, list):
        for inner in value:
            refuse_undefined(inner)
    elif isinstance(value, Mapping):
        kinds = value.get("@type", [])
        own = [value["@id"]] if "@id" in value else []
        members = [name for name in value if not name.startswith("@")]
        for name in [*members, *own, *(kinds if isinstance(kinds, list) else [kinds])]:
            if name.startswith(UNDEFINED):
                bare = name.removeprefix(UNDEFINED)
                raise NotCanonical(f"{bare!r} is neither an address nor defined by the contexts")
            if name != "@json" and not ADDRESS.fullmatch(name):
                raise NotCanonical(f"{name!r} is not an IRI")
        for name, inner in value.items():
            if name not in {"@id", "@type", "@value"}:
                refuse_undefined(inner)


def to_quad(row: Mapping[str, Any], graph: str) -> ox.Quad:
    """Return a quad of pyoxigraph for one of PyLD; raise NotCanonical."""
    subject, predicate = named(row["subject"]["value"]), named(row["predicate"]["value"])
    place = ox.DefaultGraph() if graph == "@default" else named(graph)
    if isinstance(predicate, ox.BlankNode):
        raise NotCanonical("a member without an address")
    return ox.Quad(subject, predicate, to_term(row["object"]), place)


def to_term(term: Mapping[str, Any]) -> ox.NamedNode | ox.BlankNode | ox.Literal:
    """Return a term of pyoxigraph for one of PyLD; raise NotCanonical."""
    if term["type"] != "literal":
        return named(term["value"])
    try:
        if "language" in term:
            return ox.Literal(term["value"], language=term["language"])
        return ox.Literal(term["value"], datatype=ox.NamedNode(term["datatype"]))
    except ValueError as error:
        raise NotCanonical(f"{term['value']!r} is not a literal: {error}") from error


def named(text: str) -> ox.NamedNode | ox.BlankNode:
    """Return the node of an IRI or of PyLD's `_:b0`; raise NotCanonical for what is neither."""
    if text.startswith("_:"):
        return ox.BlankNode(text[2:])
    try:
        return ox.NamedNode(text)
    except ValueError as error:
        raise NotCanonical(f"{text!r} is not an IRI") from error


def refuse_tangles(quads: Iterable[ox.Quad]) -> None:
    """Refuse graphs whose canonicalisation would never end (RDFC-1.0); raise NotCanonical.

    Only nodes without a name cost more than their number, if their own facts do not tell them apart, and only
    where such nodes refer to one another.
    """
    facts: dict[str, list[str]] = defaultdict(list)
    pairs = []
    for quad in quads:
        terms = (quad.subject, quad.predicate, quad.object, quad.graph_name)
        nodes = [one.value for one in terms if isinstance(one, ox.BlankNode)]
        for node in nodes:
            facts[node].append(" ".join(tell(one, node) for one in terms))
        pairs += [(one, other) for one in nodes for other in nodes if one != other]
    looks = {node: tuple(sorted(lines)) for node, lines in facts.items()}
    times = Counter(looks.values())
    alike = {one for one, other in pairs if times[looks[one]] > 1 and times[looks[other]] > 1}
    if len(alike) > MAX_ALIKE:
        raise NotCanonical("too many parts that cannot be told apart")


def tell(term: Any, node: str) -> str:
    """Return how a term reads beside a node (RDFC-1.0)."""
    if not isinstance(term, ox.BlankNode):
        return str(term)
    return "a" if term.value == node else "z"
