"""The writers, and what they were told."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from lrs.foundation.context import utc_now
from scripts.torturing.judging import READ, REFUSED, UNKNOWN, WRITTEN, Operation
from scripts.torturing.stand import KEY, PATIENCE, SECRET, Machine

AUTH: Final = (KEY, SECRET)
HEADERS: Final = {"X-Experience-API-Version": "1.0.3"}
AGAIN: Final = {429, 502, 503, 504, 507}  # answers after which a client sends again
DOCUMENTS: Final = 3
FRESH: Final = 0.1  # share of statements by which a learner passes
SEEN: Final = 100  # learners whom the others are about: each heals what was decided of its learner before
BREATH: Final = 0.03  # seconds between two requests of a writer


@dataclass
class History:
    """What the writers were told."""

    machines: Sequence[Machine]
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    learners: itertools.count[int] = field(default_factory=itertools.count)
    statements: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    documents: list[list[Operation]] = field(default_factory=lambda: [[] for _ in range(DOCUMENTS)])
    requests: int = 0
    findings: list[str] = field(default_factory=list)

    def threads(self, seed: int) -> list[threading.Thread]:
        """Return the writers: three of statements, two of each document."""
        writers = [threading.Thread(target=self.write_statements, args=(seed + n,)) for n in range(3)]
        return writers + [
            threading.Thread(target=self.count_up, args=(n % DOCUMENTS, seed + n))
            for n in range(2 * DOCUMENTS)
        ]

    def note(self, finding: str) -> None:
        """Note what should not be."""
        with self.lock:
            self.findings.append(finding)

    def ask(self, chance: random.Random, method: str, path: str, **more: Any) -> requests.Response | None:
        """Ask one of the machines; None where there is no answer."""
        headers = HEADERS | more.pop("headers", {})
        url = chance.choice(self.machines).url + path
        with self.lock:
            self.requests += 1
        try:
            answer = requests.request(method, url, auth=AUTH, headers=headers, timeout=30, **more)
        except requests.RequestException:
            return None
        if answer.status_code >= 500 and answer.status_code not in AGAIN:
            self.note(f"{method} {path} was answered {answer.status_code}: {answer.text[:200]}")
        return answer

    # statements

    def write_statements(self, seed: int) -> None:
        """Send single statements and batches, each until it is acknowledged; look whether some are there."""
        chance = random.Random(seed)
        while not self.over.is_set():
            batch = [self.statement(chance) for _ in range(chance.choice((1, 1, 5)))]
            if self._acknowledged(chance, batch) and chance.random() < 0.2:
                self._is_there(chance, batch[-1]["id"])
            time.sleep(BREATH)

    def statement(self, chance: random.Random) -> dict[str, Any]:
        """Return a statement that counts for the certification, or not; half say when it was.

        Only one of each learner counts: of two, one that comes late may move the beginning of the award.
        """
        counts = chance.random() < FRESH
        with self.lock:
            number = next(self.learners) if counts else chance.randrange(SEEN)
        verb = "completed" if counts else "experienced"
        made = {
            "id": str(uuid.uuid4()), "actor": {"mbox": f"mailto:learner{number}@partner.example"},
            "verb": {"id": f"http://adlnet.gov/expapi/verbs/{verb}"},
            "object": {"id": "https://content.example/course"},
        }  # fmt: skip
        return made | ({"timestamp": utc_now().isoformat()} if chance.random() < 0.5 else {})

    def _acknowledged(self, chance: random.Random, batch: list[dict[str, Any]]) -> bool:
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.ask(chance, "POST", "/xapi/statements", json=batch)
            if answer is not None and answer.status_code == 200:
                break
            if answer is not None and answer.status_code not in AGAIN and answer.status_code < 500:
                self.note(f"a statement was answered {answer.status_code}: {answer.text[:200]}")
            if time.monotonic() > deadline:
                self.note("a batch was not acknowledged within two minutes")
                return False
            time.sleep(0.1)
        done = {one["actor"]["mbox"] for one in batch if one["verb"]["id"].endswith("completed")}
        with self.lock:
            self.statements |= {one["id"] for one in batch}
            self.passed |= done
        return True

    def _is_there(self, chance: random.Random, name: str) -> None:
        answer = self.ask(chance, "GET", "/xapi/statements", params={"statementId": name})
        if answer is not None and answer.status_code == 404:
            self.note(f"acknowledged and not found a moment later: {name}")

    # documents

    def count_up(self, document: int, seed: int) -> None:
        """Count a document up by one, as long as nobody else did it meanwhile."""
        chance, address = random.Random(seed), "/xapi/activities/state"
        params = {
            "activityId": "https://content.example/course", "stateId": f"count{document}",
            "agent": '{"mbox":"mailto:count@partner.example"}',
        }  # fmt: skip
        while not self.over.is_set():
            time.sleep(BREATH)
            began = time.monotonic()
            read = self.ask(chance, "GET", address, params=params)
            if read is None or read.status_code not in {200, 404}:
                continue
            number, by = (read.json()["n"], read.json()["by"]) if read.status_code == 200 else (0, "")
            self._keep(document, Operation(READ, number, by, began, time.monotonic()))
            condition = {"If-Match": read.headers["ETag"]} if number else {"If-None-Match": "*"}
            mine, began = str(uuid.uuid4()), time.monotonic()
            put = self.ask(
                chance, "PUT", address, params=params, json={"n": number + 1, "by": mine}, headers=condition
            )
            kind = {204: WRITTEN, 412: REFUSED}.get(put.status_code, UNKNOWN) if put is not None else UNKNOWN
            self._keep(document, Operation(kind, number + 1, mine, began, time.monotonic()))

    def _keep(self, document: int, done: Operation) -> None:
        with self.lock:
            self.documents[document].append(done)

    def last_numbers(self) -> None:
        """Read each document once more, when all is well again."""
        chance = random.Random(0)
        for number in range(DOCUMENTS):
            params = {
                "activityId": "https://content.example/course", "stateId": f"count{number}",
                "agent": '{"mbox":"mailto:count@partner.example"}',
            }  # fmt: skip
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                began = time.monotonic()
                read = self.ask(chance, "GET", "/xapi/activities/state", params=params)
                with contextlib.suppress(KeyError, ValueError):
                    if read is not None and read.status_code == 200:
                        told = read.json()
                        self._keep(number, Operation(READ, told["n"], told["by"], began, time.monotonic()))
                        break
                time.sleep(0.5)
            else:
                self.note(f"document {number} cannot be read")
