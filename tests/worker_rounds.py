"""Let a worker work until nothing is left to do, without its loop and its clock."""

from __future__ import annotations

from lrs.running.worker import BACKLOG, CREDENTIALS, DECISIONS, EVENTS, TIERS, WorkerServices


def round_of_work(services: WorkerServices) -> bool:
    """Do one round: live work first, the backlog only when there is none; tells whether anything was done."""
    busy = [step(services) for step in (*DECISIONS, *EVENTS, *TIERS, *CREDENTIALS)]
    return any(busy) or any([step(services) for step in BACKLOG])  # noqa: C419 -- each step is to be done


def until_quiet(services: WorkerServices, rounds: int = 1000) -> None:
    """Work until nothing is left to do; raises RuntimeError if that never comes."""
    for _ in range(rounds):
        if not round_of_work(services):
            return
    raise RuntimeError(f"there was still work after {rounds} rounds")
