#!/usr/bin/env bash
# In SCORM 2004 a moment in whole UTC seconds is refused and one in milliseconds taken; for durations it is the reverse.
#
# Version:   scorm-again 3.4.3 (npm), SCORM 2004 runtime.
# Guess:     2026-01-01T10:00:00Z is the plainest timestamp there is, and milliseconds are fine in both kinds or in none.
# Happens:   the standard lets a zone follow only a fraction of a second, so 10:00:00Z and 10:00:00+02:00 are error
#            406, 10:00:00 and 10:00:00.0Z are taken. Beyond the standard's two digits scorm-again takes .123Z.
#            A session_time is taken with hundredths; with milliseconds it is 406 and the session's time is lost.
# Seen:      timestamps: 10:00:00Z 406, 10:00:00+02:00 406, 10:00:00 0, 10:00:00.0Z 0, 10:00:00.123Z 0;
#            durations: PT12.34S 0, PT12.345S 406
# Matters:   interactions whose time came from an xAPI tool have no timestamp when they arrive, and a unit that
#            measures milliseconds reports no time. A host needs its own clock, and "not reported" is not zero.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts scorm-again@3.4.3 >/dev/null

cat > run.mjs <<'JS'
import {Scorm2004API} from 'scorm-again';
Object.defineProperty(globalThis, 'navigator', {value: {onLine: true, sendBeacon: () => true}, configurable: true});
const api = new Scorm2004API({lmsCommitUrl: false, logLevel: 5});
api.Initialize('');
api.SetValue('cmi.interactions.0.id', 'question-1');
function error(element, text) {
  api.SetValue(element, text);
  return `${text} ${api.GetLastError()}`;
}
const day = '2026-01-01T10:00:00';
const moments = ['Z', '+02:00', '', '.0Z', '.123Z'].map((end) => error('cmi.interactions.0.timestamp', day + end));
const durations = ['PT12.34S', 'PT12.345S'].map((text) => error('cmi.session_time', text));
console.log([...moments, ...durations].join('\n'));
JS
seen=$(node run.mjs)
want='2026-01-01T10:00:00Z 406
2026-01-01T10:00:00+02:00 406
2026-01-01T10:00:00 0
2026-01-01T10:00:00.0Z 0
2026-01-01T10:00:00.123Z 0
PT12.34S 0
PT12.345S 406'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: scorm-again 3.4.3 wants a fraction before a zone and at most hundredths in a duration"
