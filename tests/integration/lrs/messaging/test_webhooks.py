"""Events arrive at every endpoint, signed, once under one id, in order per person, whatever the receiver does."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask.testing import FlaskClient
from standardwebhooks import Webhook, WebhookVerificationError

from lrs.foundation.errors import Collision, InvalidField
from lrs.foundation.fetching import FetchRefused, checked_address
from lrs.foundation.settings import Settings
from lrs.messaging import delivery as sending
from lrs.messaging import webhooks
from lrs.messaging.delivery import Reply, attributes, fan_out, serve, settle
from lrs.messaging.dispatching import SHARE, WebhookDispatcher, release, take
from rules.engine.queues import outbox
from rules.engine.queues.outbox import Event

pytestmark = pytest.mark.described

NOW = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)


class Receiver:
    """A partner's system: answers by `behave`, remembers what it took."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.tries: dict[str, int] = defaultdict(int)
        self.behave: Callable[[str, int], int | str] = lambda event, tries: 204
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                event = self.headers["webhook-id"]
                outer.tries[event] += 1
                answer = outer.behave(event, outer.tries[event])
                if answer == "hang":
                    outer.release.wait(30)
                    return
                if answer == "disconnect":
                    self.connection.close()
                    return
                if 200 <= int(answer) < 300:
                    outer.taken.append((event, dict(self.headers), body))
                self.send_response(int(answer))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?x=1"

    def ids(self) -> list[str]:
        return [event for event, _, _ in self.taken]

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def local(settings: Settings) -> Settings:
    return dataclasses.replace(settings, allow_private_addresses=True)


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> dt.datetime:
        return self.at


def happen(db: Any, *persons: str, organization: str = "north") -> list[str]:
    """Put one event per person into the outbox and number them; returns their ids in order."""
    count = db.outbox.count_documents({})
    events = [
        Event("award.issued", (person, str(count + i)), NOW + dt.timedelta(seconds=count + i),
              {"person": person, "organization": organization, "state": "active"})
        for i, person in enumerate(persons)
    ]  # fmt: skip
    outbox.append(db, events, NOW, None)
    outbox.number(db)
    return [event.id for event in events]


def endpoint(
    db: Any, local: Settings, receiver: Receiver, org: str = "vendor", types: Any = None
) -> tuple[Any, str]:
    return webhooks.create(local, db, org=org, url=receiver.url, types=types, now=NOW)


def round_(db: Any, local: Settings, clock: Clock) -> int:
    """Serve one endpoint once, as a worker's thread does."""
    found = take(db, clock())
    if found is None:
        return 0
    fan_out(db, found, clock())
    arrived = serve(local, db, found, clock)
    release(db, found, clock())
    return arrived


def test_an_event_arrives_signed_as_standard_webhooks_says(
    db: Any, local: Settings, receiver: Receiver
) -> None:
    _, secret = endpoint(db, local, receiver)
    (event,) = happen(db, "p_ana")
    clock = Clock()
    clock.at = dt.datetime.now(dt.UTC)  # the library refuses old timestamps
    assert round_(db, local, clock) == 1
    ((taken, headers, body),) = receiver.taken
    assert taken == event
    assert Webhook(secret).verify(body.decode(), headers)["data"]["person"] == "p_ana"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.decode() + " ", headers)
    assert set(json.loads(body)) == {"type", "timestamp", "data"}
    cloud = {name.lower(): value for name, value in headers.items() if name.lower().startswith("ce-")}
    assert (cloud["ce-id"], cloud["ce-type"], cloud["ce-subject"]) == (event, "award.issued", "p_ana")
    assert (cloud["ce-specversion"], cloud["ce-source"]) == ("1.0", local.public_url)
    assert dt.datetime.fromisoformat(cloud["ce-time"]) == dt.datetime.fromisoformat(
        json.loads(body)["timestamp"]
    )


