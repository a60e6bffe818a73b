#!/usr/bin/env bash
# tincanjs does not read back the durations it writes: whole hours grow, minutes become nothing.
#
# Version:   tincanjs 0.50.0 (npm).
# Guess:     the two helpers of one library, milliseconds to ISO 8601 and back, undo each other.
# Happens:   one hour is written as PT1H0S and read as 3,601,000 ms: the hours are counted a second time as
#            seconds, so N hours gain N seconds. A duration that ends in minutes is read as 0 ms.
#            A duration with minutes and seconds is right, which is why it stays unnoticed.
# Seen:      3600000 -> PT1H0S -> 3601000; 5400000 -> PT1H30M0S -> 5400000; PT1H30M -> 0; PT45M -> 0; PT2H -> 7202000
# Matters:   an activity built on this client shows a learner "0 minutes" for PT45M, and a store that tidies
#            PT1H30M0S into the equal PT1H30M turns 90 minutes into none. A store has to give durations back
#            letter for letter, and must not take a sum made by such a client for its own.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts tincanjs@0.50.0 >/dev/null

cat > run.cjs <<'JS'
const {Utils} = require('tincanjs');
const seen = [3600000, 5400000].map((ms) => {
  const text = Utils.convertMillisecondsToISO8601Duration(ms);
  return `${ms} -> ${text} -> ${Utils.convertISO8601DurationToMilliseconds(text)}`;
});
for (const text of ['PT1H30M', 'PT45M', 'PT2H']) {
  seen.push(`${text} -> ${Utils.convertISO8601DurationToMilliseconds(text)}`);
}
console.log(seen.join('; '));
JS
seen=$(node run.cjs)
want='3600000 -> PT1H0S -> 3601000; 5400000 -> PT1H30M0S -> 5400000; PT1H30M -> 0; PT45M -> 0; PT2H -> 7202000'
echo "seen: $seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: tincanjs 0.50.0 misreads durations, its own included"
