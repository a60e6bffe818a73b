#!/usr/bin/env bash
# pandas reads PT1.5H as five hours and one second, and one month as one minute, without a word.
#
# Versions:  pandas 3.1.1, isodate 0.7.2 (PyPI).
# Guess:     to_timedelta takes ISO 8601 durations, as its documentation says: it reads one rightly or raises.
# Happens:   a point is understood in seconds only. Before H, M or D what stands left of it is kept as seconds and what
#            stands right of it becomes the number: PT1.5H is 5 h and 1 s, PT0.75M is 75 min, P1.5D is 5 days and 1 s. An M
#            is a minute on either side of the T, so P1M is 60 s and P1M1D a day and a minute. Only years raise an error, and
#            so do three digits: PT100H is refused.
# Seen:      seconds of PT1H30M 5400, PT1.5H 18001, PT0.75M 4500, P1.5D 432001, P1M 60, P1M1D 86460; P1Y and PT100H refused
#            (isodate: 1:30, 1:30, 45 s, a day and a half, a month, a month and a day, a year, 100 hours)
# Matters:   ISO 8601 lets the smallest unit carry a fraction, so result.duration may be PT1.5H. Columns of learning time read
#            by pandas are right for a player that writes whole hours, minutes and fractions of seconds, and wrong for
#            another, without an error. Take seconds that the store has reckoned, or parse with isodate.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pandas==3.1.1 isodate==0.7.2

cat > run.py <<'PY'
import isodate
import pandas as pd


def pandas_seconds(text):
    try:
        return f"{pd.to_timedelta(pd.Series([text]))[0].total_seconds():g}"
    except ValueError as error:
        return "refused" if "Invalid ISO 8601" in str(error) else str(error)


for text in ("PT1H30M", "PT1.5H", "PT0.75M", "P1.5D", "P1M", "P1M1D", "P1Y", "PT100H"):
    print(f"{text}: {pandas_seconds(text)} ({isodate.parse_duration(text)})")
PY
seen=$(venv/bin/python run.py)
want='PT1H30M: 5400 (1:30:00)
PT1.5H: 18001 (1:30:00)
PT0.75M: 4500 (0:00:45)
P1.5D: 432001 (1 day, 12:00:00)
P1M: 60 (1 month, 0:00:00)
P1M1D: 86460 (1 month, 1 day, 0:00:00)
P1Y: refused (1 years, 0:00:00)
PT100H: refused (4 days, 4:00:00)'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: pandas 3.1.1 misreads fractions of hours, minutes and days, and takes months for minutes"