def test_a_test_event_is_signed_goes_out_once_and_leaves_the_feed_as_it_is(
    db: Any, local: Settings, receiver: Receiver
) -> None:
    made, secret = endpoint(db, local, receiver, types=["award.issued"])
    at = dt.datetime.now(dt.UTC)
    assert sending.test(local, db, made, at) == Reply(204, "")
    ((_, headers, body),) = receiver.taken
    assert Webhook(secret).verify(body.decode(), headers)["type"] == "webhook.test"
    receiver.behave = lambda event, tries: 500
    assert sending.test(local, db, made, at).status == 500
    after = webhooks.get(db, "vendor", made["_id"])
    assert (after["tested"]["status"], after["enabled"], after["failures"]) == (500, True, 0)
    assert (db.outbox.count_documents({}), db.deliveries.count_documents({})) == (0, 0)
    refused = sending.test(dataclasses.replace(local, allow_private_addresses=False), db, made, at)
    assert refused.status is None, "a test goes nowhere that deliveries may not go"


def test_what_a_cloud_event_says_of_itself_is_ascii(local: Settings) -> None:
    event = {"_id": "e_1", "type": "award.issued", "timestamp": NOW, "data": {"person": "p_ana\u00e9"}}
    told = attributes(dataclasses.replace(local, public_url="https://l\u00e9rnen.example"), event)
    assert (told["source"], told["subject"]) == ("https://l%C3%A9rnen.example", "p_ana%C3%A9")
    assert all(text.isascii() for text in told.values())


def test_only_events_after_the_endpoint_was_made_and_of_its_types(
    db: Any, local: Settings, receiver: Receiver
) -> None:
    happen(db, "p_old")
    endpoint(db, local, receiver, types=["award.issued"])
    new = happen(db, "p_new")
    outbox.append(db, [Event("tier.changed", ("north",), NOW, {"organization": "north"})], NOW, None)
    outbox.number(db)
    assert round_(db, local, Clock()) == 1
    assert receiver.ids() == new


def test_a_partner_gets_events_of_its_own_people_and_those_below(
    db: Any, local: Settings, receiver: Receiver
) -> None:
    db.orgs.insert_many([{"_id": "north", "ancestors": []}, {"_id": "branch", "ancestors": ["north"]}])
    endpoint(db, local, receiver, org="north")
    mine = happen(db, "p_a") + happen(db, "p_b", organization="branch")
    happen(db, "p_c", organization="south")
    round_(db, local, Clock())
    assert receiver.ids() == mine


def test_failures_are_retried_on_schedule_then_dead_then_sent_again(
    db: Any, local: Settings, receiver: Receiver
) -> None:
    made, _ = endpoint(db, local, receiver)
    (event,) = happen(db, "p_ana")
    receiver.behave = lambda *_: 500
    clock = Clock()
    waits = []
    for _ in range(10):
        round_(db, local, clock)
        delivery = db.deliveries.find_one({})
        if delivery["state"] == "dead":
            break
        waits.append((delivery["due_at"] - clock()).total_seconds())
        clock.at = max(delivery["due_at"], db.endpoints.find_one({})["next_at"]) + dt.timedelta(seconds=1)
    expected = [r.total_seconds() for r in sending.RETRIES]
    assert len(waits) == len(expected)
    assert all(0.89 * e <= w <= 1.11 * e for w, e in zip(waits, expected, strict=True))
    assert (delivery["state"], delivery["tries"], delivery["last"]["status"]) == ("dead", 10, 500)
    receiver.behave = lambda *_: 200
    assert webhooks.resend(db, "vendor", made["_id"], clock()) == 1
    assert round_(db, local, clock) == 1
    assert receiver.ids() == [event]


@pytest.mark.parametrize("fault", [500, 302, 404, "disconnect"])
def test_every_event_arrives_once_after_a_fault(
    db: Any, local: Settings, receiver: Receiver, fault: Any
) -> None:
    endpoint(db, local, receiver)
    events = happen(db, *["p_a", "p_b"] * 5)
    receiver.behave = lambda event, tries: fault if tries == 1 and event in events[::3] else 204
    clock = Clock()
    for _ in range(60):
        round_(db, local, clock)
        clock.at += dt.timedelta(minutes=6)
    assert sorted(receiver.ids()) == sorted(events)
    for start in (0, 1):  # in order for each person
        mine = events[start::2]
        assert [event for event in receiver.ids() if event in mine] == mine


