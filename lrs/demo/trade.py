"""What the people of the living example sell; the deals of certified sellers go better."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
from collections.abc import Iterator

from lrs.analysis.deals import COLUMNS
from lrs.demo.cast import CAST, Learner

DEALS = 4  # of each seller


def deals_csv(now: dt.datetime) -> io.StringIO:
    """Return the deals as CSV, as a CRM would export them; the same in every run but for the dates."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for learner in CAST:
        if learner.role == "sales":
            writer.writerows(_deals(learner, now))
    out.seek(0)
    return out


def _deals(learner: Learner, now: dt.datetime) -> Iterator[list[object]]:
    chance = random.Random(f"deals of {learner.name}")
    for number in range(1, DEALS + 1):
        days = chance.randrange(5, 700)
        is_certified = learner.plot.startswith("sales_") and days < learner.days
        won = chance.random() < (0.7 if is_certified else 0.4)
        created = (now - dt.timedelta(days=days)).date().isoformat()
        deal = f"{learner.name.split()[0].lower()}-{number}"
        amount = chance.randrange(8, 90) * 1000
        yield [deal, learner.org, learner.mailbox, "acme-platform", created, str(won).lower(), amount]
