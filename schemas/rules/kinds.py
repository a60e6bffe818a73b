"""Kinds of document, from certification to engagement (cert#2.2 to cert#2.13)."""

from __future__ import annotations

from collections.abc import Callable

from schemas.rules.demands import GATE_DEMAND, TIER_DEMAND
from schemas.rules.evidence import EVIDENCE
from schemas.rules.keywords import (
    BOOLEAN,
    COUNT,
    Field,
    Schema,
    by_type,
    choice,
    described,
    either,
    list_of,
    mapping,
    may,
    must,
    needs,
    one_or_list,
    record,
    ref,
    when,
)
from schemas.rules.requirements import REQUIREMENT, STANDING
from schemas.rules.scalars import (
    COUNTED_FROM,
    DATE,
    DURATION,
    ID,
    LANGUAGE,
    LASTS,
    LENGTH,
    LEVEL,
    LINK,
    MONTH_DAY,
    REASONS,
    RELEASE,
    SETTLE,
    STATUS,
    TEXT,
    VERSION,
    ZONE,
)

_EVENTS = (
    "award.issued", "award.renewed", "award.renewal_open", "award.grace", "award.expired", "award.suspended",
    "award.reinstated", "award.revoked", "award.withdrawn", "award.extended", "award.corrected",
    "review.opened", "review.closed", "credential.issued", "credential.status_changed", "tier.at_risk",
    "tier.changed", "gate.answered", "rules.published", "release.published",
)  # fmt: skip
_MODE = may(
    "mode",
    choice("active", "evaluate", "disabled"),
    "active; evaluate: decisions are recorded, nothing is issued or enforced; disabled: no new decisions",
)


def _head(kind: str, title: Callable[[str, Schema, str], Field] = may) -> tuple[Field, ...]:
    """Return the keys that each document begins with."""
    return (
        must("kind", {"const": kind}, "what the document defines"),
        must("id", ID, "name of the document, unique for its kind and never reused"),
        must("version", VERSION, 'quoted string such as "3"; unique for the id'),
        title("title", TEXT, "name shown to people"),
        may("effective_from", DATE, "first day on which this version applies; default: the day of apply"),
        may(
            "translations",
            mapping(LANGUAGE, mapping(TEXT, TEXT)),
            "by language, what titles, labels and names of this document are called in it",
        ),
    )


def _tests(test: str) -> Field:
    return may("tests", list_of(ref(test), empty=True), "examples that must hold; run by `lrs rules test`")


_APPROVAL = record(must("group", ID, "group whose members approve"))
_READMISSION = record(
    must("group", ID, "group whose members may agree"),
    may(
        "after",
        list_of(choice(*REASONS), unique=True),
        "reasons of the revocations that ask for it; default: each",
    ),
)
_AWARD = record(
    must("when", REQUIREMENT, "what makes the award"),
    may("within", DURATION, "span that all evidence must fit in"),
    may("approval", _APPROVAL, "a member of the group must approve"),
    may("cooling_off", DURATION, "wait after a revocation"),
    may("readmission", _READMISSION, "a new award after a revocation only when a person agrees"),
)

_VALIDITY = record(
    must("lasts", LASTS, "length of a period, or forever"),
    may("counted_from", COUNTED_FROM),
    may("due", DATE, "a first award on or before this day is counted from it; only with previous_expiry"),
    may("fixed", DATE, "one of the common expiry dates; only with fixed_date"),
    may("minimum", DURATION, "shortest period; only with fixed_date"),
    may("timezone", ZONE, "programme zone"),
    may("while", STANDING, "certifications that have to be held as long as it is valid"),
    may("otherwise", choice("suspend", "end"), "what happens while they are not held; only with while"),
    where=(
        needs("otherwise", "while", "what has to hold"),
        when(
            "counted_from",
            "fixed_date",
            needs="fixed",
            what="one of the common expiry dates",
            only=("fixed", "minimum"),
        ),
        when("counted_from", "previous_expiry", only=("due",)),
    ),
)

_RENEWAL = record(
    may("opens", DURATION, "window opens this long before the end"),
    may("grace", DURATION, "renewal accepted this long after the end"),
    may("counted_from", COUNTED_FROM),
    may("when", REQUIREMENT, "what renews; default award.when"),
)

