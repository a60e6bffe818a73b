"""The loader of rule files: YAML 1.2 core schema, places, bounds, any bytes (cert#3)."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import DEMO_RULES, ROOT

from rules.checking.check import check
from rules.checking.load import document_hash, dump, load
from rules.checking.shape import schema
from rules.language.model import Certification
from rules.language.positions import plain_data
from rules.language.yaml_tree import MAX_BYTES, Refused, parse, scalar

RULES = DEMO_RULES
FILES = {file.name: file.read_text(encoding="utf-8") for file in sorted(RULES.glob("*.yaml"))}
STARTERS = ROOT / "lrs" / "templates" / "rules"
TEXTS = [*FILES.values(), *(file.read_text(encoding="utf-8") for file in sorted(STARTERS.glob("*.yaml")))]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("-7", -7),
        ("yes", "yes"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("12:30:00", "12:30:00"),
        ("2026-01-10", "2026-01-10"),
        ("2026-01-10T09:00:00Z", "2026-01-10T09:00:00Z"),
        ("~", None),
        ("Null", None),
        ("", None),
        ("nULL", "nULL"),
        ("True", True),
        (".5", Decimal("0.5")),
        ("0.80", Decimal("0.80")),
        ("1e3", 1000),
        ("3.0", 3),
        ("1e-2", Decimal("0.01")),
        ("+.inf", ValueError),
        (".NaN", ValueError),
        ("9" * 50, ValueError),
        ("1e999999", ValueError),
        ("0.1.2", "0.1.2"),
        ("1,5", "1,5"),
        ("=", "="),
    ],
)
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: Any) -> None:
    """cert#2.1 and cert#3-1: no timestamps, no sexagesimal or octal-by-zero numbers, decimals from the source text."""
    if value is ValueError:
        with pytest.raises(ValueError, match=r"finite|digits"):
            scalar(text, plain=True)
        return
    found = scalar(text, plain=True)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["012", "yes", "~", "0.80", "2026-01-10"])
def test_quoted_scalars_are_strings(text: str) -> None:
    assert scalar(text, plain=False) == text


