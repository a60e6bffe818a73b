"""SCORM 2004 sequencing (IMS Simple Sequencing, ADL extensions) as scorm-again's activity tree.

The engine runs in the player; here a manifest's `imsss:sequencing` becomes its `ActivitySettings`, values as
in the manifest, defaults left to the engine. What an item takes from a sequencing collection by IDRef is put
in here (CAM 5.1.1: the item's own elements replace the collection's), because the engine's collections know
neither delivery controls nor limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from lrs.content.packages.findings import Findings
from lrs.content.packages.model import Item, Json
from lrs.content.packages.words import clean, number, truth
from lrs.content.packages.xml_tree import Node

IMSSS: Final = "http://www.imsglobal.org/xsd/imsss"
ADLSEQ: Final = "http://www.adlnet.org/xsd/adlseq_v1p3"
MOST_IN_ONE: Final = 1_000  # rules, objectives or conditions of one item

Read = Callable[[str], Any]


def _boolean(text: str) -> bool:
    return truth(text, default=False)


def _whole(text: str) -> int | None:
    value = number(text)
    return None if value is None or value < 0 else int(value)


# element -> attribute -> how it is read; a name in () is what the engine calls it.
CONTROL_MODE: Final[Mapping[str, Read]] = dict.fromkeys(
    (
        "choice",
        "choiceExit",
        "flow",
        "forwardOnly",
        "useCurrentAttemptObjectiveInfo",
        "useCurrentAttemptProgressInfo",
    ),
    _boolean,
)
ROLLUP_WEIGHTS: Final[Mapping[str, Read]] = {
    "rollupObjectiveSatisfied": _boolean,
    "rollupProgressCompletion": _boolean,
    "objectiveMeasureWeight": number,
}
RANDOMIZATION: Final[Mapping[str, Read]] = {
    "randomizationTiming": clean,
    "selectionTiming": clean,
    "selectCount": _whole,
}
CHOICE_LIMITS: Final[Mapping[str, Read]] = {"preventActivation": _boolean, "constrainChoice": _boolean}
DELIVERY: Final[Mapping[str, Read]] = dict.fromkeys(
    ("tracked", "completionSetByContent", "objectiveSetByContent"), _boolean
)
LIMITS: Final[Mapping[str, Read]] = {
    "attemptLimit": _whole,
    "attemptAbsoluteDurationLimit": clean,
    "activityAbsoluteDurationLimit": clean,
    "beginTimeLimit": clean,
    "endTimeLimit": clean,
}
CONSIDERATIONS: Final[Mapping[str, Read]] = {
    "requiredForSatisfied": clean,
    "requiredForNotSatisfied": clean,
    "requiredForCompleted": clean,
    "requiredForIncomplete": clean,
    "measureSatisfactionIfActive": _boolean,
}
THRESHOLD: Final[Mapping[str, Read]] = {
    "completedByMeasure": _boolean,
    "minProgressMeasure": number,
    "progressWeight": number,
}
# What an objective reads of a global one unless its map says otherwise (SN 3.10.2; ADL's from 4th edition).
IMSSS_MAP: Final = ("SatisfiedStatus", "NormalizedMeasure")
ADL_MAP: Final = ("CompletionStatus", "ProgressMeasure", "RawScore", "MinScore", "MaxScore")
MAP_INFO: Final[Mapping[str, Read]] = dict.fromkeys(
    (f"{way}{what}" for way in ("read", "write") for what in IMSSS_MAP + ADL_MAP), _boolean
)
SHARED_DATA: Final[Mapping[str, Read]] = {
    "targetID": str.strip,
    "readSharedData": _boolean,
    "writeSharedData": _boolean,
}
RULES: Final[Mapping[str, str]] = {
    "preConditionRule": "preConditionRules",
    "exitConditionRule": "exitConditionRules",
    "postConditionRule": "postConditionRules",
}


def sequencing_of(organization: Node, root: Item, manifest: Node, findings: Findings, path: str) -> Json:
    """Return scorm-again's SequencingSettings of an organization, one activity for each item of `root`."""
    collections = {
        each.get("ID"): each
        for holder in manifest.all("sequencingCollection")
        for each in holder.all("sequencing")
    }
    return {"activityTree": _Tree(collections, path, findings).activity(organization, root)}


