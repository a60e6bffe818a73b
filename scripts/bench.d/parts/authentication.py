"""What Basic authentication takes of a single POST."""

from __future__ import annotations

import time
from collections.abc import Callable

import orjson
from run import Figures, Run

from lrs.access.auth import authenticate
from lrs.app import create_app


def measure_authentication(run: Run) -> Figures:
    """What Basic authentication takes of a single POST: processor time in one process."""
    db = run.place.database("auth")
    header = run.place.auths["auth"]["partner-07"]
    app = create_app(run.place.settings("auth"), db)
    headers = {"Authorization": header, "X-Experience-API-Version": "1.0.3"}
    body = orjson.dumps({
        "actor": {"mbox": "mailto:a@x.example"}, "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
        "object": {"id": "https://x.example/a"}, "result": {"score": {"scaled": 0.9}, "success": True},
    })  # fmt: skip
    client = app.test_client()

    def post() -> None:
        answer = client.post("/xapi/statements", data=body, content_type="application/json", headers=headers)
        assert answer.status_code == 200, answer.text

    post()  # the secret is verified and remembered now
    with app.app_context():
        alone = process_time_of(lambda: authenticate(header), 20_000)
    whole = process_time_of(post, 1_000)
    run.say(
        f"  authentication {alone * 1e6:.1f} us of {whole * 1e6:.0f} us of a single POST: {alone / whole:.1%}"
    )
    return {"authentication_us": alone * 1e6, "single_post_us": whole * 1e6, "share": alone / whole}


def process_time_of(act: Callable[[], object], times: int) -> float:
    """Return the processor seconds of one call."""
    began = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - began) / times