def test_an_hour_of_silence_costs_an_event_few_tries(db: Any, local: Settings, receiver: Receiver) -> None:
    """The endpoint pauses as a whole: twenty waiting events do not use up their retries while it is down."""
    endpoint(db, local, receiver)
    events = happen(db, *[f"p_{n}" for n in range(20)])
    receiver.behave = lambda *_: 503
    clock = Clock()
    while clock.at < NOW + dt.timedelta(hours=1):
        round_(db, local, clock)
        clock.at += dt.timedelta(seconds=20)
    assert sum(receiver.tries.values()) < 60
    receiver.behave = lambda *_: 200
    for _ in range(20):
        clock.at += dt.timedelta(minutes=31)
        round_(db, local, clock)
    assert sorted(receiver.ids()) == sorted(events)


def test_410_disables_the_endpoint(db: Any, local: Settings, receiver: Receiver) -> None:
    made, _ = endpoint(db, local, receiver)
    happen(db, "p_a", "p_b")
    receiver.behave = lambda *_: 410
    clock = Clock()
    round_(db, local, clock)
    found = webhooks.get(db, "vendor", made["_id"])
    assert (found["enabled"], found["disabled_reason"]) == (False, "the receiver answered 410 Gone")
    clock.at += dt.timedelta(days=1)
    assert take(db, clock()) is None
    assert sum(receiver.tries.values()) == 1


def test_an_endpoint_that_hangs_delays_no_other(
    db: Any, local: Settings, receiver: Receiver, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT", 1.0)
    quick = Receiver()
    receiver.behave = lambda *_: "hang"
    endpoint(db, local, receiver)
    endpoint(db, local, quick)
    events = happen(db, "p_a", "p_b", "p_c")
    carrier = WebhookDispatcher(local, db, Clock())
    try:
        assert carrier.tick() == 2
        for _ in range(500):
            if len(quick.taken) == 3 and receiver.tries:  # whoever is not tried yet is not tried any more
                break
            threading.Event().wait(0.02)
        assert quick.ids() == events
    finally:
        carrier.close()
        quick.close()
    tried = db.deliveries.find_one({"tries": {"$gt": 0}, "state": "waiting"})
    assert tried["last"]["status"] is None


def test_forty_endpoints_that_hang_delay_no_good_one(
    db: Any, local: Settings, receiver: Receiver, monkeypatch: Any
) -> None:
    """Also one that has taken nothing yet, in an organization whose other endpoints all hang."""
    monkeypatch.setattr(sending, "TIMEOUT", 20.0)  # longer than this test waits
    quick = Receiver()
    receiver.behave = lambda *_: "hang"
    for org in ("north", "south", "vendor"):
        for _ in range(15 if org == "vendor" else 13):
            endpoint(db, local, receiver, org)
    endpoint(db, local, quick)
    happen(db, "p_a")
    happen(db, "p_b", organization="south")
    carrier = WebhookDispatcher(local, db, Clock())
    try:
        assert carrier.tick() == 42
        for _ in range(500):
            if len(quick.taken) == 2:
                break
            threading.Event().wait(0.02)
        assert len(quick.taken) == 2
    finally:
        carrier.stopping.set()
        receiver.release.set()
        carrier.close()
        quick.close()


def test_an_organization_has_a_share_of_the_threads_and_who_answers_goes_before(
    db: Any, local: Settings, receiver: Receiver
) -> None:
    for org in ("north", "vendor"):
        endpoint(db, local, receiver, org)
    answering, _ = endpoint(db, local, receiver)
    db.endpoints.update_one({"_id": answering["_id"]}, {"$set": {"answers": True}})
    found = [take(db, NOW, ["vendor"]) for _ in range(3)]
    assert [one and one["org"] for one in found] == ["vendor", "north", None]
    assert found[0] is not None
    assert found[0]["_id"] == answering["_id"]
    assert take(db, NOW, doubtful=False) is None


def test_pauses_grow_while_nobody_answers_and_end_with_an_answer(
    db: Any, local: Settings, receiver: Receiver, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sending, "RETRIES", (dt.timedelta(0),) * 20)
    endpoint(db, local, receiver)
    happen(db, *[f"p_{n}" for n in range(12)])
    receiver.behave = lambda *_: "disconnect"
    clock, pauses = Clock(), []
    for _ in range(8):
        round_(db, local, clock)
        pause = db.endpoints.find_one()["next_at"] - clock()
        pauses.append(pause.total_seconds())
        clock.at += pause
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]
    assert sum(receiver.tries.values()) == 8
    receiver.behave = lambda *_: 204
    round_(db, local, clock)
    found = db.endpoints.find_one()
    assert (found["failures"], found["answers"], found["next_at"] - clock()) == (
        0,
        True,
        dt.timedelta(seconds=1),
    )