class _Tree:
    """Walks manifest and items side by side."""

    def __init__(self, collections: Mapping[str, Node], path: str, findings: Findings) -> None:
        self._collections = collections
        self._path = path
        self._findings = findings

    def activity(self, node: Node, item: Item) -> Json:
        title = next(iter(item.title.values()), item.id)
        settings: Json = {"id": item.id, "title": title, "isVisible": item.visible}
        settings |= sequencing_settings(self._effective(node), item.id)
        _put(settings, "completionThreshold", _threshold(node.first("completionThreshold")))
        _put(settings, "hideLmsUi", list(item.scorm.hide_lms_ui) if item.scorm else [])
        _put(settings, "sharedDataMaps", _shared_data(node))
        if item.scorm and item.scorm.time_limit_action:
            settings["timeLimitAction"] = item.scorm.time_limit_action
        pairs = zip(node.all("item"), item.children, strict=True)
        _put(settings, "children", [self.activity(child, below) for child, below in pairs])
        return settings

    def _effective(self, node: Node) -> list[Node]:
        """Return the sequencing elements of an item, its collection's first where its own replace none."""
        sequencing = node.first("sequencing")
        if sequencing is None:
            return []
        reference = sequencing.get("IDRef")
        shared = self._collections.get(reference)
        if reference and shared is None:
            text = f"The sequencing {clean(reference)!r} is not in the manifest; it is left out."
            self._findings.warning("sequencing-missing", f"{self._path}:{sequencing.line}", text)
        own = {(child.namespace, child.name) for child in sequencing.children}
        taken = [] if shared is None else shared.children
        return [each for each in taken if (each.namespace, each.name) not in own] + sequencing.children


def sequencing_settings(elements: Iterable[Node], item_id: str) -> Json:
    """Return the ActivitySettings that the elements of one `imsss:sequencing` amount to."""
    by_name: dict[str, Node] = {}
    extended: dict[str, Node] = {}
    for element in elements:
        (extended if element.namespace == ADLSEQ else by_name)[element.name] = element
    settings: Json = _given(by_name.get("limitConditions"), LIMITS)
    controls = (
        _given(by_name.get("controlMode"), CONTROL_MODE)
        | _given(by_name.get("rollupRules"), ROLLUP_WEIGHTS)
        | _randomization(by_name.get("randomizationControls"))
        | _given(extended.get("constrainedChoiceConsiderations"), CHOICE_LIMITS)
    )
    _put(settings, "sequencingControls", controls)
    _put(settings, "deliveryControls", _given(by_name.get("deliveryControls"), DELIVERY))
    _put(settings, "rollupConsiderations", _given(extended.get("rollupConsiderations"), CONSIDERATIONS))
    _put(settings, "sequencingRules", _rules(by_name.get("sequencingRules")))
    _put(settings, "rollupRules", _rollup(by_name.get("rollupRules")))
    settings |= _objectives(by_name.get("objectives"), extended.get("objectives"), item_id)
    return settings


def passing_score(node: Node) -> float | None:
    """Return an item's own scaled passing score: the primary objective's, where it decides by measure."""
    sequencing = node.first("sequencing")
    objectives = None if sequencing is None else sequencing.first("objectives", IMSSS)
    primary = None if objectives is None else objectives.first("primaryObjective")
    if primary is None or not truth(primary.get("satisfiedByMeasure"), default=False):
        return None
    score = number(primary.text_of("minNormalizedMeasure") or "1.0")
    return score if score is not None and -1 <= score <= 1 else None


def _put(settings: Json, name: str, value: Any) -> None:
    if value:
        settings[name] = value


def _given(node: Node | None, table: Mapping[str, Read]) -> Json:
    """Return the attributes that are given and readable."""
    if node is None:
        return {}
    read = {name: table[name](node.get(name)) for name in table if node.get(name)}
    return {name: value for name, value in read.items() if value is not None}


def _randomization(node: Node | None) -> Json:
    settings = _given(node, RANDOMIZATION)
    if node is not None and truth(node.get("reorderChildren"), default=False):
        settings["randomizeChildren"] = True  # the engine keeps `reorderChildren` for its own state
    return settings


def _threshold(node: Node | None) -> Json:
    if node is None:
        return {}
    if node.text:  # 2nd and 3rd edition: the measure is the element's text
        measure = number(node.text)
        return {} if measure is None else {"completedByMeasure": True, "minProgressMeasure": measure}
    return _given(node, THRESHOLD)