def refused(text: bytes | str) -> str:
    (problem,) = load(text, "a.yaml").problems
    return str(problem)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a: " + b"x" * MAX_BYTES, "1:1: the file has 262,147 bytes, at most 262,144 are read [E101]"),
        (b"a: 1\nb: \xff", "2:4: not UTF-8: byte 0xff does not belong there [E101]"),
        ("a: 1".encode("utf-16"), "1:1: not UTF-8: byte 0xff does not belong there [E101]"),
        ("a: \ud800", "1:4: not UTF-8: a half surrogate pair does not belong there [E101]"),
        ("", "1:1: the file holds no document [E102]"),
        ("# only a comment\n", "1:1: the file holds no document [E102]"),
        ("a: [1\nb: 2", "2:2: not YAML"),
        ("id: a\ntitle Product\nversion: x", "2:1: not YAML: a key needs a colon"),
        ("title: Product: Basics", "1:15: not YAML: a colon that does not belong here"),
        ("a:\n  - b: 1\n   c: 2", "3:4: not YAML: this begins in another column"),
        ('a: "b" c', "1:8: not YAML: text after closing quotes"),
        ("a:\n\tb: 1", "2:1: a tab is not allowed here (did you mean spaces?) [E102]"),
        ("a: 1\r\x01", "2:1: a control character is not allowed in YAML [E102]"),
        ("a: \x01", "1:4: a control character is not allowed in YAML [E102]"),
        ("b: 1\na: *x", "2:4: not YAML: nothing above is marked &x [E102]"),
        ('a: "\\U99999999"', "1:1: not YAML: an escape or directive cannot be read [E102]"),
        ('a: "\\ud800"', "1:4: not YAML: half a surrogate pair in a string [E102]"),
        ("%YAML 1.1\n---\na: 1", "2:1: rule files are YAML 1.2 (did you mean %YAML 1.2?) [E102]"),
        ("a: !!set {x}", "1:4: the tag tag:yaml.org,2002:set is not allowed; values need no tags [E104]"),
        ("a: !x 1", "1:4: the tag !x is not allowed; values need no tags [E104]"),
        ("a: 1\n---\nb: 1", "2:1: more than one document in the file; write one file for each [E104]"),
        ("a: &x [*x]", "1:8: the alias *x contains itself [E104]"),
        ("[" * 5000, "1:65: nested deeper than 64 levels [E104]"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem_with_its_place(text: bytes | str, expected: str) -> None:
    """cert#3-2 and cert#3-4: E101, E102 and E104."""
    assert refused(text).startswith(f"a.yaml:{expected}")


def test_more_than_fifty_aliases_are_refused() -> None:
    """cert#3-2: fifty are read."""
    for n, codes in ((50, {"E202"}), (51, {"E104"})):
        text = "a: &x 1\nb: [" + ", ".join(["*x"] * n) + "]"
        assert {problem.code for problem in load(text, "a").problems} == codes


def test_nodes_are_counted_before_aliases_are_expanded() -> None:
    """cert#3-2: ten lines that stand for 10^9 nodes are refused at once."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 5)}]" for i in range(1, 10)]
    assert "[E104]" in refused("\n".join(lines))


def test_ten_thousand_nodes_are_the_bound() -> None:
    """cert#3-2: the mapping, its key and the list count too."""
    for n, code in ((9_997, "E202"), (9_998, "E104")):
        assert load("a: [" + "1," * n + "]", "a").problems[0].code == code


def test_an_alias_too_deep_is_refused() -> None:
    deep = "a: &x " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 30 + "*x" + "]" * 30
    assert "nested deeper than 64 levels [E104]" in refused(deep)


def test_an_alias_is_read_as_what_it_stands_for() -> None:
    text = (
        FILES["sales-pro.yaml"]
        .replace("when: {score: exam, at_least: 0.80, attempt: best}", "when: *exam")
        .replace(
            "- score: exam\n        at_least: 0.80\n        attempt: best\n"
            "        label: Sales exam, 80 % or better",
            "- &exam {score: exam, at_least: 0.80, attempt: best}",
        )
    )
    document = load(text, "a").document
    assert isinstance(document, Certification)
    assert document.renewal is not None
    assert document.renewal.when == document.award.when.parts[3]  # type: ignore[attr-defined]  # an All


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    for text in FILES.values():
        plain = load(text, "a").document
        assert plain is not None
        assert load(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), "a").document == plain


def test_every_key_and_item_has_its_place() -> None:
    """cert#3-1: line and column from 1."""
    positions = load(FILES["sales-pro.yaml"], "a").positions
    lines = FILES["sales-pro.yaml"].split("\n")
    assert (positions.value(("kind",)).line, positions.value(("kind",)).column) == (2, 7)
    for path, place in positions.keys.items():
        assert lines[place.line - 1][place.column - 1 :].startswith(str(path[-1]))
    for place in positions.values.values():
        assert (
            lines[place.line - 1][place.column - 1 :].lstrip("\"'").startswith(place.text[:5].split("\n")[0])
        )


def test_bare_and_quoted_dates_give_the_same_document_and_hash() -> None:
    """cert#2.1: both spellings."""
    bare = load(FILES["impl-pro.yaml"].replace("title:", "effective_from: 2026-01-10\ntitle:"), "a").document
    quoted = load(
        FILES["impl-pro.yaml"].replace("title:", 'effective_from: "2026-01-10"\ntitle:'), "a"
    ).document
    assert bare is not None
    assert bare == quoted
    assert document_hash(bare) == document_hash(quoted)  # type: ignore[arg-type]  # equal to `bare`, so not None