def test_an_organization_has_a_bounded_number_of_endpoints(
    db: Any, local: Settings, receiver: Receiver
) -> None:
    for _ in range(SHARE):
        made, _ = endpoint(db, local, receiver, "north")
    with pytest.raises(Collision, match="at most 16"):
        endpoint(db, local, receiver, "north")
    endpoint(db, local, receiver, "south")
    db.endpoints.delete_one({"_id": made["_id"]})
    endpoint(db, local, receiver, "north")


def test_a_worker_that_died_is_replaced_and_nothing_is_lost(
    db: Any, local: Settings, receiver: Receiver
) -> None:
    """A lease runs out; deliveries are written once however often the events are fanned out."""
    endpoint(db, local, receiver)
    events = happen(db, "p_a", "p_b", "p_c")
    clock = Clock()
    dead = take(db, clock())
    assert dead is not None
    fan_out(db, dict(dead), clock())
    assert take(db, clock()) is None
    clock.at += sending.LEASE + dt.timedelta(seconds=1)
    again = take(db, clock())
    assert again is not None
    again["cursor"] = 0
    fan_out(db, again, clock())
    assert db.deliveries.count_documents({}) == 3
    serve(local, db, again, clock)
    assert receiver.ids() == events


def test_two_workers_never_serve_one_endpoint(db: Any, local: Settings, receiver: Receiver) -> None:
    endpoint(db, local, receiver)
    happen(db, *["p_a"] * 30)
    clock = Clock()
    carriers = [WebhookDispatcher(local, db, clock) for _ in range(3)]
    for carrier in carriers:
        carrier.tick()
    for carrier in carriers:
        carrier._pool.shutdown(wait=True)
    assert max(receiver.tries.values()) == 1
    assert len(receiver.taken) == 30


def test_secrets_rotate_with_both_signing(db: Any, local: Settings, receiver: Receiver) -> None:
    made, old = endpoint(db, local, receiver)
    now = dt.datetime.now(dt.UTC)
    new = webhooks.rotate(local, db, made, now)
    happen(db, "p_a")
    clock = Clock()
    clock.at = now
    round_(db, local, clock)
    _, headers, body = receiver.taken[0]
    for secret in (old, new):
        Webhook(secret).verify(body.decode(), headers)
    later = sending.signatures(
        local, webhooks.get(db, "vendor", made["_id"]), "e", b"{}", now + dt.timedelta(days=2)
    )
    assert len(later.split()) == 1


def test_secrets_are_stored_sealed(db: Any, local: Settings, receiver: Receiver) -> None:
    made, secret = endpoint(db, local, receiver)
    assert secret.removeprefix("whsec_") not in str(db.endpoints.find_one({"_id": made["_id"]}))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook", "https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/", "ftp://example.com",
        "https://169.254.169.254/latest", "https://user:pw@127.0.0.1/", "https://localhost/", "nonsense", "https://",
        "https://[::ffff:10.0.0.1]/",
    ],
)  # fmt: skip
def test_private_addresses_are_refused(db: Any, settings: Settings, url: str) -> None:
    with pytest.raises(InvalidField):
        webhooks.create(settings, db, org="vendor", url=url, types=None, now=NOW)
    assert db.endpoints.count_documents({}) == 0