def _shared_data(node: Node) -> list[Json]:
    data = node.first("data")
    return [] if data is None else [_given(each, SHARED_DATA) for each in data.all("map")][:MOST_IN_ONE]


def _rules(node: Node | None) -> Json:
    rules: Json = {}
    for element, name in RULES.items() if node is not None else ():
        found = [_rule(each) for each in node.all(element)][:MOST_IN_ONE] if node is not None else []
        _put(rules, name, [rule for rule in found if rule])
    return rules


def _rule(node: Node) -> Json:
    action, holder = node.first("ruleAction"), node.first("ruleConditions")
    if action is None or holder is None:
        return {}
    return {
        "action": clean(action.get("action")),
        "conditionCombination": clean(holder.get("conditionCombination", "all")),
        "conditions": [_condition(each) for each in holder.all("ruleCondition")][:MOST_IN_ONE],
    }


def _condition(node: Node) -> Json:
    condition: Json = {"condition": clean(node.get("condition"))}
    if node.get("operator") == "not":
        condition["operator"] = "not"
    _put(condition, "referencedObjective", node.get("referencedObjective"))
    threshold = number(node.get("measureThreshold"))
    if threshold is not None:
        condition["parameters"] = {"threshold": threshold}
    return condition


def _rollup(node: Node | None) -> Json:
    rules = [] if node is None else [_rollup_rule(each) for each in node.all("rollupRule")][:MOST_IN_ONE]
    return {"rules": [rule for rule in rules if rule]} if any(rules) else {}


def _rollup_rule(node: Node) -> Json:
    action, holder = node.first("rollupAction"), node.first("rollupConditions")
    if action is None or holder is None:
        return {}
    rule: Json = {
        "action": clean(action.get("action")),
        "consideration": clean(node.get("childActivitySet", "all")),
        "conditionCombination": clean(holder.get("conditionCombination", "any")),
        "conditions": [_condition(each) for each in holder.all("rollupCondition")][:MOST_IN_ONE],
    }
    return rule | _given(node, {"minimumCount": _whole, "minimumPercent": number})


def _objectives(node: Node | None, extended: Node | None, item_id: str) -> Json:
    """Return primary and other objectives, ADL's further map entries joined to those of their ids."""
    further: dict[str, list[Node]] = {}
    for each in extended.all("objective") if extended is not None else ():
        further.setdefault(each.get("objectiveID"), []).append(each)
    settings: Json = {}
    primary = None if node is None else node.first("primaryObjective")
    if primary is not None:
        # The engine leaves out an objective without an id; an unnamed primary one gets a name of its own.
        settings["primaryObjective"] = _objective(primary, further, f"{item_id}.primary")
    others = [] if node is None else [_objective(each, further, "") for each in node.all("objective")]
    _put(settings, "objectives", [each for each in others if each["objectiveID"]][:MOST_IN_ONE])
    return settings


def _objective(node: Node, further: Mapping[str, list[Node]], unnamed: str) -> Json:
    identifier = node.get("objectiveID")
    objective: Json = {"objectiveID": identifier or unnamed}
    if truth(node.get("satisfiedByMeasure"), default=False):
        objective["satisfiedByMeasure"] = True
    measure = number(node.text_of("minNormalizedMeasure"))
    if measure is not None:
        objective["minNormalizedMeasure"] = measure
    elif "satisfiedByMeasure" in objective:
        objective["minNormalizedMeasure"] = 1.0  # the default of the specification
    _put(objective, "mapInfo", _maps(node, further.get(identifier, [])))
    return objective


def _maps(node: Node, further: list[Node]) -> list[Json]:
    """Return one map entry for each global objective, with every read spelled out.

    The engine reads all values where an entry leaves them open, the specification only those of the element
    that is there.
    """
    entries: dict[str, Json] = {}
    for holder, reads in [(node, IMSSS_MAP), *((each, ADL_MAP) for each in further)]:
        for each in holder.all("mapInfo"):
            target = each.get("targetObjectiveID")
            if target and len(entries) < MOST_IN_ONE:
                entry = entries.setdefault(target, _nothing_read(target))
                entry |= dict.fromkeys((f"read{what}" for what in reads), True) | _given(each, MAP_INFO)
    return list(entries.values())


def _nothing_read(target: str) -> Json:
    return {"targetObjectiveID": target} | {f"read{what}": False for what in IMSSS_MAP + ADL_MAP}