SAME_HASH = [
    ("at_least: 0.80\n", "at_least: 0.8\n"),
    ("lasts: 12 months", "lasts: 012 month"),
    ("verb: completed,", "verb: [completed],"),
    ("verb: completed,", "verb: http://adlnet.gov/expapi/verbs/completed,"),
    ("verb: completed,", "verb: completed, from: vendor,"),
    ("- {done: overview, label: Overview}", "- {label: Overview, done: overview}"),
    ("counted_from: completion", "counted_from: completion\n  # a comment"),
    ("notices:", "mode: evaluate\nnotices:"),
    ("status: grace}", "status: expired}"),
    ("  grace: 30 days\n", "  grace: 30 days\n"),
    ("    to: [holder", "    to:  [holder"),
    ("notices:", "max_lateness: 30 days\nnotices:"),
    ("notices:", "on_voided: {settle: 1 hour}\nnotices:"),
]
OTHER_HASH = [
    ("at_least: 0.80\n", "at_least: 0.81\n"),
    ("at_least: 0.80\n", "at_least: 0.8000000000000000000001\n"),
    ("lasts: 12 months", "lasts: 1 year"),
    ("title: Acme Sales", "title: ACME Sales"),
    ("notices:", "effective_from: 2026-01-01\nnotices:"),
    ("label: Overview", "label: overview"),
    ("grace: 30 days", "grace: 31 days"),
]


@pytest.mark.parametrize(
    ("old", "new", "same"), [*((*x, True) for x in SAME_HASH), *((*x, False) for x in OTHER_HASH)]
)
def test_hash_is_of_the_meaning_without_tests_and_mode(old: str, new: str, *, same: bool) -> None:
    """cert#4.12-3: defaults filled in, spelling and key order and comments without effect."""
    text = FILES["sales-pro.yaml"]
    assert old in text
    before, after = load(text, "a").document, load(text.replace(old, new, 1), "a").document
    assert before is not None
    assert after is not None, load(text.replace(old, new, 1), "a").problems
    assert (document_hash(before) == document_hash(after)) is same


def shuffled(data: Any, draw: Any) -> Any:
    if isinstance(data, dict):
        keys = draw(st.permutations(list(data)))
        return {key: shuffled(data[key], draw) for key in keys}
    return [shuffled(each, draw) for each in data] if isinstance(data, list) else data


def as_text(data: Any) -> str:
    """Write plain data as JSON, which is YAML; decimals as the same digits."""
    return json.dumps(data, default=float)


@settings(max_examples=100)
@given(st.data(), st.sampled_from(TEXTS))
def test_order_of_keys_does_not_change_the_hash(data: st.DataObject, text: str) -> None:
    """cert#4.12-3."""
    loaded = load(text, "a")
    turned = load(as_text(shuffled(loaded.data, data.draw)), "b")
    assert loaded.document is not None
    assert turned.document is not None
    assert document_hash(turned.document) == document_hash(loaded.document)


@pytest.mark.parametrize("text", TEXTS)
def test_a_document_dumped_and_loaded_is_the_same(text: str) -> None:
    document = load(text, "a").document
    assert document is not None
    again = load(dump(document), "b")
    assert again.problems == ()
    assert again.document == document


def inside(text: str, line: int, column: int) -> bool:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # YAML 1.2 has no other line ends; an event at the end of a file may stand one line below the last.
    return 1 <= line <= len(lines) + 1 and (line > len(lines) or 1 <= column <= len(lines[line - 1]) + 2)


YAML_BITS = st.sampled_from(
    [
        "kind: ",
        "Gate",
        "\n",
        "  ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ": ",
        ", ",
        "&a ",
        "*a",
        "!!str ",
        "'",
        '"',
        "|\n",
        ">-\n",
        "? ",
        "# c\n",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "\t",
        "12",
        "0.8",
        "~",
        "\\",
        "é",
        "😀",
        "\r\n",
        "<<",
        "evidence",
        "id",
    ]
)


@settings(max_examples=400)
@given(
    st.one_of(
        st.binary(max_size=200), st.lists(YAML_BITS, max_size=40).map(lambda bits: "".join(bits).encode())
    )
)
def test_whatever_the_bytes_there_is_a_document_or_problems_inside_the_file(raw: bytes) -> None:
    loaded = load(raw, "a")
    assert loaded.document is not None or loaded.problems
    check([loaded], None)
    text = raw.decode("utf-8", "replace")
    for problem in loaded.problems:
        assert inside(text, problem.line, problem.column), problem


