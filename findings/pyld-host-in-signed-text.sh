#!/usr/bin/env bash
# PyLD signs a host nobody wrote: what is relative is resolved against http://example.org/base/.
#
# Packages:  PyLD 3.3.0 (PyPI), jsonld 9.0.0 (npm).
# Guess:     a document given as an object has no base, so a relative id stays out of the canonical text or
#            is refused, as in JavaScript.
# Happens:   canonicalising a document with "@id": "badge-1" gives statements about
#            http://example.org/base/badge-1. A type that no context defines gets the same host. jsonld leaves the
#            node out, and refuses it in its safe mode.
# Seen:      PyLD: <http://example.org/base/badge-1> and <http://example.org/base/Gold>; jsonld: nothing; safe mode:
#            Safe mode validation error.
# Matters:   a proof over this text is valid where PyLD signs and PyLD verifies, so a test suite in one language
#            stays green, and every JavaScript verifier refuses the credential. An issuer has to refuse
#            an expansion in which that host turns up.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check PyLD==3.3.0
npm install --silent --no-audit --no-fund --ignore-scripts jsonld@9.0.0 >/dev/null

cat > badge.json <<'JSON'
{"@context": {"Badge": "https://example.com/v#Badge", "name": "https://example.com/v#name"},
 "@id": "badge-1", "@type": ["Badge", "Gold"], "name": "Associate"}
JSON
cat > run.py <<'PY'
import json

from pyld import jsonld

options = {"algorithm": "URDNA2015", "format": "application/n-quads"}
print(jsonld.normalize(json.load(open("badge.json")), options), end="")
PY
cat > run.mjs <<'JS'
import fs from 'fs';
import jsonld from 'jsonld';
const badge = JSON.parse(fs.readFileSync('badge.json'));
const options = {algorithm: 'RDFC-1.0', format: 'application/n-quads'};
console.log(`open: ${JSON.stringify(await jsonld.canonize(badge, {...options, safe: false}))}`);
await jsonld.canonize(badge, {...options, safe: true}).catch((error) => console.log(`safe: ${error.message}`));
JS
python=$(venv/bin/python run.py)
javascript=$(node run.mjs)
printf '%s\n%s\n' "$python" "$javascript"
for made_up in '<http://example.org/base/badge-1>' '<http://example.org/base/Gold>'; do
  grep -qF "$made_up" <<<"$python" || { echo "CHANGED: PyLD no longer writes $made_up"; exit 1; }
done
[ "$javascript" = 'open: ""
safe: Safe mode validation error.' ] || { echo "CHANGED: jsonld treats the relative id otherwise"; exit 1; }
echo "holds: PyLD 3.3.0 makes up a host for relative ids and unknown types, jsonld 9.0.0 does not"
