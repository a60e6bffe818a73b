#!/usr/bin/env bash
# Reading a statement with a Python xAPI model and writing it out again gives another statement under the same id.
#
# Packages:  tincan 1.0.0, ralph-malph 5.1.0 (PyPI).
# Guess:     from_json then to_json, or model_validate then model_dump_json, is the identity but for whitespace
#            and filled-in defaults.
# Happens:   tincan turns a month into 30 days and drops an extension whose value is null. ralph does the former
#            too, writes numbers of a score as strings, puts the domain of the mail address in lower case, and
#            loses the choices of a question: its check for equal ids keeps nothing of what it checked.
# Seen:      tincan: duration P30DT00H00M00S, extensions {}, raw 85.0, choices kept
#            ralph: duration P30D, extension null kept, raw "85", mailto:Ana@example.org, choices lost
# Matters:   a gateway of either kind that sends a statement twice, once as it came and once rewritten, earns 409 from
#            a store that compares; a changed mail address is another person; and a question without its
#            choices cannot be reported on. A store has to keep and give back the sender's own text.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check tincan==1.0.0 ralph-malph==5.1.0

cat > run.py <<'PY'
import json

from ralph.models.xapi.base.statements import BaseXapiStatement
from tincan import Statement

TEXT = json.dumps({
    "id": "6690e6c9-3ef0-4ed3-8b37-7f3964730bee",
    "actor": {"mbox": "mailto:Ana@Example.ORG"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
    "object": {"id": "http://example.org/question", "definition": {
        "type": "http://adlnet.gov/expapi/activities/cmi.interaction", "interactionType": "choice",
        "choices": [{"id": "a", "description": {"en": "A"}}, {"id": "b", "description": {"en": "B"}}],
    }},
    "result": {"score": {"raw": 85}, "duration": "P1M", "extensions": {"http://example.org/hint": None}},
})
written = {
    "tincan": Statement.from_json(TEXT).to_json(),
    "ralph": BaseXapiStatement.model_validate_json(TEXT).model_dump_json(exclude_none=True, by_alias=True),
}
for name, text in written.items():
    statement = json.loads(text)
    result = statement["result"]
    print(name, result["duration"], json.dumps(result["extensions"]), json.dumps(result["score"]["raw"]),
          statement["actor"]["mbox"], len(statement["object"]["definition"].get("choices", [])))
PY
seen=$(venv/bin/python run.py)
want='tincan P30DT00H00M00S {} 85.0 mailto:Ana@Example.ORG 2
ralph P30D {"http://example.org/hint": null} "85" mailto:Ana@example.org 0'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: tincan 1.0.0 and ralph-malph 5.1.0 rewrite what passes through them"
