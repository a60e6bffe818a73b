"""Whatever is wrong with a request of any route, page or API, the answer is no failure of the server."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import KEY, SECRET, empty, worker_database
from pymongo import MongoClient
from spoilt_requests import Spoiler, send
from tour import Tour

from lrs.app import create_app
from lrs.demo.load import load
from lrs.foundation.settings import Settings

# many more: LAUREL_EDGE_REQUESTS=50000 LAUREL_EDGE_SEED=2 pytest tests/integration/attacks/test_spoilt_requests.py
COUNT = int(os.environ.get("LAUREL_EDGE_REQUESTS", "600"))
SEED = int(os.environ.get("LAUREL_EDGE_SEED", "1"))


@pytest.fixture
def spoiler(mongod: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoiler]:
    """The living example, and what a tour asked it."""
    name, folder = worker_database("_spoilt"), tmp_path_factory.mktemp("spoilt")
    settings = Settings(
        mongodb_uri=mongod, database=name, data_folder=folder, public_url="http://lrs.example",
        bootstrap_key=KEY, bootstrap_secret=SECRET, allow_private_addresses=True,
        content_url="http://*.content.example", lake_url=str(folder / "lake"),
    )  # fmt: skip
    options: dict[str, Any] = {"tz_aware": True, "uuidRepresentation": "standard"}
    with MongoClient[dict[str, Any]](mongod, **options) as client:
        db = client[name]
        empty(db)
        app = create_app(settings, db)
        load(db, settings, dt.datetime.now(dt.UTC), lambda _: None)
        made = Spoiler(db)
        tour = Tour(app, db, settings, look=db)
        made.listen(tour)
        tour.worker.lake.close()
        yield made
        client.drop_database(name)


@pytest.mark.filterwarnings(
    "ignore:.*SpooledTemporaryFile"
)  # of a broken multipart body, as werkzeug leaves it
def test_no_spoilt_request_is_answered_by_a_failure(spoiler: Spoiler) -> None:
    failed, statuses = [], dict[int, int]()
    for one in spoiler.requests(SEED, COUNT):
        status, kind, body = send(one)
        statuses[status] = statuses.get(status, 0) + 1
        if status >= 500:
            failed.append(f"{status} {one}: {body[:200]!r}")
            print(failed[-1], flush=True)
        elif kind in {"application/json", "application/problem+json"} and body:
            json.loads(body, parse_constant=_refuse)
    print(f"{len(spoiler.by_route())} routes, answers {dict(sorted(statuses.items()))}")
    assert not failed, f"{len(failed)} of {COUNT}:\n" + "\n".join(failed[:20])


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON")
