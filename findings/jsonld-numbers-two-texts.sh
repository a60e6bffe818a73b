#!/usr/bin/env bash
# Two JSON-LD processors turn the same number into two signed texts; one of them turns two numbers into one.
#
# Packages:  jsonld 9.0.0 (npm), PyLD 3.3.0, pyoxigraph 0.5.13 (PyPI).
# Guess:     JSON numbers are JSON numbers: expanding and canonicalising a credential gives the same N-Quads
#            in each processor, and different scores give different ones.
# Happens:   JSON-LD 1.1 writes a fraction with 15 digits after the point. jsonld and PyLD do so, and 0.3 and
#            0.30000000000000004 (0.1 + 0.2) become the same text. pyoxigraph, whose canonicaliser is right, writes
#            every digit when it also parses the JSON-LD, and writes 1e20 as a double where the others
#            write an integer.
# Seen:      0.30000000000000004 is "3.0E-1", "3.0E-1", "3.0000000000000004E-1"; 1e20 is an integer of 21 digits
#            twice, then "1.0E20" (jsonld, PyLD, pyoxigraph)
# Matters:   averages and credit hours are such numbers. A proof made over pyoxigraph's own parse is refused by every
#            other verifier for one score in several, and good for the rest, so the tests pass. Expand with
#            JSON-LD's own rules, canonicalise with the fast library, and put scores into credentials as text.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check PyLD==3.3.0 pyoxigraph==0.5.13
npm install --silent --no-audit --no-fund --ignore-scripts jsonld@9.0.0 >/dev/null

cat > numbers.json <<'JSON'
{"@context": {"score": "https://example.org/score"}, "@id": "urn:example:1",
 "score": [0.3, 0.30000000000000004, 0.85, 100000000000000000000]}
JSON
cat > run.mjs <<'JS'
import fs from 'fs';
import jsonld from 'jsonld';
const options = {format: 'application/n-quads'};
process.stdout.write(await jsonld.toRDF(JSON.parse(fs.readFileSync('numbers.json')), options));
JS
cat > run.py <<'PY'
import json
import sys

import pyoxigraph
from pyld import jsonld

text = open("numbers.json").read()
if sys.argv[1] == "pyld":
    print(jsonld.to_rdf(json.loads(text), {"format": "application/n-quads"}), end="")
else:
    for quad in pyoxigraph.parse(text, format=pyoxigraph.RdfFormat.JSON_LD):
        print(quad)
PY
texts() { grep -o '"[^"]*"' | LC_ALL=C sort -u | tr '\n' ' '; }
seen="jsonld $(node run.mjs | texts)
pyld $(venv/bin/python run.py pyld | texts)
pyoxigraph $(venv/bin/python run.py oxigraph | texts)"
want='jsonld "100000000000000000000" "3.0E-1" "8.5E-1" 
pyld "100000000000000000000" "3.0E-1" "8.5E-1" 
pyoxigraph "1.0E20" "3.0000000000000004E-1" "3.0E-1" "8.5E-1" '
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: pyoxigraph 0.5.13 writes other numbers than jsonld 9.0.0 and PyLD 3.3.0"
