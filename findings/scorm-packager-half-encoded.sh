#!/usr/bin/env bash
# The file addresses in a manifest of simple-scorm-packager are neither encoded nor raw: blanks are, nothing else is.
#
# Version:   simple-scorm-packager 0.2.7 (npm).
# Guess:     <file href> is a URL, so it is percent-encoded and can be decoded; or it is the file's name as it is.
# Happens:   blanks become %20, while #, % and letters beyond ASCII stay. So `c#d.txt` reads as c with a fragment,
#            and of `100%25.txt` (a file of that very name) and `a%20b.txt` (a file with a blank) one must be
#            decoded and the other must not.
# Seen:      "a b.txt" a%20b.txt; "c#d.txt" c#d.txt; "100%25.txt" 100%25.txt; "ü.txt" ü.txt
# Matters:   an importer that decodes loses one file, one that does not loses another, and one that parses URLs a
#            third. A host has to look for the name as written first, then decoded, and never refuse a package for a
#            file that its manifest alone misses.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts simple-scorm-packager@0.2.7 >/dev/null

mkdir course
for name in index.html 'a b.txt' 'c#d.txt' '100%25.txt' 'ü.txt'; do echo x >"course/$name"; done
cat > run.cjs <<'JS'
const pack = require('simple-scorm-packager');
const fs = require('fs');
console.log = () => {};
pack({version: '1.2', organization: 'o', title: 'T', startingPage: 'index.html', source: './course',
      package: {name: 'x', version: '1.0.0', zip: false, outputFolder: './out'}}, () => {
  const manifest = fs.readFileSync('course/imsmanifest.xml', 'utf8');
  const hrefs = [...manifest.matchAll(/<file href="([^"]*)"/g)].map((found) => found[1]).sort();
  process.stdout.write(hrefs.filter((one) => one !== 'index.html').join(' ') + '\n');
});
JS
seen=$(node run.cjs 2>/dev/null | tail -1)
want='100%25.txt a%20b.txt c#d.txt ü.txt'
echo "seen: $seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: simple-scorm-packager 0.2.7 encodes blanks in file addresses, and nothing else"
