"""A unit of a cmi5 course as its page behaves: it takes its token, reads what it has to, and says what happens."""

from __future__ import annotations

import copy
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from flask.testing import FlaskClient

VERSION = {"X-Experience-API-Version": "1.0.3"}
ADL = "http://adlnet.gov/expapi/verbs/"
CATEGORY = "https://w3id.org/xapi/cmi5/context/categories/"
MASTERY = "https://w3id.org/xapi/cmi5/context/extensions/masteryscore"


def query_of(url: str) -> dict[str, str]:
    """The parameters of a launch."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


class Unit:
    """An AU that was launched and has its token."""

    def __init__(
        self, client: FlaskClient, launched: dict[str, Any], *, reads_preferences: bool = True
    ) -> None:
        self.client, self.query = client, launched["query"]
        fetch = urlsplit(self.query["fetch"])
        token = client.post(f"{fetch.path}?{fetch.query}").json["auth-token"]
        self.headers = {"Authorization": f"Basic {token}", **VERSION}
        self.data = client.get("/xapi/activities/state", query_string=self.state, headers=self.headers).json
        profile = {"agent": self.query["actor"], "profileId": "cmi5LearnerPreferences"}
        if reads_preferences:
            client.get("/xapi/agents/profile", query_string=profile, headers=self.headers)

    @property
    def state(self) -> dict[str, str]:
        return {
            "activityId": self.query["activityId"], "agent": self.query["actor"],
            "registration": self.query["registration"], "stateId": "LMS.LaunchData",
        }  # fmt: skip

    def statement(self, verb: str, **result: Any) -> dict[str, Any]:
        judged = verb in {"completed", "passed", "failed"}
        template = copy.deepcopy(self.data["contextTemplate"])
        template["contextActivities"]["category"] = [{"id": f"{CATEGORY}cmi5"}] + (
            [{"id": f"{CATEGORY}moveon"}] if judged else []
        )
        if "masteryScore" in self.data and verb in {"passed", "failed"}:
            template["extensions"][MASTERY] = self.data["masteryScore"]
        made = {
            "id": str(uuid.uuid4()), "timestamp": "2026-11-29T10:00:00.000Z", "actor": orjson.loads(self.query["actor"]),
            "verb": {"id": ADL + verb}, "object": {"id": self.query["activityId"]},
            "context": {"registration": self.query["registration"], **template},
        }  # fmt: skip
        return made if verb == "initialized" else made | {"result": {"duration": "PT1S", **result}}

    def say(self, verb: str, status: int = 200, **result: Any) -> None:
        answer = self.client.post(
            "/xapi/statements", json=self.statement(verb, **result), headers=self.headers
        )
        assert answer.status_code == status, answer.text
