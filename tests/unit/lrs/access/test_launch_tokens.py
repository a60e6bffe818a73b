"""The limits of a launch token, without a server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.access.launch_tokens import LaunchLimit, is_below, is_beside, permit_document, permit_statements
from lrs.content.launching import check_origin, origin_of
from lrs.foundation.errors import OutsideLaunch

COURSE = "http://content.example/course"
LIMIT = LaunchLimit("mbox::mailto:ana@north.example", "b1a2c3d4-0000-4000-8000-000000000001", COURSE)


@pytest.mark.parametrize("part", ["", "/a", "/a/b?c#d", "#q1", "?page=2"])
def test_parts_of_the_activity_are_below_it(part: str) -> None:
    assert is_below(COURSE + part, COURSE)


@pytest.mark.parametrize(
    "part", ["2", "-exam", ".evil.example/x", ":8080/x", "@evil.example", "/../exam", "\\x", "/a/.."]
)
def test_what_only_begins_like_the_activity_is_not_below_it(part: str) -> None:
    assert not is_below(COURSE + part, COURSE)


@given(st.text(max_size=30))
def test_nothing_is_beside_that_goes_on_in_the_name_itself(rest: str) -> None:
    beside = is_beside(COURSE + rest, COURSE)
    assert not beside or not rest[0].isalnum()
    assert not is_below(COURSE + rest, COURSE) or rest == "" or beside


def test_a_urn_has_parts_after_a_colon() -> None:
    assert is_below("urn:x:course:1", "urn:x:course")
    assert not is_below("http://a.example:81/x", "http://a.example")


@given(st.text(max_size=30))
def test_nothing_is_below_but_what_continues_the_activity(rest: str) -> None:
    below = is_below(COURSE + rest, COURSE)
    assert not below or rest == "" or rest[0] in "/#?"


@given(st.text(max_size=40))
def test_no_agent_text_raises_anything_but_a_refusal(agent: str) -> None:
    with pytest.raises(OutsideLaunch):
        permit_document(LIMIT, "state", {"activityId": [COURSE], "agent": [agent]})


@pytest.mark.parametrize("verb", ["passed", "terminated"])
def test_a_driver_may_name_itself_beside_a_verdict_and_another_course_may_not_stand_there(verb: str) -> None:
    """As the driver below cmi5 of Articulate Rise 360 and Storyline does, in grouping."""
    limit = replace(LIMIT, groups=("http://author.example/au",), session="s1")

    def said(*grouping: str) -> dict[str, Any]:
        activities = {
            "grouping": [{"id": one} for one in grouping],
            "category": [{"id": "https://w3id.org/xapi/cmi5/context/categories/cmi5"}],
        }
        return {
            "actor": {"mbox": "mailto:ana@north.example"},
            "verb": {"id": f"http://adlnet.gov/expapi/verbs/{verb}"},
            "object": {"id": COURSE},
            "context": {"registration": limit.registration, "contextActivities": activities},
        }

    driver = said("http://author.example/au", "http://id.tincanapi.com/activity/software/scormdriver/7.7.0")
    permit_statements(limit, [driver])
    assert not limit.is_beyond(driver)
    with pytest.raises(OutsideLaunch):
        permit_statements(limit, [said("http://author.example/au", "http://author.example/other")])


@pytest.mark.parametrize("origin", ["https://a.example", "http://a.example:8080", "https://[::1]:8443"])
def test_an_origin_is_scheme_host_and_port(origin: str) -> None:
    assert check_origin(origin)


@given(st.text(max_size=40))
def test_whatever_is_no_web_address_has_no_origin(text: str) -> None:
    assert origin_of(text) is None or text.startswith(("http://", "https://"))
