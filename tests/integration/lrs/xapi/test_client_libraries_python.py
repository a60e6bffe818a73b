"""edx-tincan-py35 (the Rustici library of Open edX) against a running server."""

import base64
import uuid
from typing import Any

import pytest
import tincan
from tincan.documents import ActivityProfileDocument, AgentProfileDocument, StateDocument


@pytest.fixture
def lrs(server: Any) -> tincan.RemoteLRS:
    key, secret = base64.b64decode(server.auth()["Authorization"].split()[1]).decode().split(":")
    return tincan.RemoteLRS(endpoint=f"{server.xapi}/", username=key, password=secret, version="1.0.1")


@pytest.fixture
def agent() -> tincan.Agent:
    return tincan.Agent(name="Ana", mbox=f"mailto:ana-{uuid.uuid4()}@partner.example")


@pytest.fixture
def activity() -> tincan.Activity:
    name = tincan.LanguageMap({"en-US": "Firewall basics"})
    return tincan.Activity(
        id=f"http://content.example/{uuid.uuid4()}", definition=tincan.ActivityDefinition(name=name)
    )


def said(agent: tincan.Agent, verb: str, activity: tincan.Activity, **more: Any) -> tincan.Statement:
    display = tincan.LanguageMap({"en-US": verb})
    return tincan.Statement(
        id=uuid.uuid4(),
        actor=agent,
        verb=tincan.Verb(id=f"http://adlnet.gov/expapi/verbs/{verb}", display=display),
        object=activity,
        **more,
    )


def body_of(document: Any) -> bytes:
    """Return the bytes of a document, which the library reads as text where it can."""
    content: str | bytes | bytearray = document.content
    return content.encode() if isinstance(content, str) else bytes(content)


def test_statements_are_saved_queried_and_paged(
    lrs: tincan.RemoteLRS, agent: tincan.Agent, activity: tincan.Activity
) -> None:
    score = tincan.Score(scaled=0.8, raw=80, min=0, max=100)
    result = tincan.Result(score=score, success=True, completion=True, duration="PT9M3.27S")
    context = tincan.Context(registration=uuid.uuid4(), platform="Adobe Captivate", language="en-US")
    sent = [said(agent, verb, activity) for verb in ("launched", "attempted", "completed")]
    sent.append(said(agent, "passed", activity, result=result, context=context))
    assert lrs.save_statement(sent[0]).success
    assert lrs.save_statements(sent[1:]).success
    assert lrs.retrieve_statement(str(sent[3].id)).content.result.score.raw == 80

    seen = []
    page = lrs.query_statements({"agent": agent, "limit": 3, "ascending": "true"})
    while True:
        assert page.success, page.data
        seen += [statement.id for statement in page.content.statements]
        if not page.content.more:
            break
        page = lrs.more_statements(page.content.more)
    assert seen == [statement.id for statement in sent]


def test_a_voided_statement_is_found_as_such(
    lrs: tincan.RemoteLRS, agent: tincan.Agent, activity: tincan.Activity
) -> None:
    slip = said(agent, "experienced", activity)
    assert lrs.save_statement(slip).success
    voider = said(agent, "voided", tincan.StatementRef(id=slip.id))
    assert lrs.save_statement(voider).success
    assert lrs.retrieve_statement(str(slip.id)).response.status == 404
    assert lrs.retrieve_voided_statement(str(slip.id)).content.id == slip.id


def test_documents_are_saved_merged_listed_and_deleted(
    lrs: tincan.RemoteLRS, agent: tincan.Agent, activity: tincan.Activity
) -> None:
    state = StateDocument(agent=agent, activity=activity, id="resume", content=bytearray(b'{"slide": 3}'))
    state.content_type = "application/json"
    assert lrs.save_state(state).success
    found = lrs.retrieve_state(activity, agent, "resume").content
    assert body_of(found) == b'{"slide": 3}'
    assert lrs.retrieve_state_ids(activity, agent).content == ["resume"]
    assert lrs.clear_state(activity, agent).success
    assert lrs.retrieve_state_ids(activity, agent).content == []

    profile = ActivityProfileDocument(
        activity=activity, id="p", content=bytearray(b"one"), content_type="text/plain"
    )
    assert lrs.save_activity_profile(profile).success
    answer = lrs.retrieve_activity_profile(activity, "p")
    again = answer.content
    again.content = bytearray(b"two")
    again.etag = answer.response.getheader("ETag")  # the library looks for it in the wrong place
    assert lrs.save_activity_profile(again).success
    assert body_of(lrs.retrieve_activity_profile(activity, "p").content) == b"two"
    assert lrs.delete_activity_profile(again).response.status == 412, "its ETag is that of the first content"
    again.etag = None
    assert lrs.delete_activity_profile(again).success

    person = AgentProfileDocument(agent=agent, id="p", content=bytearray(b"a\r\nb"), content_type="text/x")
    assert lrs.save_agent_profile(person).success
    assert body_of(lrs.retrieve_agent_profile(agent, "p").content) == b"a\r\nb"
    assert lrs.retrieve_agent_profile_ids(agent).content == ["p"]


def test_about_names_the_versions(lrs: tincan.RemoteLRS) -> None:
    about = lrs.about()
    assert about.success
    assert "1.0.3" in about.data