def test_an_address_that_becomes_private_later_is_not_contacted(
    db: Any, settings: Settings, local: Settings, receiver: Receiver
) -> None:
    """The address is judged at each try, not only when the endpoint is made (DNS rebinding)."""
    endpoint(db, local, receiver)
    happen(db, "p_a")
    assert round_(db, settings, Clock()) == 0
    assert receiver.tries == {}
    assert db.deliveries.find_one({})["last"]["status"] is None


def test_what_is_judged_is_what_is_contacted() -> None:
    from urllib.parse import urlsplit

    url = "https://127.0.0.1:8443/x"
    with pytest.raises(FetchRefused):
        checked_address(url, urlsplit(url), allow_private=False)


def test_a_settled_delivery_keeps_the_reply_bounded(db: Any, local: Settings, receiver: Receiver) -> None:
    made, _ = endpoint(db, local, receiver)
    happen(db, "p_a")
    fan_out(db, made, NOW)
    delivery = db.deliveries.find_one({})
    settle(db, made, delivery, Reply(500, "x" * 10_000), NOW)
    assert len(db.deliveries.find_one({})["last"]["reason"]) == sending.REPLY_BYTES


def test_the_api_makes_changes_rotates_and_resends(
    client: FlaskClient, db: Any, auth: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "checked_address", lambda *_, **__: "203.0.113.1")
    made = client.post("/api/v1/webhooks", json={"url": "https://prm.example/hook"}, headers=auth())
    assert made.status_code == 201
    assert made.json["secret"].startswith("whsec_")
    path = f"/api/v1/webhooks/{made.json['id']}"
    shown = client.get(path, headers=auth())
    assert "secret" not in shown.json
    changed = client.patch(
        path, json={"enabled": False}, headers=auth() | {"If-Match": shown.headers["ETag"]}
    )
    assert changed.json["enabled"] is False
    stale = client.patch(path, json={"enabled": True}, headers=auth() | {"If-Match": shown.headers["ETag"]})
    assert stale.status_code == 412
    assert client.post(f"{path}/secrets", headers=auth()).json["secret"].startswith("whsec_")
    db.deliveries.insert_one({
        "_id": f"{made.json['id']}/evt_1", "org": "vendor", "endpoint": made.json["id"], "event": "evt_1", "seq": 1,
        "person": None, "state": "dead", "due_at": NOW, "tries": 10, "last": {"at": NOW, "status": 500, "reason": "no"},
    })  # fmt: skip
    dead = client.get(f"{path}/deliveries?state=dead", headers=auth()).json["items"]
    assert [(d["event"], d["last"]["status"]) for d in dead] == [("evt_1", 500)]
    db.deliveries.insert_one(
        {**db.deliveries.find_one({}), "_id": f"{made.json['id']}/evt_2", "event": "evt_2"}
    )
    page = client.get(f"{path}/deliveries?state=dead&limit=1", headers=auth()).json
    seen = [page["items"][0]["event"], client.get(page["next"], headers=auth()).json["items"][0]["event"]]
    assert sorted(seen) == ["evt_1", "evt_2"]
    db.deliveries.delete_one({"event": "evt_2"})
    assert client.post(f"{path}/deliveries/evt_1/resend", headers=auth()).json == {"events": 1}
    assert client.post(f"{path}/deliveries/evt_9/resend", headers=auth()).status_code == 404
    assert (
        client.post(
            "/api/v1/webhooks", json={"url": "https://x.example", "types": ["no"]}, headers=auth()
        ).status_code
        == 422
    )
    etag = client.get(path, headers=auth()).headers["ETag"]
    assert client.delete(path, headers=auth() | {"If-Match": etag}).status_code == 204
    assert db.deliveries.count_documents({}) == 0
