#!/usr/bin/env bash
# JSON Schema's "format": "duration" refuses durations that xAPI, cmi5 and SCORM write every day.
#
# Packages:  jsonschema 4.26.0 with isoduration 20.11.0, jsonschema-rs 0.61.2 (PyPI); ajv 8.20.0 with
#            ajv-formats 3.0.1 (npm). Draft 2020-12, format checking switched on in all three.
# Guess:     "duration" means ISO 8601, so a schema with it accepts result.duration, and the three agree.
# Happens:   the format is the grammar of RFC 3339, appendix A: whole numbers only, and no unit may be skipped
#            on the way from hours to seconds or from years to days. jsonschema-rs holds to it, ajv-formats
#            refuses fractions but lets units be skipped, jsonschema accepts all of these.
# Seen:      PT8.25S yes/no/no, PT1H30S yes/no/yes, PT1H30M yes/yes/yes, P1Y2D yes/no/yes
#            (jsonschema / jsonschema-rs / ajv)
# Matters:   xAPI names hundredths of a second as the precision of a duration, so a store whose schema says
#            "duration" turns away correct statements as soon as the validator is exchanged for a faster one
#            or the schema is handed to a client. A pattern of its own says what is meant.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check jsonschema==4.26.0 isoduration==20.11.0 jsonschema-rs==0.61.2
npm install --silent --no-audit --no-fund --ignore-scripts ajv@8.20.0 ajv-formats@3.0.1 >/dev/null

cat > run.py <<'PY'
import sys

import jsonschema
import jsonschema_rs

schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "string", "format": "duration"}
checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
python = jsonschema.Draft202012Validator(schema, format_checker=checker)
rust = jsonschema_rs.validator_for(schema, validate_formats=True)
for text in sys.argv[1:]:
    print(text, *("yes" if judge.is_valid(text) else "no" for judge in (python, rust)))
PY
cat > run.cjs <<'JS'
const Ajv = require('ajv/dist/2020').default;
const ajv = new Ajv();
require('ajv-formats').default(ajv);
const accepts = ajv.compile({type: 'string', format: 'duration'});
for (const text of process.argv.slice(2)) console.log(accepts(text) ? 'yes' : 'no');
JS
texts=(PT8.25S PT1H30S PT1H30M P1Y2D)
seen=$(paste -d' ' <(venv/bin/python run.py "${texts[@]}") <(node run.cjs "${texts[@]}"))
want='PT8.25S yes no no
PT1H30S yes no yes
PT1H30M yes yes yes
P1Y2D yes no yes'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: three validators, three readings of format duration"