_WHEN_RELEASE = record(
    must("product", ID, "product whose releases trigger the rule"),
    must("level", one_or_list(LEVEL), "levels that trigger the rule"),
)
_RELEASE_RULE = record(
    must("when_release", _WHEN_RELEASE, "which releases"),
    may("affects", choice("awarded_before_release", "all"), "which periods"),
    must("ends_after", DURATION, "from publication to the deadline"),
    must("unless", REQUIREMENT, "what keeps the period"),
    may("reinstates_within", DURATION, "how long after the deadline `unless` still restores the period"),
)

_ON_VOIDED = record(
    may(
        "action",
        choice("recompute", "suspend", "review", "revoke"),
        "what happens to an award that no longer stands",
    ),
    may("settle", SETTLE, "wait after a voiding"),
    may("chain", BOOLEAN, "voided evidence of a superseded period re-decides the later ones too"),
    may("revoke_after", DURATION, "an uncured hold becomes a revocation; only with suspend"),
    where=(when("action", "suspend", only=("revoke_after",)),),
)

_EXISTING = by_type(
    "object",
    record(must("must_upgrade_by", DATE, "older periods end on this day")),
    choice("keep", "re_evaluate") | {"x-also": "{must_upgrade_by: YYYY-MM-DD}"},
)
_IN_FLIGHT = record(must("finish_old_until", DATE, "last day to finish by the old version"))
_TRANSITION = record(
    may("existing", _EXISTING, "keep, re_evaluate, or {must_upgrade_by: date}"),
    may("in_flight", _IN_FLIGHT, "persons under way"),
)

_NOTICE = record(
    may("before_expiry", list_of(DURATION), "how long before the end"),
    may("before_due", list_of(DURATION), "how long before the day on which a target is due; 0 days: on it"),
    may("after_due", list_of(DURATION), "how long after the day on which a target was due"),
    may("events", list_of(choice(*_EVENTS)), "events"),
    must(
        "to",
        list_of(choice("holder", "partner_admin", "programme_owner"), unique=True),
        "who gets the message",
    ),
    may("max_age", DURATION, "what is older is not told any more; default 31 days"),
    where=(either("before_expiry", "before_due", "after_due", "events"),),
)

_ASSIGNMENT_NOTICE = record(
    may("before_due", list_of(DURATION), "how long before the day on which it is due; 0 days: on it"),
    may("after_due", list_of(DURATION), "how long after the day on which it was due"),
    must(
        "to",
        list_of(choice("holder", "partner_admin", "programme_owner"), unique=True),
        "who gets the message",
    ),
    may("max_age", DURATION, "what is older is not told any more; default 31 days"),
    where=(either("before_due", "after_due"),),
)

_WHOM = (
    may("role", ID, "role of the person's primary affiliation"),
    may("partner", one_or_list(ID), "organizations whose people are asked"),
    may("region", one_or_list(TEXT), "regions of organizations whose people are asked"),
    may("tier", ID, "lowest tier of the organization; needs programme"),
    may("programme", ID, "programme whose tier it is"),
    may("hired_since", DATE, "first day in the organization, or later"),
    may("hired_until", DATE, "last day on which somebody may have begun there"),
    may("group", one_or_list(ID), "groups whose members are asked"),
    may("person", one_or_list(TEXT), "people who are asked: an id, an address or an identifier"),
)
_WHOM_TOGETHER = (
    needs("tier", "programme", "whose tier it is"),
    needs("programme", "tier", "the lowest one whose people are asked"),
    {
        "if": {"not": {"anyOf": [{"required": [key.name]} for key in _WHOM if key.name != "programme"]}},
        "then": {
            "required": ["role"],
            "x-message": "role, partner, region, tier, hired_since, hired_until, group or person is missing",
        },
    },
)
_TARGET = record(
    *_WHOM,
    may("due_within", DURATION, "from when it is asked to the day on which it is due"),
    may("due_on", DATE, "the day on which it is due; not with due_within"),
    where=(
        *_WHOM_TOGETHER,
        {
            "if": {"required": ["due_within"]},
            "then": {"not": {"required": ["due_on"]}, "x-conflict": ["due_within", "due_on"]},
        },
    ),
)
_EXEMPTION = record(
    *_WHOM,
    must("reason", TEXT, "why it is not asked of them, in words they may read"),
    may("until", DATE, "last day of the exemption; default: without end"),
    where=_WHOM_TOGETHER,
)

