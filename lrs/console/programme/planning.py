"""Plans in the making: computed beside the request, with a page that shows how far they are.

plan_runs {_id, org: "vendor", by, files, begun_at, seen_at, done, of, plan?, problem?}
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import threading
from collections.abc import Sequence
from typing import Any, Final

from flask import Response
from pymongo import ASCENDING, IndexModel
from pymongo.errors import PyMongoError

from lrs.api.programme.rules import who
from lrs.api.rights import vendor_only
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import Services, current_services
from lrs.foundation.errors import UnknownThing
from lrs.people.auto_enrolment import admit
from rules.errors import RuleError
from rules.evaluation.award_ids import encode
from rules.publication import plans
from rules.stored import VENDOR

Document = dict[str, Any]
Files = Sequence[tuple[str, str]]
PATIENCE: Final = 2.0  # seconds: what is done by then needs no page of its own
SILENT: Final = dt.timedelta(
    minutes=2
)  # without a word for so long, a computation has ended with its process
KEPT: Final = 24 * 3600

INDEXES: dict[str, list[IndexModel]] = {
    "plan_runs": [IndexModel([("begun_at", ASCENDING)], expireAfterSeconds=KEPT)],
}

blueprint = Pages("console_planning", __name__)
log = logging.getLogger(__name__)


def begin(files: Files, by: str) -> Response:
    """Compute a plan, and lead to it where it is done at once, else to the page that shows how far it is."""
    services = current_services()
    now = services.now()
    run: Document = {
        "_id": encode(int(now.timestamp() * 1000) << 80 | secrets.randbits(80)), "org": VENDOR, "by": by,
        "files": [{"file": file, "text": text} for file, text in files],
        "begun_at": now, "seen_at": now, "done": 0, "of": 0,
    }  # fmt: skip
    services.db.plan_runs.insert_one(run)
    computing = threading.Thread(target=compute, args=(services, run), name="plan", daemon=True)
    computing.start()
    computing.join(PATIENCE)
    return follow(found_run(run["_id"]))


def compute(services: Services, run: Document) -> None:
    """Compute the plan of a run, and note how far it is, its plan or what kept it from being made."""
    db, here = services.db, {"_id": run["_id"], "org": VENDOR}

    def progress(done: int, of: int) -> None:
        db.plan_runs.update_one(here, {"$set": {"done": done, "of": of, "seen_at": services.now()}})

    files = [(one["file"], one["text"]) for one in run["files"]]
    try:
        made = plans.make_plan(db, files, services.now(), run["by"], admit, progress=progress)
        ended = {"plan": made["_id"]}
    except (RuleError, PyMongoError, ValueError, LookupError) as error:
        log.warning("plan run %s: %s", run["_id"], error)
        ended = {"problem": str(error)[:4000]}
    db.plan_runs.update_one(here, {"$set": {**ended, "seen_at": services.now()}})


def follow(run: Document) -> Response:
    """Lead to the plan that a run made, or to its page."""
    path = f"/console/plans/{run['plan']}" if "plan" in run else f"/console/plan-runs/{run['_id']}"
    return redirected(path)


def found_run(run: str) -> Document:
    """Return a run; raises UnknownThing."""
    found = current_services().db.plan_runs.find_one({"_id": run, "org": VENDOR})
    if found is None:
        raise UnknownThing("computation of a plan", run)
    return found


@blueprint.get("/console/plan-runs/<run>", scope="rules")
def plan_run(run: str) -> Response:
    """Show how far a plan is; once it is made, lead to it."""
    vendor_only()
    found = found_run(run)
    if "plan" in found:
        return follow(found)
    over = "problem" in found or current_services().now() - found["seen_at"] > SILENT
    return show("plan_run.html", 422 if "problem" in found else 200, run=found, over=over)


@blueprint.post("/console/plan-runs/<run>/again", scope="rules")
def plan_run_again(run: str) -> Response:
    """Begin anew what came to no end."""
    principal, found = vendor_only(), found_run(run)
    return begin([(one["file"], one["text"]) for one in found["files"]], who(principal))
