"""Every code of cert#3-4, with the place and the words of its problem."""

from __future__ import annotations

import datetime as dt

import pytest
from places import DEMO_RULES

from rules.checking.check import PublishedNames, SeenActivities, check
from rules.checking.load import Loaded, load
from rules.errors import Problem
from rules.language.dump import document_hash
from rules.language.suggestions import Suggestions
from rules.testing.files import check_files

CERTIFICATION = """\
kind: Certification
id: sales-pro
version: "3"
title: Sales Professional
evidence:
  demo: {verb: completed, activity: "https://acme.example/demo"}
  exam: {verb: passed, activity: "https://acme.example/exam"}
award:
  when:
    all:
      - done: demo
      - score: exam
        at_least: 0.80
validity:
  lasts: 12 months
tests:
  - name: nothing yet
    expect:
      - {who: ana, at: 2026-01-01, status: in_progress}
"""
TIERS = """\
kind: PartnerTiers
id: acme
version: "1"
order: [registered, silver, gold]
tiers:
  silver:
    all: [{people_holding: {role: sales}, at_least: 1}]
  gold:
    all: [{people_holding: {certification: sales-pro}, at_least: 2}]
tests:
  - name: nobody
    roster: {north: []}
    expect: {north: registered}
"""
GATE = """\
kind: Gate
id: deal
version: "1"
subject: deal
tiers: acme
allow_when:
  all:
    - tier_at_least: silver
    - submitter_holds: {role: sales, product: "{deal.product}"}
refusal: "Not for {deal.product}."
tests:
  - name: refused
    expect:
      - {organization: north, submitter: ana, answer: refuse, deal: {product: x}}
"""
RELEASE = """\
kind: Release
id: acme-6
version: "1"
product: acme
release: "6"
level: major
published: 2026-06-01
"""
FRAGMENT = """\
kind: Fragment
id: basics
version: "1"
evidence:
  intro: {verb: completed, activity: "https://acme.example/intro"}
requirements:
  introduced: {done: intro}
"""
ASSIGNMENT = """\
kind: Assignment
id: launch
version: "1"
title: Launch
evidence:
  tour: {verb: completed, activity: "https://acme.example/tour"}
path:
  - {done: tour, label: Product tour}
  - {holds: sales-pro}
targets:
  - {role: sales, tier: silver, programme: acme, due_within: 30 days}
window: {opens: 2026-02-01, closes: 2026-06-30}
tests:
  - name: nobody
    expect:
      - {who: ana, at: 2026-03-01, status: null}
"""
BASES = {"C": CERTIFICATION, "T": TIERS, "G": GATE, "R": RELEASE, "F": FRAGMENT, "A": ASSIGNMENT}


def problems(text: str, *others: str, published: PublishedNames | None = None) -> list[Problem]:
    """Check one text, with others beside it, and return its own problems but for missing tests."""
    loaded = [load(text, "a.yaml"), *(load(each, f"{i}.yaml") for i, each in enumerate(others))]
    return [each for each in check(loaded, published) if each.file == "a.yaml"]


def edited(base: str, old: str, new: str) -> str:
    text = BASES[base]
    assert old in text
    return text.replace(old, new, 1)


def lines(text: str, *others: str, published: PublishedNames | None = None) -> list[str]:
    return [str(each) for each in problems(text, *others, published=published)]


@pytest.mark.parametrize("base", BASES)
def test_a_sound_document_has_no_problem(base: str) -> None:
    assert lines(BASES[base], *(text for key, text in BASES.items() if key != base)) == []


