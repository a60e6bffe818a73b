"""Kill whoever keeps the lake, at random moments, again and again; then compare lake and store.

    .venv/bin/python scripts/lake_kills.py [--kills 100] [--seed 1]

An own MongoDB gets statements, people and awards, loses some, and has people erased, while a process keeps
the lake as the worker does, with small batches and constant sorting so that a kill finds it at every step.
After every tenth kill, and at the end, `verify` must find no difference and no byte of the folder may name
who was erased. Exit code 1 where that is not so.
"""

from __future__ import annotations

import argparse
import io
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from factories import make_statement, make_store, send, voider  # noqa: E402 -- found by the path above

from lrs.foundation.context import utc_now  # noqa: E402 -- found by the path above
from lrs.foundation.database import connect  # noqa: E402 -- as above
from lrs.foundation.settings import Settings  # noqa: E402 -- as above
from lrs.indexes import ensure_indexes  # noqa: E402 -- as above
from lrs.lake import state, tending  # noqa: E402 -- as above
from lrs.lake.filling import Filler  # noqa: E402 -- as above
from lrs.running.mongod import find_mongod, start_mongod  # noqa: E402 -- as above

CHILD: Final = """
import datetime as dt, sys
from lrs.foundation.context import utc_now
from lrs.foundation.database import connect
from lrs.foundation.settings import Settings
from lrs.lake import filling, records, state, tending
state.LEASE = dt.timedelta(seconds=1)
filling.ROUND, tending.MANY_FILES, records.MANY_FILES = 20, 4, 4
db = connect(Settings(mongodb_uri=sys.argv[1], database=sys.argv[2]))
def told(module, name):
    done = getattr(module, name)
    def telling(*args, **options):
        print(name, flush=True)
        return done(*args, **options)
    setattr(module, name, telling)
told(tending, "compact"), told(tending, "forget")
told(filling.Filler, "_apply"), told(filling.Filler, "follow")
print("ready", flush=True)
while True:
    tending.keep(db, sys.argv[3], utc_now)
"""


class Life:
    """Changes the store all the time, in a thread, until it is stopped."""

    def __init__(self, db: Any, chance: random.Random) -> None:
        self.db, self.chance, self.n = db, chance, 0
        self.erased: list[str] = []
        self.stop, self.still = threading.Event(), threading.Lock()

    def run(self) -> None:
        """Do one thing after the other."""
        while not self.stop.is_set():
            with self.still:
                self.chance.choice([self.come, self.come, self.come, self.void, self.erase, self.award])()
            time.sleep(0.1)  # so that the keeper comes to sort and to clean, too

    def come(self) -> None:
        """Store some statements of new and known people."""
        store = make_store(self.db, self.chance.choice(["north", "south"]))
        for _ in range(self.chance.randrange(1, 8)):
            self.n += 1
            who = f"learner{self.chance.randrange(max(1, self.n - 40), self.n + 1):06d}"
            actor = {"mbox": f"mailto:{who}@kills.example"}
            send(store, make_statement(actor=actor, object={"id": f"https://kills.example/{self.n % 50}"}))
            person = {"org": "vendor", "name": who, "ifis": [{"ifi": f"mbox::mailto:{who}@kills.example"}]}
            self.db.people.replace_one({"_id": who}, person, upsert=True)

    def void(self) -> None:
        """Void a statement."""
        for one in self.db.statements.aggregate([{"$match": {"voids": None}}, {"$sample": {"size": 1}}]):
            send(make_store(self.db, one["org"]), voider(str(one["id"])))

    def erase(self) -> None:
        """Remove somebody with all that they did."""
        for one in self.db.people.aggregate([{"$sample": {"size": 1}}]):
            if self.n < 200:
                return
            self.erased.append(one["_id"])
            self.db.statements.delete_many({"actor": f"mbox::mailto:{one['_id']}@kills.example"})
            self.db.awards.delete_many({"person": one["_id"]})
            self.db.people.delete_one({"_id": one["_id"]})

    def award(self) -> None:
        """Give or renew an award."""
        n, now = self.chance.randrange(50), utc_now()
        period = {"n": 1, "kind": "award", "awarded_at": now, "valid_from": now, "awarded": "2026-01-01"}
        award = {"org": "vendor", "person": f"learner{n:06d}", "certification": "pro", "ordinal": 1}
        award |= {"awarded_at": now, "periods": [period]}
        self.db.awards.replace_one({"_id": f"a{n}"}, award, upsert=True)


def main() -> int:
    """Run, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="laurel-kills-") as folder:
        mongod = start_mongod(find_mongod().program, Path(folder) / "mongodb")
        try:
            return kills(mongod.uri, str(Path(folder) / "lake"), given.kills, chance)
        finally:
            mongod.stop()


def kills(uri: str, url: str, count: int, chance: random.Random) -> int:
    """Kill so many times; return the exit code."""
    db = connect(Settings(mongodb_uri=uri, database="kills"))
    ensure_indexes(db)
    filler = Filler(db, url, lambda: True)
    filler.create()
    filler.build(lambda _count: True)
    life, during, problems = Life(db, chance), Counter[str](), 0
    thread = threading.Thread(target=life.run)
    thread.start()
    try:
        for n in range(1, count + 1):
            during[killed(uri, url, chance)] += 1
            if n % 10 == 0 or n == count:
                problems += judged(db, url, life, n)
    finally:
        life.stop.set()
        thread.join()
        db.client.close()
    print(f"{count} kills, while it did: {dict(during)}; {problems} problems")
    return 1 if problems else 0


def killed(uri: str, url: str, chance: random.Random) -> str:
    """Let somebody keep the lake for a while and kill them; return what they did then."""
    command = [sys.executable, "-c", CHILD, uri, "kills", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(1 + chance.random() * 2)  # the lease of the one before has to run out
        process.kill()
        rest = process.stdout.read().split()
        if process.wait() != -9:
            raise RuntimeError(f"it ended by itself: {rest}")
    return rest[-1] if rest else "nothing"


def judged(db: Any, url: str, life: Life, n: int) -> int:
    """Compare while nothing changes; return how many problems there are."""
    with life.still:
        deadline = time.monotonic() + 60
        while tending.keep(db, url, utc_now) is None or (state.read(db) or {}).get("owes"):
            if time.monotonic() > deadline:
                raise RuntimeError("the lake is not given back")
            time.sleep(0.2)
        filler = Filler(db, url, lambda: True)
        found = [str(one) for one in tending.verify(db, filler)]
        gone = set(life.erased) - set(db.people.distinct("_id"))
        found += [f"{file} names somebody erased" for file in Path(url).rglob("*") if names(file, gone)]
        print(f"{n} kills: {filler.statements.count()} statements, {len(gone)} people erased", flush=True)
        print(f"    {found or 'no difference'}", flush=True)
    return len(found)


def names(file: Path, gone: set[str]) -> bool:
    """Tell whether a file, also inside of its compressed parts, names one of these."""
    if not file.is_file():
        return False
    body = file.read_bytes()
    inner = pq.read_table(io.BytesIO(body)).to_pylist() if body.startswith(b"PAR1") else ""
    text = f"{body.decode('latin-1')}{inner}"
    return any(f"{name}@" in text for name in gone)


if __name__ == "__main__":
    sys.exit(main())
