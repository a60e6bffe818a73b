#!/usr/bin/env bash
# The same course packed twice has two identities: the identifiers of manifest, item and resource are made anew.
#
# Version:   simple-scorm-packager 0.2.7 (npm).
# Guess:     the identifier of a manifest names the course, and that of an item the SCO, so a corrected package can
#            be told from another course, and a learner's state found again by the SCO's identifier.
# Happens:   each run puts a new random UUID into the identifiers of manifest, item and resource; only that of the
#            organization stays.
# Seen:      organization same; manifest, item, resource different
# Matters:   a host that keys re-uploads, progress or certification rules on these identifiers takes a mended typo for
#            a new course, and everybody begins again. The host has to give ids of its own and be told what a new
#            package replaces.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts simple-scorm-packager@0.2.7 >/dev/null

cat > run.cjs <<'JS'
const pack = require('simple-scorm-packager');
const fs = require('fs');
console.log = () => {};
function identifiers(source) {
  fs.mkdirSync(source);
  fs.writeFileSync(`${source}/index.html`, '<p>the same page');
  const options = {version: '1.2', organization: 'o', title: 'T', startingPage: 'index.html', source: `./${source}`,
                   package: {name: 'x', version: '1.0.0', zip: false, outputFolder: './out'}};
  return new Promise((resolve) => pack(options, () => {
    const manifest = fs.readFileSync(`${source}/imsmanifest.xml`, 'utf8');
    const of = (tag) => new RegExp(`<${tag} identifier="([^"]*)"`).exec(manifest)[1];
    resolve(['organization', 'manifest', 'item', 'resource'].map((tag) => [tag, of(tag)]));
  }));
}
(async () => {
  const [first, second] = [await identifiers('one'), await identifiers('two')];
  const said = first.map(([tag, name], n) => `${tag} ${name === second[n][1] ? 'same' : 'different'}`);
  process.stdout.write(said.join(', ') + '\n');
})();
JS
seen=$(node run.cjs 2>/dev/null | tail -1)
want='organization same, manifest different, item different, resource different'
echo "seen: $seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: simple-scorm-packager 0.2.7 gives the same course new identifiers each time"