SHAPE = [
    # E103 to E104
    ("C", "title:", "id: x\ntitle:", "4:1 id: the key id is there already, in line 2 [E103]"),
    ("C", '"3"', "!!str 3", "3:10: the tag tag:yaml.org,2002:str is not allowed; values need no tags [E104]"),
    ("C", "kind:", "kind: Gate\n---\nkind:", "2:1: more than one document in the file; write one file for each [E104]"),
    # E201 unknown kind or key
    ("C", "kind: Certification", "kind: certification", "1:7 kind: unknown kind certification (did you mean Certification?) [E201]"),
    ("C", "title:", "titel: x\ntitle:", "4:1 titel: unknown key titel (did you mean title?) [E201]"),
    ("C", "title:", "<<: {}\ntitle:", "4:1 [\"<<\"]: merge keys are not read; write the keys out [E201]"),
    ("C", "- done: demo", "- don: demo", "11:9 award.when.all[0].don: unknown key don (did you mean done?) [E201]"),
    ("C", "verb: completed,", "verbs: completed, verb: completed,", "6:10 evidence.demo.verbs: unknown key verbs (did you mean verb?) [E201]"),
    ("R", "level: major", "level: major\nmode: active", "7:1 mode: unknown key mode [E201]"),
    ("F", "evidence:", "tests: []\nevidence:", "4:1 tests: unknown key tests [E201]"),
    ("G", "deal: {product: x}", "deel: {product: x}", "14:63 tests[0].expect[0].deel: unknown key deel (did you mean deal?) [E201]"),
    ("C", "who: ana, at", "who: ana, statu: active, at", "19:20 tests[0].expect[0].statu: unknown key statu (did you mean status?) [E201]"),
    # a word for another one, a key that stands elsewhere
    ("C", "    all:", "    and:", "10:5 award.when.and: unknown key and (did you mean all?) [E201]"),
    ("C", "- done: demo", "- or: [demo]", "11:9 award.when.all[0].or: unknown key or (did you mean any?) [E201]"),
    ("C", "- done: demo", "- complete: demo", "11:9 award.when.all[0].complete: unknown key complete (did you mean done?) [E201]"),
    ("C", "lasts: 12 months", "lasts: 12 months\n  renewal: {}", "16:3 validity.renewal: unknown key renewal here; it stands at the top [E201]"),
    ("C", "title:", "lasts: 12 months\ntitle:", "4:1 lasts: unknown key lasts here; it stands under validity [E201]"),
    ("C", "- done: demo", "- {done: demo, within: 1 month}", "11:22 award.when.all[0].within: within does not go with done (did you mean award.within?) [E308]"),
    # E202 missing key: the mapping that lacks it
    ("C", "title: Sales Professional\n", "", "1:1 title: title is missing [E202]"),
    ("C", "  lasts: 12 months", "  timezone: UTC", "15:3 validity.lasts: lasts is missing [E202]"),
    ("C", "verb: completed, ", "", "6:9 evidence.demo.verb: verb is missing [E202]"),
    ("C", "- done: demo", "- label: Demo", "11:9 award.when.all[0]: one of all, any, of, done, score, holds, count, sum, in_order, another, in_turn or use is missing [E202]"),
    ("C", "        at_least: 0.80\n", "", "12:9 award.when.all[1].at_least: at_least is missing [E202]"),
    ("T", "  gold:\n    all: [{people_holding: {certification: sales-pro}, at_least: 2}]\n", "", "6:3 tiers.gold: the demands of the tier gold are missing [E202]"),
    # E203 wrong type
    ("C", '"3"', "3.10", '3:10 version: the number 3.10 stands where a quoted string is expected (did you mean "3.10"?) [E203]'),
    ("R", '"6"', "6", '5:10 release: the number 6 stands where a quoted string is expected (did you mean "6"?) [E203]'),
    ("C", "12 months", "12", "15:10 validity.lasts: the number 12 stands where a duration such as 12 months, or forever, is expected (did you mean 12 months?) [E203]"),
    ("C", "0.80", '"80 %"', "13:19 award.when.all[1].at_least: the string 80 % stands where a number is expected (did you mean 0.80?) [E203]"),
    ("C", "title: Sales Professional", "title:", "4:1 title: nothing stands where a string is expected [E203]"),
    ("C", "title:", "1: x\ntitle:", '4:1: keys are strings, not 1 (did you mean "1"?) [E203]'),
    ("C", "title:", "? [a]\n: x\ntitle:", "4:3: keys are strings, not a list [E203]"),
    ("C", "- done: demo", "- [demo]", "11:9 award.when.all[0]: a list stands where a selector's name or a mapping such as {done: name} is expected [E203]"),
    # E204 value out of range or not in the list
    ("C", "0.80", "80", "13:19 award.when.all[1].at_least: 80 is not between 0 and 1 (did you mean 0.80?) [E204]"),
    ("C", "0.80", "1.01", "13:19 award.when.all[1].at_least: 1.01 is not between 0 and 1 (did you mean 1?) [E204]"),
    ("C", "0.80", '"0,8"', "13:19 award.when.all[1].at_least: the string 0,8 stands where a number is expected (did you mean 0.8?) [E203]"),
    ("C", "expect:", 'given: [{who: ana, verb: passed, activity: "https://acme.example/exam", score: 85, at: 2026-01-01}]\n    expect:', "18:84 tests[0].given[0].score: 85 is not between -1 and 1 (did you mean 0.85?) [E204]"),
    ("C", "0.80", "-0.1", "13:19 award.when.all[1].at_least: -0.1 is not between 0 and 1 [E204]"),
    ("C", "0.80", ".nan", "13:19 award.when.all[1].at_least: .nan is not a finite number [E204]"),
    ("C", "0.80", "0.80\n        attempt: bst", "14:18 award.when.all[1].attempt: bst is not best, latest, first or any (did you mean best?) [E204]"),
    ("C", "verb: passed", "verb: pased", "7:16 evidence.exam.verb: pased is not a known verb name and not an IRI (did you mean passed?) [E204]"),
    ("C", "12 months", "48 hours", "15:10 validity.lasts: hours are only for settle; here it is days, weeks, months or years (did you mean 2 days?) [E204]"),
    ("C", "12 months", "0 months", "15:10 validity.lasts: 0 months is too short: the length must be above zero [E204]"),
    ("C", "12 months", "900 years", "15:10 validity.lasts: 900 years is longer than 200 years [E204]"),
    ("C", "lasts: 12 months", "lasts: 12 months\n  counted_from: fixed_date\n  fixed: 2026-12-31\n  minimum: 30 days\nrenewal: {opens: 3 months}", "18:12 validity.minimum: the shortest period, 30 days, is below renewal.opens, 3 months (did you mean 3 months?) [E204]"),
    ("C", "title: Sales Professional", 'title: " "', "4:8 title: ' ' has no words [E204]"),
    ("C", "all:\n      - done: demo\n      - score: exam\n        at_least: 0.80", "all: []", "10:10 award.when.all: is empty; at least one entry is needed [E204]"),
    ("T", "at_least: 1", "at_least: 0", "7:53 tiers.silver.all[0].at_least: 0 is less than 1 (did you mean 1?) [E204]"),
    ("T", "silver, gold]", "silver, silver, gold]", "4:8 order: an entry is listed twice [E204]"),
    # E205 malformed id, duration, date, zone or IRI
    ("C", "id: sales-pro", "id: Sales Pro", "2:5 id: Sales Pro is not an id: lower-case letters, digits, - and _, a letter first, at most 64 (did you mean sales-pro?) [E205]"),
    ("F", "  introduced: {", "  Introduced: {", "7:3 requirements.Introduced: Introduced is not an id: lower-case letters, digits, - and _, a letter first, at most 64 (did you mean introduced?) [E205]"),
    ("C", "12 months", "12 mnths", "15:10 validity.lasts: 12 mnths is not a duration such as 12 months (did you mean 12 months?) [E205]"),
    ("C", "12 months", "a year", "15:10 validity.lasts: a year is not a duration such as 12 months [E205]"),
    ("R", "2026-06-01", "2026-6-1", "7:12 published: 2026-6-1 is not a date YYYY-MM-DD (did you mean 2026-06-01?) [E205]"),
    ("R", "2026-06-01", "1.6.2026", "7:12 published: 1.6.2026 is not a date YYYY-MM-DD (did you mean 2026-06-01?) [E205]"),
    ("R", "2026-06-01", "2026-02-30", "7:12 published: 2026-02-30 is not a day of the calendar [E205]"),
    ("C", "lasts: 12 months", "lasts: 12 months\n  timezone: Europe/Berln", "16:13 validity.timezone: Europe/Berln is not an IANA time zone (did you mean Europe/Berlin?) [E205]"),
    ("C", '"https://acme.example/demo"', "acme.example/demo", "6:37 evidence.demo.activity: acme.example/demo is not an absolute IRI (did you mean https://acme.example/demo?) [E205]"),
    ("C", '"https://acme.example/demo"', "https:*", "6:37 evidence.demo.activity: https:*: a prefix ending in * needs at least scheme, authority and one /, as https://acme.example/* [E205]"),
    ("C", "at: 2026-01-01,", "at: 2026-01-01 10:00,", "19:24 tests[0].expect[0].at: 2026-01-01 10:00 is not a date YYYY-MM-DD or an instant with offset (did you mean 2026-01-01T10:00:00Z?) [E205]"),
    ("C", "- done: demo", "- use: basics", "11:14 award.when.all[0].use: basics is not of the form fragment/name (did you mean fragment/basics?) [E205]"),
    # assignments, 2.11
    ("A", "role: sales, tier: silver, programme: acme, ", "", "11:5 targets[0].role: role, partner, region, tier, hired_since, hired_until, group or person is missing [E202]"),
    ("A", "due_within: 30 days", "due_within: 30 days, due_on: 2026-03-01", "11:71 targets[0].due_on: due_within does not go with due_on [E308]"),
    ("A", "due_within: 30 days", "due_on: 2026-07-01", "11:58 targets[0].due_on: 2026-07-01 is after it closes on 2026-06-30 (did you mean 2026-06-30?) [E204]"),
    ("A", "due_within: 30 days", "due_on: 2026-01-01", "11:58 targets[0].due_on: 2026-01-01 is before it opens on 2026-02-01 (did you mean 2026-02-01?) [E204]"),
    ("A", "closes: 2026-06-30", "closes: 2026-01-30", "12:37 window.closes: closes 2026-01-30 is before opens 2026-02-01 [E204]"),
    ("A", "role: sales,", "role: sales, hired_since: 2026-02-01, hired_until: 2026-01-01,", "11:57 targets[0].hired_until: hired_until 2026-01-01 is before hired_since 2026-02-01 [E204]"),
    ("A", "done: tour", "done: toor", "8:12 path[0].done: unknown selector toor (did you mean tour?) [E301]"),
    ("A", "holds: sales-pro", "done: tour", "9:5 path[1]: the missing key tour is that of path[0] too; give one of them a key [E307]"),
    ("A", "acme.example/tour", "acme.example/{release}", "6:37 evidence.tour.activity: {release} stands for nothing outside release_rules, where this selector is used [E306]"),
    ("A", "window:", "exempt: [{role: sales}]\nwindow:", "12:10 exempt[0].reason: reason is missing [E202]"),
    ("A", "status: null", "status: latte", "16:44 tests[0].expect[0].status: latte is not upcoming, not_started, in_progress, overdue, met, missed or exempt [E204]"),
    # E301 unknown selector
    ("C", "- done: demo", "- done: dmo", "11:15 award.when.all[0].done: unknown selector dmo (did you mean demo?) [E301]"),
    ("C", "- done: demo", "- dmo", "11:9 award.when.all[0]: unknown selector dmo (did you mean demo?) [E301]"),
    ("C", "- done: demo", "- {in_order: [demo, exm]}", "11:27 award.when.all[0].in_order[1]: unknown selector exm (did you mean exam?) [E301]"),
    ("C", "- done: demo", "- {done: demo, disqualified_by: exm}", "11:39 award.when.all[0].disqualified_by: unknown selector exm (did you mean exam?) [E301]"),
    # E302 tier
    ("T", "  gold:\n", "  golde: {people_holding: {role: x}, at_least: 1}\n  gold:\n", "8:3 tiers.golde: golde is not in order (did you mean gold?) [E302]"),
    ("T", "{north: registered}", "{north: sliver}", "13:21 tests[0].expect.north: unknown tier sliver (did you mean silver?) [E302]"),
    # E303 unknown fragment, nested use
    ("F", "{done: intro}", "{use: other/thing}", "7:16 requirements.introduced.use: a fragment does not use another fragment [E303]"),
    # E304 unreachable
    ("C", "- done: demo", "- {at_least: 3, of: [demo, exam]}", "11:20 award.when.all[0].at_least: 3 of 2 entries can never be reached (did you mean 2?) [E304]"),
    ("C", "- done: demo", "- another: demo", "11:18 award.when.all[0].another: the selector has one activity, so there is never another [E304]"),
    # E305 itself
    ("C", "- done: demo", "- done: demo\n      - holds: sales-pro", "12:16 award.when.all[1].holds: prerequisites go in a circle: sales-pro -> sales-pro [E305]"),
    # E306 placeholder
    ("C", "acme.example/demo", "acme.example/{release}", "6:37 evidence.demo.activity: {release} stands for nothing outside release_rules, where this selector is used [E306]"),
    ("C", "acme.example/demo", "acme.example/{who}", "6:37 evidence.demo.activity: {who} is not a placeholder of activities; only {release} is [E306]"),
    ("G", "Not for {deal.product}.", "Not for {product}.", "10:10 refusal: {product} is not a field of the subject deal (did you mean {deal.product}?) [E306]"),
    ("G", '"{deal.product}"}', '"{user.product}"}', "9:47 allow_when.all[1].submitter_holds.product: {user.product} is not a field of the subject deal (did you mean {deal.product}?) [E306]"),
    ("T", "role: sales", 'role: "{deal.role}"', "7:35 tiers.silver.all[0].people_holding.role: a placeholder is not allowed here: {deal.role} [E306]"),
    # E307 two requirements with one key
    ("C", "- done: demo", "- done: demo\n      - done: exam", "13:9 award.when.all[2]: the missing key exam is that of award.when.all[1] too; give one of them a key [E307]"),
    ("C", "- done: demo", "- {any: [demo]}\n      - {any: [demo]}", "12:9 award.when.all[1]: the missing key any is that of award.when.all[0] too; give one of them a key [E307]"),
    ("G", "- tier_at_least: silver", "- tier_at_least: silver\n    - tier_at_least: gold", "9:7 allow_when.all[1]: the key tier_at_least is that of allow_when.all[0] too; give one of them a key [E307]"),
    # E308 keys that exclude or require each other: the later one, or the mapping that lacks it
    ("C", "verb: completed, ", "cmi5: {au: 'https://a.example/1', moveon: met}, ", "6:58 evidence.demo.activity: activity does not go with cmi5 [E308]"),
    ("C", 'verb: completed, activity: "https://acme.example/demo"', "use: basics/intro, from: any", "6:29 evidence.demo.from: from does not go with use [E308]"),
    ("C", "- done: demo", "- {done: demo, attempt: best}", "11:22 award.when.all[0].attempt: attempt does not go with done [E308]"),
    ("C", "lasts: 12 months", "lasts: 12 months\n  due: 2026-06-30", "16:3 validity.due: due goes only with counted_from: previous_expiry [E308]"),
    ("C", "lasts: 12 months", "lasts: 12 months\n  fixed: 2026-06-30", "16:3 validity.fixed: fixed goes only with counted_from: fixed_date [E308]"),
    ("C", "lasts: 12 months", "lasts: 12 months\n  minimum: 6 months", "16:3 validity.minimum: minimum goes only with counted_from: fixed_date [E308]"),
    ("C", "lasts: 12 months", "lasts: 12 months\n  counted_from: fixed_date", "15:3 validity.fixed: counted_from: fixed_date needs fixed, one of the common expiry dates [E308]"),
    ("C", "lasts: 12 months", "lasts: forever\nrenewal: {}", "16:1 renewal: renewal does not go with lasts: forever [E308]"),
    ("C", "lasts: 12 months", "lasts: 12 months\ntargets: [{role: sales}]\nnotices: [{before_due: [0 days], to: [holder]}]", "17:12 notices[0].before_due: before_due goes only with a target that has due_within or due_on [E308]"),
    ("C", "lasts: 12 months", "lasts: 12 months\nnotices: [{before_expiry: [1 day], events: [award.issued], to: [holder]}]", "16:36 notices[0].events: before_expiry does not go with events [E308]"),
    ("C", "validity:", "renewal: {counted_from: fixed_date}\nvalidity:", "14:11 renewal.counted_from: counted_from: fixed_date goes only with validity.counted_from: fixed_date [E308]"),
    ("C", "validity:", "on_voided: {revoke_after: 30 days}\nvalidity:", "14:13 on_voided.revoke_after: revoke_after goes only with action: suspend [E308]"),
    ("C", "validity:", "notices: [{before_expiry: [7 days], events: [award.issued], to: [holder]}]\nvalidity:", "14:37 notices[0].events: before_expiry does not go with events [E308]"),
    ("C", "verb: completed,", "verb: completed, result: {completion: false},", "6:48 evidence.demo.result.completion: completion: false takes back what completed says; such a statement never matches (did you mean true?) [E308]"),
    ("C", "lasts: 12 months", "lasts: 12 months\n  otherwise: end", "15:3 validity.while: otherwise needs while, what has to hold [E308]"),
    ("C", "lasts: 12 months", "lasts: 12 months\n  while: {done: demo}", "16:11 validity.while.done: unknown key done [E201]"),
    ("C", "lasts: 12 months", "lasts: 12 months\n  while: {holds: sales-pro}", "16:18 validity.while.holds: prerequisites go in a circle: sales-pro -> sales-pro [E305]"),
    ("C", "verb: completed,", "verb: completed, attempts: {at_most: 0},", "6:47 evidence.demo.attempts.at_most: 0 is less than 1 (did you mean 1?) [E204]"),
    ("C", "verb: completed,", "verb: failed, attempts: {granted_by: {group: office}},", "6:34 evidence.demo.attempts.wait: at_most or wait is missing [E202]"),
    ("C", "verb: completed,", "verb: failed, attempts: {within: 1 month, wait: 1 day},", "6:34 evidence.demo.attempts.at_most: within needs at_most, how many attempts count [E308]"),
    ("T", "tests:", "changes: {promote: at_review}\ntests:", "10:10 changes.reviews: promote: at_review needs reviews, a list of MM-DD [E308]"),
    ("T", "tests:", "changes: {reviews: [01-01]}\ntests:", "10:11 changes.reviews: reviews goes only with promote: at_review [E308]"),
    ("T", "  silver:\n", "  registered: {people_holding: {role: x}, at_least: 1}\n  silver:\n", "6:3 tiers.registered: registered is the first tier: it has no requirement [E308]"),
    # warnings
    ("C", "tests:", "translations: {de: {Sales Profesional: Profi}}\ntests:", "16:40 translations.de[\"Sales Profesional\"]: the file says Sales Profesional nowhere (did you mean Sales Professional?) [W504]"),
    ("C", "tests:", "translations: {DE!: {Demo: Profi}}\ntests:", "16:16 translations[\"DE!\"]: DE! is not a language such as de or pt-BR [E205]"),
    ("C", "verb: completed,", "verb: completed, from: any, signed_by: {group: assessors},", "6:33 evidence.demo.from: whoever writes the statement names its signer; from: any lets every client write that, also the learner's browser (did you mean [client-label]?) [W503]"),
    ("C", "verb: completed,", "verb: [completed, satisfied], from: any,", "6:46 evidence.demo.from: satisfied and waived are statements of the LMS; from: any lets every client write that, also the learner's browser (did you mean [client-label]?) [W503]"),
    ("C", 'demo: {verb: completed, activity: "https://acme.example/demo"}', 'demo: {cmi5: {au: "https://acme.example/au", moveon: met}, from: any}', "6:68 evidence.demo.from: launched, with moveOn and mastery score, and waived are statements of the LMS; from: any lets every client write that, also the learner's browser (did you mean [client-label]?) [W503]"),
    ("C", "award:", '  more: {verb: passed, activity: "https://acme.example/*"}\naward:', "8:3 evidence.more: the selector more is not used [W502]"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("base", "old", "new", "expected"), SHAPE, ids=[case[3].split(": ")[-1][-40:] for case in SHAPE]
)
def test_problem_names_place_reason_suggestion_and_code(base: str, old: str, new: str, expected: str) -> None:
    """cert#3-3: `file:line:col path: what is wrong (did you mean ...) [code]`."""
    assert lines(edited(base, old, new)) == [f"a.yaml:{expected}"]


STORE = PublishedNames(
    versions={("Certification", "tech-associate"): {"1": "x"}, ("Certification", "sales-pro"): {"2": "y"}},
    holds={"tech-associate": frozenset({"sales-base"}), "sales-base": frozenset({"sales-pro"})},
    tiers={"acme": ("registered", "silver", "gold")},
    groups=frozenset({"assessors"}),
    clients=frozenset({"exam-host"}),
    releases={("acme", "6"): "acme-six"},
    activities=SeenActivities(["https://acme.example/demos", "https://acme.example/exam"]),
    today=dt.date(2026, 5, 1),
)


def demo_with(keys: str) -> str:
    return edited("C", "{verb: completed, ", "{verb: completed, " + keys + ", ")


NAMES = [
    ("C", "- done: demo", "- holds: tech-asociate", "11:16 award.when.all[0].holds: unknown certification tech-asociate (did you mean tech-associate?) [E302]"),
    ("C", "verb: completed,", "verb: completed, from: [exm-host],", "6:34 evidence.demo.from[0]: unknown client exm-host (did you mean exam-host?) [E302]"),
    ("C", "verb: completed,", "verb: completed, signed_by: {group: asessors},", "6:46 evidence.demo.signed_by.group: unknown group asessors (did you mean assessors?) [E302]"),
    ("C", "award:\n", "award:\n  approval: {group: approvers}\n", "9:21 award.approval.group: unknown group approvers [E302]"),
    ("C", "- done: demo", "- holds: tech-associate", "11:16 award.when.all[0].holds: prerequisites go in a circle: sales-pro -> tech-associate -> sales-base -> sales-pro [E305]"),
    ("C", "- done: demo", "- use: other/thing", "11:14 award.when.all[0].use: unknown fragment other [E303]"),
    ("C", "title:", "effective_from: 2026-04-01\ntitle:", "4:17 effective_from: 2026-04-01 is past; only the first version of an id may begin before the day of apply (did you mean 2026-05-01?) [E204]"),
    ("R", "id: acme-6", "id: acme-6", "5:10 release: release 6 of acme is published already as acme-six [E206]"),
    ("G", "tiers: acme", "tiers: acne", "5:8 tiers: unknown programme acne (did you mean acme?) [E302]"),
    ("G", "silver", "sliver", "8:22 allow_when.all[0].tier_at_least: unknown tier sliver (did you mean silver?) [E302]"),
    ("T", "certification: sales-pro", "certification: sales-por", "9:44 tiers.gold.all[0].people_holding.certification: unknown certification sales-por (did you mean sales-pro?) [E302]"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("base", "old", "new", "expected"), NAMES, ids=[case[3].split(": ")[-1][-40:] for case in NAMES]
)
def test_names_of_the_store_are_known(base: str, old: str, new: str, expected: str) -> None:
    """E204, E206, E302, E303 and E305 against what is published."""
    found = [line for line in lines(edited(base, old, new), published=STORE) if "[W50" not in line]
    assert found == [f"a.yaml:{expected}"]


def test_names_of_the_store_are_not_judged_without_it() -> None:
    assert lines(edited("C", "- done: demo", "- done: demo\n      - holds: elsewhere")) == []


def test_an_activity_never_seen_is_a_warning_that_names_the_nearest() -> None:
    """W501."""
    (problem,) = problems(CERTIFICATION, published=STORE)
    assert (problem.code, problem.severity) == ("W501", "warning")
    assert str(problem) == (
        "a.yaml:6:37 evidence.demo.activity: no statement about https://acme.example/demo was seen yet"
        " (did you mean https://acme.example/demos?) [W501]"
    )


@pytest.mark.parametrize(
    "keys",
    ["from: any", "from: [exam-host], signed_by: {group: assessors}", "signed_by: {group: assessors}"],
)
def test_what_the_learner_may_say_and_what_trusted_clients_vouch_for_is_no_warning(keys: str) -> None:
    """W503 is about evidence that means something only by who wrote it."""
    assert lines(demo_with(keys)) == []


def test_a_seen_prefix_is_no_warning() -> None:
    assert lines(edited("C", "example/demo", "example/*"), published=STORE) == []


def test_errors_come_before_warnings_and_a_warning_is_said_once() -> None:
    text = CERTIFICATION.replace(
        "exam: {verb: passed",
        'more: {verb: failed, activity: "https://acme.example/demo"}\n  exam: {verb: pased',
    )
    found = problems(text, published=STORE)
    assert [(one.code, one.line) for one in found] == [("E204", 8), ("W501", 6)]


def test_a_cycle_across_files_is_found_in_each() -> None:
    """E305 includes documents that are only checked together."""
    first = edited("C", "- done: demo", "- done: demo\n      - holds: other")
    second = edited("C", "- done: demo", "- done: demo\n      - holds: sales-pro").replace(
        "id: sales-pro", "id: other"
    )
    found = [line for each in (first, second) for line in lines(each, second if each is first else first)]
    assert found == [
        "a.yaml:12:16 award.when.all[1].holds: prerequisites go in a circle: sales-pro -> other -> sales-pro [E305]",
        "a.yaml:12:16 award.when.all[1].holds: prerequisites go in a circle: other -> sales-pro -> other [E305]",
    ]


def test_a_cycle_through_a_fragment_is_found() -> None:
    fragment = edited("F", "{done: intro}", "{all: [intro, holds: sales-pro]}")
    user = edited("C", "- done: demo", "- done: demo\n      - use: basics/introduced")
    (line,) = lines(user, fragment)
    assert line.endswith("sales-pro -> sales-pro [E305]")


def test_a_fragment_without_that_entry_is_unknown() -> None:
    """E303 names the nearest entry."""
    user = edited("C", "- done: demo", "- done: demo\n      - use: basics/introducd")
    assert lines(user, FRAGMENT) == [
        "a.yaml:12:14 award.when.all[1].use: the fragment basics has no introducd in its requirements (did you mean basics/introduced?) [E303]"
    ]


def test_a_version_published_with_other_content_is_refused() -> None:
    """E206; equal content is accepted again."""
    document = load(CERTIFICATION, "a.yaml").document
    assert document is not None
    for digest, expected in ((document_hash(document), []), ("other", ["E206"])):
        store = PublishedNames(versions={("Certification", "sales-pro"): {"3": digest}})
        assert [each.code for each in problems(CERTIFICATION, published=store)] == expected


def test_one_version_with_two_contents_is_refused_among_files() -> None:
    found = check([load(CERTIFICATION, "a.yaml"), load(edited("C", "0.80", "0.85"), "b.yaml")], None)
    assert [(each.file, each.line, each.code) for each in found] == [("b.yaml", 3, "E206")]


@pytest.mark.parametrize("base", ["C", "T", "G"])
def test_missing_tests_are_a_warning_for_the_first_version_only(base: str) -> None:
    """E401."""
    text = BASES[base][: BASES[base].index("tests:")]
    others = {"C": ("Certification", "sales-pro"), "T": ("PartnerTiers", "acme"), "G": ("Gate", "deal")}
    first = [each for each in problems(text) if each.code == "E401"]
    later = PublishedNames(versions={others[base]: {"0": "x"}})
    second = [each for each in problems(text, published=later) if each.code == "E401"]
    assert [each.severity for each in first + second] == ["warning", "error"]


def test_a_gate_needs_its_programme_where_there_are_several() -> None:
    """cert#2.9: `tiers` is required if more than one is published."""
    store = PublishedNames(tiers={"acme": ("silver",), "other": ("silver",)})
    text = edited("G", "tiers: acme\n", "")
    assert "a.yaml:1:1 tiers: tiers is missing: there are 2 programmes [E202]" in lines(text, published=store)


def test_all_problems_are_reported_at_once_in_the_order_of_the_file() -> None:
    """cert#3-3: shape, references and warnings of one run."""
    text = (
        edited("C", "0.80", "80")
        .replace("done: demo", "done: dmo")
        .replace('"3"', "3")
        .replace("12 mo", "12 mnth")
    )
    codes = [each.code for each in problems(text)]
    assert codes == ["E203", "E301", "E204", "E205"]


def test_examples_of_the_documentation_have_no_problem() -> None:
    folder = DEMO_RULES
    files = sorted(folder.glob("*.yaml"))
    found = check([load(file.read_bytes(), file.name) for file in files], None)
    assert len(files) >= 6
    assert [str(each) for each in found] == []


def test_a_loaded_file_says_what_it_is() -> None:
    loaded = load(CERTIFICATION, "a.yaml")
    assert isinstance(loaded, Loaded)
    assert loaded.document is not None
    assert loaded.document.title == "Sales Professional"


def test_suggestions_stop_where_they_would_cost_too_much() -> None:
    suggestions = Suggestions()
    names = [f"name-{i}" for i in range(60_000)]
    assert suggestions.nearest("name-7x", ["name-7"]) == "name-7"
    assert suggestions.nearest("NAME-7", names) == "name-7"
    assert suggestions.nearest("NAME-7", names) is None


def test_two_files_of_one_name_keep_their_problems_apart() -> None:
    """`POST /rules/check` gives files without a name the same one."""
    sound, faulty = check_files([("rules.yaml", CERTIFICATION), ("rules.yaml", edited("R", '"6"', "6"))])
    assert (sound.ok, sound.problems, faulty.ok, len(faulty.problems)) == (True, (), False, 1)


DELTA = """\
kind: Fragment
id: delta
version: "1"
evidence:
  module: {verb: completed, activity: "https://acme.example/delta-{release}"}
requirements:
  learned: {done: module}
"""
RULE = """\
release_rules:
  - {when_release: {product: acme, level: major}, ends_after: 90 days, unless: {use: delta/learned}}
validity:"""


def test_a_fragment_may_hold_release_where_release_rules_use_it() -> None:
    """E306: the certification that uses it elsewhere is the one refused."""
    assert lines(DELTA) == []
    assert lines(edited("C", "validity:", RULE), DELTA) == []
    assert lines(edited("C", "- done: demo", "- done: demo\n      - use: delta/learned"), DELTA) == [
        "a.yaml:12:14 award.when.all[1].use: delta/learned needs {release}, which stands for nothing outside release_rules [E306]"
    ]
    text = edited("C", 'verb: completed, activity: "https://acme.example/demo"', "use: delta/module")
    assert [(each.column, each.code) for each in problems(text, DELTA)] == [(15, "E306")]


def test_names_of_an_assignment_that_the_store_does_not_know_are_told_with_the_nearest() -> None:
    """cert#3-4: groups, organizations and regions, in targets and exemptions."""
    known = PublishedNames(
        versions={("Certification", "sales-pro"): {"3": "x"}, ("PartnerTiers", "acme"): {"1": "x"}},
        tiers={"acme": ("registered", "silver", "gold")},
        groups=frozenset({"launch-team"}),
        organizations=frozenset({"north"}),
        regions=frozenset({"EMEA"}),
    )
    text = ASSIGNMENT.replace(
        "role: sales, tier: silver", "partner: [nroth], region: EMEA, group: launch-taem, tier: sliver"
    ).replace(
        "window:",
        "exempt: [{region: EMAE, reason: Away}, {group: [launch-team, away], reason: Away}]\nwindow:",
    )
    assert [one.partition(": ")[2] for one in lines(text, published=known) if "E302" in one] == [
        "unknown organization nroth (did you mean north?) [E302]",
        "unknown group launch-taem (did you mean launch-team?) [E302]",
        "unknown tier sliver (did you mean silver?) [E302]",
        "unknown region EMAE (did you mean EMEA?) [E302]",
        "unknown group away [E302]",
    ]
