#!/usr/bin/env bash
# URDNA2015 is one name for two texts: a soft line break in a title makes Python and JavaScript hash differently.
#
# Packages:  PyLD 3.3.0 (PyPI), jsonld 9.0.0 with rdf-canonize 5.0.0 (npm).
# Guess:     both name the algorithm URDNA2015, so both give the same canonical text for the same document.
# Happens:   control characters of which N-Quads makes no mention by letter, such as the vertical tab or DEL, stay
#            as they are in PyLD and become \u000B and \u007F in rdf-canonize, which under the old name writes
#            what RDFC-1.0 prescribes. Tab, emoji and other scripts agree.
# Seen:      tab: same; emoji: same; vertical tab: differs; DEL: differs
# Matters:   slide editors put a vertical tab into a title for a soft line break. A badge of that title, signed
#            in Python with the algorithm that the suite's name asks for, does not verify in JavaScript. An issuer
#            has to canonicalise by RDFC-1.0, or keep control characters out of what it signs.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check PyLD==3.3.0
npm install --silent --no-audit --no-fund --ignore-scripts jsonld@9.0.0 rdf-canonize@5.0.0 >/dev/null

cat > run.py <<'PY'
import hashlib
import json

from pyld import jsonld

context = {"name": "https://example.com/v#name"}
for mark in ("\t", "\U0001f600", "\v", "\x7f"):
    badge = {"@context": context, "@id": "urn:example:1", "name": f"Safe{mark}Start"}
    text = jsonld.normalize(badge, {"algorithm": "URDNA2015", "format": "application/n-quads"})
    print(json.dumps(mark), hashlib.sha256(text.encode()).hexdigest())
PY
cat > run.mjs <<'JS'
import {createHash} from 'crypto';
import jsonld from 'jsonld';
const context = {name: 'https://example.com/v#name'};
for (const mark of ['\t', '\u{1f600}', '\v', '\x7f']) {
  const badge = {'@context': context, '@id': 'urn:example:1', name: `Safe${mark}Start`};
  const text = await jsonld.canonize(badge, {algorithm: 'URDNA2015', format: 'application/n-quads'});
  console.log(createHash('sha256').update(text).digest('hex'));
}
JS
seen=$(paste -d' ' <(venv/bin/python run.py) <(node run.mjs) |
  awk '{print $1, ($2 == $3 ? "same" : "differs")}')
want='"\t" same
"\ud83d\ude00" same
"\u000b" differs
"\u007f" differs'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: PyLD 3.3.0 and rdf-canonize 5.0.0 differ on control characters under one name"
