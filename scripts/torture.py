"""Break a running Laurel on purpose, again and again, and compare with what it had acknowledged.

    .venv/bin/python scripts/torture.py [--faults 60] [--seed 1] [--pause 2.0] [--minutes 60]

Three MongoDB members, two machines with `lrs serve` before them, a mail server and a receiver of events.
Writers send each statement until it is acknowledged, and count documents up by their ETags. Meanwhile
processes and members are killed and held, links cut, disks filled, clocks stepped, in an order that the seed
fixes. At the end the histories are judged (scripts/torturing/judging.py); exit code 1 and the findings where
something does not hold. docs/reliability.md says what is broken, what has to hold, and has figures.

Links and disks need Linux namespaces (`unshare`, `ip`), clocks a C compiler;
what is not to be had is left out and said.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from bson import json_util
from bson.binary import UuidRepresentation
from pymongo import MongoClient

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from lrs.foundation.context import utc_now  # noqa: E402 -- as above
from lrs.people.auto_enrolment import admit  # noqa: E402 -- as above
from rules import rebuild  # noqa: E402 -- as above
from rules.catalogue.store import cache_of  # noqa: E402 -- as above
from rules.engine.engine import Engine  # noqa: E402 -- as above
from scripts.torturing import judging  # noqa: E402 -- found by the path above
from scripts.torturing.faults import Faults  # noqa: E402 -- as above
from scripts.torturing.histories import History  # noqa: E402 -- as above
from scripts.torturing.hosts import go_alone  # noqa: E402 -- as above
from scripts.torturing.stand import PATIENCE, Stand, standing, wait_for  # noqa: E402 -- as above

AS_TEXT: Final = json_util.JSONOptions(uuid_representation=UuidRepresentation.STANDARD)
VIEWED: Final = ("standings", "statements")
LATER: Final = timedelta(hours=1)  # after the end: what waits for a clock has its time

Say = Callable[[str], None]


def torture(
    count: int, seed: int, pause: float, minutes: float = 600.0, only: str = "", say: Say = print
) -> list[str]:
    """Let `count` faults happen, in so many minutes at most; return what does not hold.

    Of all kinds, or those whose name matches `only`.
    """
    chance, began = random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as name, standing(Path(name)) as stand:
        faults, history = Faults(stand, chance, pause, only), History(stand.machines)
        say(f"kinds of faults: {', '.join(faults.known)}")
        writers, done = history.threads(seed), Counter[str]()
        for writer in writers:
            writer.start()
        try:
            while done.total() < count and time.monotonic() < began + 60 * minutes:
                time.sleep(chance.uniform(0.2, pause))
                fault = faults.next()
                done[fault] += 1
                found, at = len(history.findings), time.monotonic() - began
                told = f"{history.requests} requests, {found} findings"
                say(f"{at:5.0f} s {done.total()}/{count} {fault}; {told}")
        finally:
            history.over.set()
            stand.all_well()
            for writer in writers:
                writer.join()
        kept = Path(tempfile.mkdtemp(prefix="torture-kept-"))
        found = judge(stand, history, say, kept)
        say(f"{done.total()} faults: {dict(done)}")
        if found:
            for machine in stand.machines:
                (kept / f"{machine.host.name}.log").write_text(machine.serve.text)
            say(f"what was stored before the rebuild, and what the servers said, is in {kept}")
        else:
            shutil.rmtree(kept)
    return found


def judge(stand: Stand, history: History, say: Say, kept: Path) -> list[str]:
    """Wait until all work is done, keep it, and return what does not agree with what was acknowledged."""
    stand.members.primary()
    history.last_numbers()
    if stand.has_clocks:
        for machine in stand.machines:
            machine.host.step(int(LATER.total_seconds()))
    with MongoClient[dict[str, Any]](
        stand.members.uri, tz_aware=True, uuidRepresentation="standard"
    ) as client:
        db = client.laurel
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: is_done(db, len(history.passed)), PATIENCE + len(history.passed) / 10)
        found = [*history.findings]
        if left := db.statements.count_documents({"pending": True}):
            found.append(f"{left} marks are left")
        stored = (str(row["id"]) for row in db.statements.find({"client": "torture-key"}, {"id": 1}))
        found += judging.judge_statements(history.statements, stored)
        found += judging.judge_records(db, history.passed)
        mails = {row["_id"]: row["state"] for row in db.mails.find({}, {"state": 1})}
        arrived = [one.strip("<>").partition("@")[0] for one in stand.receivers.mails]
        found += judging.judge_mails(mails, arrived)
        events = {row["_id"] for row in db.outbox.find({}, {"_id": 1})}
        found += judging.judge_events(events, stand.receivers.events)
        for document in history.documents:
            found += judging.judge_document(document)
        keep(db, kept)
        found += differences(db)
        kinds = Counter(one.kind for document in history.documents for one in document)
        stale = [since for document in history.documents for _, since in judging.out_of_date(document)]
        say(
            f"{len(history.statements)} statements, {len(history.passed)} passed, "
            f"{history.requests} requests; documents: {dict(kinds)}, "
            f"{len(stale)} out of date by at most {max(stale, default=0):.2f} s; "
            f"mails: {dict(Counter(mails.values()))}; events: {len(events)}, "
            f"{len(stand.receivers.events) - len(events)} more deliveries; {len(found)} findings"
        )
    return judging.shortened(found)


def keep(db: Any, folder: Path) -> None:
    """Keep what was stored, for whoever looks into findings: the rebuild puts right what was wrong."""
    for name in ("facts", "outbox", "awards", "credentials", "mails", "work", "people", *VIEWED):
        rows = (
            json_util.dumps(row, json_options=AS_TEXT) for row in db[name].find({}, {"raw": 0}).sort("_id")
        )
        (folder / f"{name}.ndjson").write_text("\n".join(rows))


def is_done(db: Any, passed: int) -> bool:
    """Tell whether everybody who passed was decided, told, and written to."""
    return bool(
        not db.statements.count_documents({"pending": True}, limit=1)
        and db.outbox.count_documents({"type": "credential.issued"}) >= passed
        and not db.outbox.count_documents({"unnumbered": True}, limit=1)
        and db.mails.count_documents({"state": {"$in": ["sent", "unconfirmed"]}}) >= passed
        and db.deliveries.count_documents({"state": "delivered"}) >= db.outbox.count_documents({})
    )


def differences(db: Any) -> list[str]:
    """Decide everybody anew, and return where that differs from what is there."""

    def now() -> Any:
        return utc_now() + LATER

    engine = Engine(db, cache_of(db), admit)
    job = rebuild.begin(db, now(), afresh=True)
    while not rebuild.progress(db, job).done:
        rebuild.run(engine, job, now)
    ended = rebuild.finish(engine, job, now(), with_tiers=False)
    return [f"rebuilt, it differs: {one}" for one in ended["listed"]]


def main() -> int:
    """Read the options, run, tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--pause", type=float, default=2.0, help="seconds, at most, between two faults")
    parser.add_argument("--minutes", type=float, default=600.0, help="after which no more faults happen")
    parser.add_argument("--only", default="", help="kinds of faults that match this expression")
    given = parser.parse_args()
    go_alone()
    print(f"seed {given.seed}", flush=True)
    said = lambda text: print(text, flush=True)  # noqa: E731
    found = torture(given.faults, given.seed, given.pause, given.minutes, given.only, said)
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