_SKILL = record(
    must("name", TEXT, "what the skill is called"),
    must("url", LINK, "its address in a framework, such as those of ESCO or a CASE item"),
    may("framework", TEXT, "what the framework is called"),
    may("code", TEXT, "its code there"),
)

_BADGE = record(
    may("issue", BOOLEAN, "false: no credential is issued"),
    may("description", TEXT, "words of the achievement"),
    may("criteria", TEXT, "IRI or text"),
    may("image", TEXT, "path of a picture"),
    may("skills", list_of(_SKILL), "skills that it shows, of frameworks"),
)

_CERTIFICATION = record(
    *_head("Certification", title=must),
    _MODE,
    may("role", ID, "coordinate used by tiers and gates"),
    may("product", ID, "coordinate used by tiers and gates"),
    may("level", ID, "coordinate used by tiers and gates"),
    must("evidence", EVIDENCE, "name: selector"),
    must("award", _AWARD, "what makes a first or repeated award"),
    may("max_lateness", DURATION, "longest time from timestamp to stored without a review"),
    must("validity", _VALIDITY, "how long an award is valid"),
    may("renewal", _RENEWAL, "renewal window and conditions"),
    may(
        "release_rules",
        list_of(_RELEASE_RULE, empty=True),
        "what releases of a product do to running periods",
    ),
    may("on_voided", _ON_VOIDED, "what voided evidence does"),
    may("transition", _TRANSITION, "what a new version does to awards of older ones"),
    may("targets", list_of(_TARGET, empty=True), "who is asked to hold it, and by when"),
    may("notices", list_of(_NOTICE, empty=True), "messages to people"),
    may("badge", _BADGE, "achievement data of the credential"),
    _tests("certification_test"),
)

RELEASE_KEYS = (
    must("product", ID, "product"),
    must("release", RELEASE, 'quoted release such as "6" or "5.10"'),
    must("level", LEVEL),
    must("published", DATE, "day of publication"),
)
_RELEASE = record(*_head("Release"), *RELEASE_KEYS)

_PEOPLE = record(
    may("status", STATUS),
    may(
        "one_person_fills",
        choice("one_requirement", "many"),
        "whether one person may fill several demands of a tier",
    ),
    may("counted_at", choice("primary_affiliation"), "where a person counts"),
    may("organizations", choice("own", "subtree"), "whose people count"),
)
_CHANGES = record(
    may("promote", choice("at_once", "at_review"), "when a reached tier takes effect"),
    may("reviews", list_of(MONTH_DAY), "review dates; only with at_review"),
    may("demote_after", DURATION, "how long a failing tier is kept"),
    where=(when("promote", "at_review", needs="reviews", what="a list of MM-DD", only=("reviews",)),),
)
_PARTNER_TIERS = record(
    *_head("PartnerTiers"),
    _MODE,
    must("order", list_of(ID, unique=True), "tiers from lowest to highest"),
    may("timezone", ZONE, "programme zone"),
    may("people", _PEOPLE, "which people count"),
    may("tiers", mapping(ID, TIER_DEMAND, empty=True), "tier: demands; each tier but the first"),
    may("changes", _CHANGES, "when tiers rise and fall"),
    _tests("tiers_test"),
)

_GATE = record(
    *_head("Gate"),
    _MODE,
    must("subject", ID, "the object asked about, such as deal"),
    may("tiers", ID, "programme whose tiers tier_at_least means"),
    must("allow_when", GATE_DEMAND, "conditions"),
    must("refusal", TEXT, "sentence shown with a refusal; may hold {subject.field}"),
    _tests("gate_test"),
)

_FRAGMENT = record(
    *_head("Fragment"),
    must("evidence", EVIDENCE, "name: selector"),
    must("requirements", mapping(ID, REQUIREMENT), "name: requirement"),
)