@settings(max_examples=300)
@given(st.sampled_from(TEXTS), st.integers(0, 4000), st.integers(0, 40), YAML_BITS)
def test_damaged_files_give_problems_and_never_raise(text: str, at: int, cut: int, bit: str) -> None:
    damaged = text[: at % len(text)] + bit + text[at % len(text) + cut :]
    loaded = load(damaged, "a")
    for problem in check([loaded], None):
        assert inside(damaged, problem.line, problem.column), problem


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 200),
    st.sampled_from(["", "x", "X y", "12 months", "2026-02-30", "{a.b}"]),
    st.just([]),
    st.just({}),
    st.just(["x", "x"]),
    st.just({"x": 1}),
    st.just({"use": "a/b", "done": "x"}),
    st.just([{}]),
)
WORDS = st.sampled_from(
    [
        "x",
        "use",
        "cmi5",
        "due",
        "fixed",
        "minimum",
        "any",
        "all",
        "of",
        "at_least",
        "score",
        "done",
        "events",
        "key",
        "reviews",
        "tests",
        "mode",
        "revoke_after",
        "label",
        "within",
        "status",
        "verb",
        "A b",
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid document with one to three places changed: removed, replaced, renamed or added to."""
    data = copy.deepcopy(load(draw(st.sampled_from(TEXTS)), "a").data)
    for _ in range(draw(st.integers(1, 3))):
        holder = data
        while True:
            inner = [
                each
                for each in (holder.values() if isinstance(holder, dict) else holder)
                if isinstance(each, dict | list) and each
            ]
            if not inner or draw(st.integers(0, 3)) == 0:
                break
            holder = draw(st.sampled_from(inner))
        if not holder:
            continue
        place = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
        match draw(st.sampled_from(["remove", "replace", "rename", "add"])):
            case "remove":
                del holder[place]
            case "replace":
                holder[place] = copy.deepcopy(draw(JUNK))
            case "rename" if isinstance(holder, dict):
                holder[draw(WORDS)] = holder.pop(place)
            case _ if isinstance(holder, dict):
                holder[draw(WORDS)] = copy.deepcopy(draw(JUNK))
            case _:
                holder.append(copy.deepcopy(draw(JUNK)))
    return data


VALIDATOR = jsonschema_rs.Draft7Validator(schema())
BEYOND_SHAPE = ("not a day of the calendar", "is longer than", "between the years", "not an IANA time zone")


def unrounded(data: Any) -> Any:
    return json.loads(as_text(data))


@settings(max_examples=500)
@given(mutated())
def test_schema_and_checker_refuse_the_same_documents_for_their_shape(data: Any) -> None:
    """cert#3-5: the published schema, in an implementation of its own, against the checker."""
    loaded = load(as_text(data), "a")
    shape = [
        problem for problem in loaded.problems if not any(words in problem.message for words in BEYOND_SHAPE)
    ]
    if VALIDATOR.is_valid(unrounded(data)):
        assert not shape
    else:
        assert loaded.problems  # an empty time zone, for one, is refused by the schema for its shape
    check([loaded], None)
    if loaded.document is not None:
        again = load(dump(loaded.document), "b")
        assert again.document == loaded.document, again.problems


def test_schema_describes_every_key() -> None:
    """cert#3-5: editors show a description at every key of a document."""
    missing: list[str] = []

    def walk(part: Any, where: str) -> None:
        if not isinstance(part, dict):
            return
        for name, each in part.get("properties", {}).items():
            if isinstance(each, dict) and not _described(each):
                missing.append(f"{where}.{name}")
        for key, each in part.items():
            for i, inner in enumerate(each if isinstance(each, list) else [each]):
                walk(inner, f"{where}.{key}[{i}]" if isinstance(each, list) else f"{where}.{key}")

    def _described(each: Any) -> bool:
        target = schema()["definitions"][each["$ref"].rsplit("/", 1)[1]] if "$ref" in each else each
        return "description" in target or set(target) <= {"const"} or "pattern" in target or "enum" in target

    walk(schema(), "")
    assert missing == []


def test_parse_keeps_the_places_of_a_tree() -> None:
    data, positions, problems = plain_data(parse("a:\n  - b: 1\n  -\n"), "a")
    assert (data, problems) == ({"a": [{"b": 1}, None]}, [])
    assert positions.value(("a", 0, "b")).line == 2
    with pytest.raises(Refused):
        parse("")
