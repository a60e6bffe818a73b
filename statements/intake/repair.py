"""Statements that are nearly right, made right: a table of repairs. Pure.

Validation names the wrong place; the first repair of the table that knows what to do there changes it, and
the statement is judged again. What no repair makes right stays as it came.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from statements.errors import InvalidStatement
from statements.intake.validate import COMPONENT_LISTS, check_statement
from statements.parsing.json_text import dump_text
from statements.parsing.parse import Parsed, parse_statement
from statements.parsing.times import Version

Holder = Any  # the object or array in which the wrong value stands
Name = str | int
Fix = Callable[[Holder, Name], bool]

MOST: Final = 100  # repairs of one statement
OBJECT_TYPES: Final = {
    name.lower(): name for name in ("Agent", "Group", "Activity", "SubStatement", "StatementRef")
}
INTERACTIONS: Final = (
    "true-false", "choice", "fill-in", "long-fill-in", "matching", "performance", "sequencing", "likert",
    "numeric", "other",
)  # fmt: skip
IRIS: Final = frozenset({"id", "type", "moreInfo", "homePage", "openid", "usageType", "fileUrl"})
MAPS: Final = frozenset({"display", "name", "description"})
_STEP: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]")
_GUID: Final = re.compile(r"\{?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}?")
_ILLEGAL: Final = re.compile(r'[\x00-\x20\x7f<>"{}|\\^`]')
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,300})(?:\.\d{1,300})?")
_CLOCK: Final = re.compile(r"(\d{1,6}):([0-5]?\d):([0-5]?\d(?:\.\d{1,9})?)")
_ZONE: Final = re.compile(r"([+-]\d\d)(\d\d)?$")
_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def repaired(parsed: Parsed, version: Version) -> Parsed:
    """Return the statement with what repairs made right, and with its original text; else as it came."""
    if not isinstance(parsed.value, dict):
        return parsed
    value, done = copy.deepcopy(parsed.value), []
    for _ in range(MOST):
        try:
            check_statement(value, version)
        except InvalidStatement as error:
            name = _mend(value, error)
            if name is None:
                return parsed
            done.append(name)
        else:
            break
    else:
        return parsed
    if not done:
        return parsed
    made = parse_statement(dump_text(value))
    return Parsed(made.value, made.text, made.compact, parsed.text, tuple(dict.fromkeys(done)))


def _mend(value: Any, error: InvalidStatement) -> str | None:
    """Change the place that an error names; return the name of the repair that did, None where none knows."""
    steps = _steps(error.path)
    if not steps:
        return None
    holder = value
    try:
        for step in steps[:-1]:
            holder = holder[step]
        if error.reason.startswith("is no property"):
            del holder[steps[-1]]
            return UNKNOWN
        for name, fix in REPAIRS.items():
            if fix(holder, steps[-1]):
                return name
    except (KeyError, IndexError, TypeError):  # a name too long to be told whole
        return None
    return None


def _steps(path: str) -> list[Name]:
    return [
        int(index) if index else plain or re.sub(r"\\(.)", r"\1", quoted)
        for plain, index, quoted in _STEP.findall(path)
    ]


def _null(holder: Holder, name: Name) -> bool:
    if holder[name] is not None:
        return False
    del holder[name]
    return True


def _object_type(holder: Holder, name: Name) -> bool:
    if name != "objectType":
        return False
    known = OBJECT_TYPES.get(str(holder[name]).lower())
    if known is None or known == holder[name]:
        del holder[name]
    else:
        holder[name] = known
    return True


def _guid(holder: Holder, name: Name) -> bool:
    found = _GUID.fullmatch(holder[name]) if name == "id" and isinstance(holder[name], str) else None
    if found is None or "actor" in holder:  # the id of a statement
        return False
    holder[name] = f"urn:uuid:{found[1].lower()}"
    return True


def _iri(holder: Holder, name: Name) -> bool:
    text = holder[name]
    if name not in IRIS or not isinstance(text, str) or not _ILLEGAL.search(text):
        return False
    holder[name] = _ILLEGAL.sub(lambda one: quote(one[0], safe=""), text.strip())
    return True


def _mbox(holder: Holder, name: Name) -> bool:
    text = holder[name]
    if name != "mbox" or not isinstance(text, str):
        return False
    address = text.strip()
    bare = address[7:].strip() if address[:7].lower() == "mailto:" else address
    if text == f"mailto:{bare}":
        return False
    holder[name] = f"mailto:{bare}"
    return True


def _score_range(holder: Holder, name: Name) -> bool:
    if name != "min" or holder.get("min") != holder.get("max"):
        return False
    del holder["min"], holder["max"]
    return True


def _interaction(holder: Holder, name: Name) -> bool:
    value = holder[name]
    if name == "interactionType":
        told = re.sub(r"[\s_]+", "-", str(value).strip().lower())
        holder[name] = told if told in INTERACTIONS else "other"
        return True
    needing = {"correctResponsesPattern", *COMPONENT_LISTS}
    if name != "definition" or not isinstance(value, dict):
        return False
    if "interactionType" in value or not needing & value.keys():
        return False
    value["interactionType"] = "other"
    return True


def _language(holder: Holder, name: Name) -> bool:
    """Mend a language tag: the key of a language map, or `context.language`."""
    value = holder[name]
    tag = value if name == "language" else name
    if not isinstance(tag, str) or not isinstance(value, str):
        return False
    told = tag.strip().replace("_", "-") or "und"
    if told == tag or told in holder:
        return False
    if name == "language":
        holder[name] = told
    else:
        holder[told] = holder.pop(name)
    return True


def _language_map(holder: Holder, name: Name) -> bool:
    if name not in MAPS or not isinstance(holder[name], str):
        return False
    holder[name] = {"und": holder[name]}
    return True


def _number(holder: Holder, name: Name) -> bool:
    text = holder[name]
    if name not in {"scaled", "raw", "min", "max", "length"} or not isinstance(text, str):
        return False
    if not _NUMBER.fullmatch(text.strip()):
        return False
    exact = Decimal(text.strip())
    holder[name] = int(exact) if exact == exact.to_integral_value() else exact
    return True


def _boolean(holder: Holder, name: Name) -> bool:
    told = _BOOLEANS.get(str(holder[name]).strip().lower())
    if name not in {"success", "completion"} or isinstance(holder[name], bool) or told is None:
        return False
    holder[name] = told
    return True


def _response(holder: Holder, name: Name) -> bool:
    if name != "response" or isinstance(holder[name], str):
        return False
    holder[name] = dump_text(holder[name]).decode("utf-8")
    return True


def _duration(holder: Holder, name: Name) -> bool:
    if name != "duration":
        return False
    text = str(holder[name]).strip()
    if isinstance(holder[name], bool):
        return False
    if _NUMBER.fullmatch(text) and not text.startswith("-"):
        holder[name] = f"PT{text}S"
    elif found := _CLOCK.fullmatch(text):
        holder[name] = f"PT{int(found[1])}H{int(found[2])}M{found[3]}S"
    else:
        return False
    return True


def _timestamp(holder: Holder, name: Name) -> bool:
    text = holder[name]
    if name not in {"timestamp", "stored"} or not isinstance(text, str):
        return False
    told = re.sub(r"^(\d{4}-\d\d-\d\d)[ t](?=\d\d:)", r"\1T", text.strip())
    date, _, time = told.partition("T")
    time = _ZONE.sub(lambda one: f"{one[1]}:{one[2] or '00'}", time.upper())
    told = f"{date}T{time}" + ("" if re.search(r"(?:Z|[+-]\d\d:\d\d)$", time) else "Z")
    if told == text or not time:
        return False
    holder[name] = told
    return True


UNKNOWN: Final = "unknown-property"
REPAIRS: Final[Mapping[str, Fix]] = {
    "null": _null,
    "object-type": _object_type,
    "bare-guid": _guid,
    "iri-characters": _iri,
    "mbox": _mbox,
    "score-range": _score_range,
    "interaction-type": _interaction,
    "language-map": _language_map,
    "language-tag": _language,
    "number-as-text": _number,
    "boolean-as-text": _boolean,
    "response": _response,
    "duration": _duration,
    "timestamp": _timestamp,
}
NAMES: Final = (*REPAIRS, UNKNOWN)
