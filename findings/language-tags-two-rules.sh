#!/usr/bin/env bash
# JavaScript's Intl refuses language tags that RFC 5646 calls valid, and normalising tags can merge two names.
#
# Package:   langcodes 3.5.1 (PyPI); Intl of the Node that runs this (seen with Node 20).
# Guess:     Intl takes BCP 47 tags, so each key of an xAPI language map can be handed to it; and bringing tags to
#            their standard form keeps two keys of a map apart.
# Happens:   Intl follows Unicode's own grammar: extended languages (zh-yue), private tags (x-acme) and most of the
#            grandfathered ones (i-default) raise RangeError, though langcodes finds them valid as the RFC does.
#            Standard forms coincide: sh and sr-Latn are one, mo and ro are one, in both libraries; cmn-Hans
#            and zh-Hans are one in Intl and two in langcodes.
# Seen:      zh-yue yue/RangeError, x-acme x-acme/RangeError, i-default en-x-i-default/RangeError,
#            sh sr-Latn/sr-Latn, mo ro/ro, cmn-Hans cmn-Hans/zh-Hans (langcodes/Intl)
# Matters:   a page that formats by the key of a display map stops with an error for a valid statement; a store that
#            tidies keys loses one of two names, and its pages and its reports lose different ones. Compare
#            keys as the RFC does, keep them as sent, and guard each call of Intl.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check langcodes==3.5.1

cat > run.py <<'PY'
import sys

import langcodes

for tag in sys.argv[1:]:
    print(tag, "valid" if langcodes.tag_is_valid(tag) else "invalid", langcodes.standardize_tag(tag))
PY
cat > run.cjs <<'JS'
for (const tag of process.argv.slice(2)) {
  try { console.log(Intl.getCanonicalLocales(tag)[0]); } catch (error) { console.log(error.name); }
}
JS
tags=(zh-yue x-acme i-default sh sr-Latn mo ro cmn-Hans zh-Hans)
seen=$(paste -d' ' <(venv/bin/python run.py "${tags[@]}") <(node run.cjs "${tags[@]}"))
want='zh-yue valid yue RangeError
x-acme valid x-acme RangeError
i-default valid en-x-i-default RangeError
sh valid sr-Latn sr-Latn
sr-Latn valid sr-Latn sr-Latn
mo valid ro ro
ro valid ro ro
cmn-Hans valid cmn-Hans zh-Hans
zh-Hans valid zh-Hans zh-Hans'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: langcodes 3.5.1 and Intl differ on valid language tags"
