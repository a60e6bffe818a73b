#!/usr/bin/env bash
# A session at 10:00 in Berlin, written by ical-generator, starts when it is 10:00 where the reader sits, or at another hour.
#
# Versions:  ical-generator 11.1.2, ical.js 2.2.1, luxon 3.7.2 (npm), icalendar 7.3.2 (PyPI).
# Guess:     createEvent({start, timezone: 'Europe/Berlin'}) fixes the moment: the start is an instant, and the zone is how it is
#            written, with the zone's rules in the calendar, as RFC 5545 (3.6.5) demands.
# Happens:   there is no VTIMEZONE unless a generator of one is given. Python's icalendar knows the name of the zone and reads
#            Berlin; ical.js, which knows a zone by its VTIMEZONE alone, reads a floating time, that of the reader's own
#            clock. And a start that is a Date is written as the wall clock of the machine and labelled Berlin; only
#            one that carries its zone (luxon) is written as 10:00.
# Seen:      start 09:00Z, luxon: written 100000; icalendar 09:00Z, ical.js 10:00Z read in UTC and 15:00Z in New York; Date:
#            written 090000 on a machine in UTC, which icalendar reads as 08:00Z, and 040000 on one in New York, 03:00Z
# Matters:   invitations to classroom and exam sessions are right in the office where they are tested and wrong for who sits
#            elsewhere. Laurel writes starts in UTC:
#            test_the_feed_has_what_is_booked_and_taught_under_an_address_that_is_kept_as_a_hash.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check icalendar==7.3.2 tzdata
npm install --silent --no-audit --no-fund --ignore-scripts ical-generator@11.1.2 ical.js@2.2.1 luxon@3.7.2 >/dev/null

cat > run.mjs <<'JS'
import fs from 'fs';
import ical from 'ical-generator';
import ICAL from 'ical.js';
import {DateTime} from 'luxon';

const instant = new Date('2026-02-02T09:00:00Z');
const starts = {date: instant, luxon: DateTime.fromJSDate(instant, {zone: 'Europe/Berlin'})};
for (const [kind, start] of Object.entries(starts)) {
  const calendar = ical({prodId: '-//example//sessions//EN'});
  calendar.createEvent({id: kind, start, timezone: 'Europe/Berlin', summary: 'Exam'});
  const text = calendar.toString();
  fs.writeFileSync(`${kind}.ics`, text);
  const event = new ICAL.Component(ICAL.parse(text)).getFirstSubcomponent('vevent');
  const read = event.getFirstPropertyValue('dtstart');
  console.log(`${process.env.TZ}, ${kind}: ${text.match(/DTSTART.*/)[0].trim()}, VTIMEZONE ${text.includes('VTIMEZONE')}, ` +
    `ical.js ${read.zone.tzid} ${read.toJSDate().toISOString().slice(11, 16)}Z`);
}
JS
cat > run.py <<'PY'
import datetime as dt
from pathlib import Path

from icalendar import Calendar

for kind in ("date", "luxon"):
    [event] = Calendar.from_ical(Path(f"{kind}.ics").read_bytes()).walk("VEVENT")
    print(f"{kind}: icalendar", event.start.tzinfo, event.start.astimezone(dt.UTC).strftime("%H:%MZ"))
PY
seen=$(for zone in UTC America/New_York; do TZ=$zone node run.mjs; TZ=$zone venv/bin/python run.py; done)
want='UTC, date: DTSTART;TZID=Europe/Berlin:20260202T090000, VTIMEZONE false, ical.js floating 09:00Z
UTC, luxon: DTSTART;TZID=Europe/Berlin:20260202T100000, VTIMEZONE false, ical.js floating 10:00Z
date: icalendar Europe/Berlin 08:00Z
luxon: icalendar Europe/Berlin 09:00Z
America/New_York, date: DTSTART;TZID=Europe/Berlin:20260202T040000, VTIMEZONE false, ical.js floating 09:00Z
America/New_York, luxon: DTSTART;TZID=Europe/Berlin:20260202T100000, VTIMEZONE false, ical.js floating 15:00Z
date: icalendar Europe/Berlin 03:00Z
luxon: icalendar Europe/Berlin 09:00Z'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: ical-generator 11.1.2 writes a zone without its rules, and ical.js 2.2.1 reads it as floating"