_WINDOW = record(
    may("opens", DATE, "first day on which it is asked"),
    may("closes", DATE, "last day on which it can be met"),
    empty=False,
)
_ASSIGNMENT = record(
    *_head("Assignment", title=must),
    _MODE,
    may("timezone", ZONE, "programme zone"),
    may("evidence", EVIDENCE, "name: selector"),
    must("path", list_of(REQUIREMENT), "what has to be done, in the order in which it is shown"),
    must("targets", list_of(_TARGET), "whom it is asked of, and by when"),
    may("window", _WINDOW, "the days on which it can be met"),
    may("exempt", list_of(_EXEMPTION, empty=True), "whom it is not asked of all the same, and why"),
    may("managers_may_exempt", DURATION, "how long partners' managers may take it off their people"),
    may("notices", list_of(_ASSIGNMENT_NOTICE, empty=True), "reminders, and who is told when it is late"),
    _tests("assignment_test"),
)

_QUESTION = record(
    must("id", ID, "name of the question; it keeps what a person answered when the words change"),
    must("ask", TEXT, "the question"),
    must("answers", list_of(TEXT, unique=True) | {"minItems": 2, "maxItems": 8}, "what can be chosen"),
    must("right", TEXT, "the answer that is right, as it stands among the answers"),
    may("because", TEXT, "what is shown once it is answered"),
)
_RECALL = record(
    *_head("Recall", title=must),
    _MODE,
    must("certification", ID, "who holds it is asked"),
    may("timezone", ZONE, "programme zone"),
    may(
        "intervals", list_of(LENGTH), "pauses before a question comes back, from the shortest to the longest"
    ),
    may("a_day", COUNT | {"maximum": 20}, "questions a day at most; default 3"),
    must("questions", list_of(_QUESTION), "what is asked"),
)

_POINTS = record(
    may("certification", COUNT | {"maximum": 10000}, "for each award"),
    may("renewal", COUNT | {"maximum": 10000}, "for each renewal"),
    may(
        "content",
        COUNT | {"maximum": 10000},
        "for each course of the library that is finished, once a season",
    ),
    may("question", COUNT | {"maximum": 10000}, "for each question answered right"),
    empty=False,
)
_SEASON = record(
    must("id", ID, "name of the season"),
    must("title", TEXT, "what people call it"),
    must("from", DATE, "first day"),
    must("until", DATE, "last day"),
    must("points", _POINTS, "what brings how many points"),
)
_MILESTONE = record(
    must("id", ID, "name of the milestone"),
    must("title", TEXT, "what people call it"),
    may("certifications", COUNT, "so many certifications, each once"),
    may("contents", COUNT, "so many courses of the library finished, each once"),
    may("products", by_type("string", choice("all"), COUNT), "certifications of so many products, or of all"),
    may("questions", COUNT, "so many questions answered right"),
    where=(either("certifications", "contents", "products", "questions"),),
)
_BOARDS = record(
    may("top", COUNT | {"maximum": 100}, "places that are shown at most; default 10"),
    may("fewest", COUNT | {"minimum": 3}, "people without whom nothing is shown; default 5"),
)
_ENGAGEMENT = record(
    *_head("Engagement", title=must),
    _MODE,
    may("timezone", ZONE, "programme zone"),
    may("seasons", list_of(_SEASON), "the days on which things bring points"),
    may("boards", _BOARDS, "what leaderboards show"),
    may("milestones", list_of(_MILESTONE), "badges for so many things, once and for good"),
    where=(
        {
            "if": {"not": {"required": ["seasons"]}},
            "then": {"required": ["milestones"], "x-message": "seasons or milestones is missing"},
        },
    ),
)

KINDS: dict[str, Schema] = {
    "Certification": described(_CERTIFICATION, "a certification"),
    "Release": described(_RELEASE, "a published version of a product"),
    "PartnerTiers": described(_PARTNER_TIERS, "a partner programme"),
    "Gate": described(_GATE, "a yes/no question another system asks"),
    "Fragment": described(_FRAGMENT, "selectors and requirements for other documents"),
    "Assignment": described(_ASSIGNMENT, "a path that is asked of people"),
    "Recall": described(_RECALL, "questions that come back after a certification"),
    "Engagement": described(_ENGAGEMENT, "seasons, leaderboards and milestones"),
}

DEFINITIONS: dict[str, Schema] = {kind.lower(): schema for kind, schema in KINDS.items()}
