"""State documents written and read."""

from __future__ import annotations

from run import Figures, Run, line


def measure_documents(run: Run) -> Figures:
    """State documents written and read."""
    db = run.place.database("documents")
    auth = run.place.auths["documents"]["partner-07"]
    result = {}
    with run.place.web("documents") as web, db.client:
        base = {"AUTHS": auth, "SHAPE": "state"}
        path = "/xapi/activities/state"
        result["state PUT"] = run.measure(web, "read.lua", {**base, "WRITE_STATE": "1"}, 16, path)
        result["state GET"] = run.measure(web, "read.lua", base, 16, path)
        for name, found in result.items():
            run.say(line(name, found))
    return result
