"""Marks cleared per second by one worker, alone and beside ingest."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from drive import wrk
from stand import ROOT

from lrs.demo.load import publish_rules
from lrs.people import add_person
from lrs.settings import to_env

if TYPE_CHECKING:
    from parts import Run

PEOPLE, EACH = 1000, 5
MODULES = ("overview", "competitive", "demo", "exam", "overview")


def mark_statements(db: Any, first: int) -> int:
    """Store statements that the published certifications look at; return how many."""
    import orjson

    from rules.relevance import relevance
    from statements.ingest import Writer, store_statements
    from statements.parse import parse_statements
    from statements.store import StatementStore

    account = {"objectType": "Agent", "account": {"homePage": "http://127.0.0.1:8080", "name": "bench"}}
    writer = Writer("bench", "lms", "vendor", account)
    is_relevant, now = relevance(db), dt.datetime.now(dt.UTC)
    for start in range(first, first + PEOPLE, 50):
        batch = [
            {
                "actor": {"mbox": f"mailto:learner{n:05d}@partner.example"},
                "verb": {
                    "id": f"http://adlnet.gov/expapi/verbs/{'passed' if module == 'exam' else 'completed'}"
                },
                "object": {"id": f"https://acme.example/xapi/sales/{module}"},
                "result": {"score": {"scaled": 0.9}},
            }
            for n in range(start, start + 50)
            for module in MODULES
        ]
        store_statements(
            StatementStore(db, "partner-07"), parse_statements(orjson.dumps(batch)), writer=writer,
            version="1.0.3", now=now, is_relevant=is_relevant,
        )  # fmt: skip
    return PEOPLE * EACH


def until_cleared(db: Any, count: int) -> float:
    """Return marks per second until none is left."""
    began = time.perf_counter()
    while db.statements.find_one({"pending": True}, {"_id": 1}) is not None:
        time.sleep(0.02)
        if time.perf_counter() - began > 300:
            raise RuntimeError("the worker does not work")
    return count / (time.perf_counter() - began)


def measure_evaluation(run: Run) -> dict[str, Any]:
    """Return marks per second with nothing else going on, and beside single POSTs at full speed."""
    from lrs.audit import Editor
    from lrs.groups import put_group

    db = run.place.database("evaluation")
    now = dt.datetime.now(dt.UTC)
    editor = Editor(db, {"kind": "user", "id": "bench", "name": "bench"}, now)
    person = add_person(editor, ["mbox::mailto:ines@vendor.example"])
    put_group(editor, "certified-assessors", [{"person": person["_id"], "from": None, "until": None}])
    publish_rules(db, now - dt.timedelta(days=30))
    auth = run.place.auths["evaluation"]["partner-07"]
    environ = to_env(run.place.settings("evaluation"), os.environ) | {"PYTHONPATH": str(ROOT)}
    result = {}
    with run.place.web("evaluation") as web, db.client:
        for name, first in (("marks/s, worker alone", 0), ("marks/s, beside single POSTs", PEOPLE)):
            count = mark_statements(db, first)
            load = None
            worker = subprocess.Popen([sys.executable, "-m", "lrs", "worker"], env=environ, cwd=ROOT)
            try:
                if "beside" in name:
                    load = subprocess.Popen(
                        [sys.executable, __file__, web.url, auth],
                        env=environ,
                        stdout=subprocess.PIPE,
                        text=True,
                    )
                result[name] = round(until_cleared(db, count), 1)
            finally:
                worker.terminate()
                worker.wait(30)
                if load is not None:
                    posts, _ = load.communicate()
                    result["single POSTs/s beside evaluation"] = float(posts or 0)
            run.say(f"  {name}: {result[name]:.0f}")
    return result


if __name__ == "__main__":
    beside = {"KIND": "post", "SIZE": "1", "AUTHS": sys.argv[2]}
    found = wrk(f"{sys.argv[1]}/xapi/statements", "write.lua", beside, connections=16, seconds=5, watched={})
    print(found["statements_s"])
