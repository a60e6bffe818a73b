#!/usr/bin/env bash
# ralph refuses a statement in which the learner left the answer blank.
#
# Package:   ralph-malph 5.1.0 (PyPI).
# Guess:     the models accept what xAPI accepts; "response": "" is a string, and xAPI forbids null, not emptiness.
# Happens:   an empty string or object outside extensions is refused, and the message speaks of "empty values".
# Seen:      answer "Paris" accepted; answer "" refused at result.response, definition {} at object.definition:
#            Statements may not contain empty values except inside Extensions.
# Matters:   a quiz tool that reports an unanswered question as "" loses the whole batch at such a peer. A store
#            that forwards has to leave the member out for this peer, and must not copy the rule.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ralph-malph==5.1.0

cat > run.py <<'PY'
from pydantic import ValidationError
from ralph.models.xapi.base.statements import BaseXapiStatement


def judged(**members):
    statement = {
        "actor": {"mbox": "mailto:ana@example.org"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": "http://example.org/question"},
        **members,
    }
    try:
        BaseXapiStatement.model_validate(statement)
        return "accepted"
    except ValidationError as error:
        return " ".join((".".join(map(str, error.errors()[0]["loc"])), error.errors()[0]["msg"]))


def defined(definition):
    return judged(object={"id": "http://example.org/question", "definition": definition})


print("answer given:", judged(result={"response": "Paris"}))
print("answer blank:", judged(result={"response": ""}))
print("definition empty:", defined({}))
PY
seen=$(venv/bin/python run.py)
rule='Statements may not contain empty values except inside Extensions.'
want="answer given: accepted
answer blank: result.response $rule
definition empty: object.definition $rule"
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: ralph-malph 5.1.0 refuses a blank answer"
