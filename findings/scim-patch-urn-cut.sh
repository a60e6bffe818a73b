#!/usr/bin/env bash
# scim-patch cuts the name of an extension at its last colon and keeps the department under a schema that is not there.
#
# Versions:  scim-patch 0.8.3 (npm), scim2-models 0.12.3 (PyPI).
# Guess:     a PATCH without path whose value holds the enterprise extension as an object, the form in which RFC 7643 (3.3)
#            has it in every resource, sets what the form with path URN:department sets.
# Happens:   without path the name of the extension is read as schema and attribute: what stands before the last colon
#            becomes a member of its own, "User" one inside it, and the extension that is there keeps its old department.
#            No error is raised. The same happens with the URN alone as path; with the attribute behind it, and in
#            scim2-models in every form, it is right.
# Seen:      attribute in the path: Sales, nothing else; object without path and URN as path: old department, and
#            urn:ietf:params:scim:schemas:extension:enterprise:2.0 with {"User": {"department": "Sales"}}
# Matters:   department and cost centre decide which training somebody is assigned. A directory that sends the object is
#            answered with success and its people keep the courses of their old department; a test that names the
#            attribute in the path does not find it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check scim2-models==0.12.3
npm install --silent --no-audit --no-fund --ignore-scripts scim-patch@0.8.3 >/dev/null

cat > patches.json <<'JSON'
[{"op": "replace", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "Sales"},
 {"op": "replace", "value": {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"}}},
 {"op": "replace", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "value": {"department": "Sales"}}]
JSON
cat > user.json <<'JSON'
{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
 "userName": "ana", "meta": {"resourceType": "User"},
 "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Support"}}
JSON
cat > run.cjs <<'JS'
const fs = require('fs');
const {scimPatch} = require('scim-patch');
for (const operation of JSON.parse(fs.readFileSync('patches.json'))) {
  const user = scimPatch(JSON.parse(fs.readFileSync('user.json')), [operation]);
  const kept = Object.entries(user).filter(([name]) => name.includes('enterprise'));
  console.log('scim-patch', ...kept.map(([name, value]) => `${name.split('enterprise:')[1]} ${JSON.stringify(value)}`));
}
JS
cat > run.py <<'PY'
import json

from scim2_models import EnterpriseUser, PatchOp, User

for operation in json.load(open("patches.json")):
    user = User[EnterpriseUser].model_validate(json.load(open("user.json")))
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
    PatchOp[User[EnterpriseUser]].model_validate(body).patch(user)
    kept = {name: value for name, value in user.model_dump(exclude_none=True).items() if "enterprise" in name}
    print("scim2-models", *(f"{name.split('enterprise:')[1]} {json.dumps(value)}" for name, value in kept.items()))
PY
seen=$(node run.cjs && venv/bin/python run.py)
want='scim-patch 2.0:User {"department":"Sales"}
scim-patch 2.0:User {"department":"Support"} 2.0 {"User":{"department":"Sales"}}
scim-patch 2.0:User {"department":"Support"} 2.0 {"User":{"department":"Sales"}}
scim2-models 2.0:User {"department": "Sales"}
scim2-models 2.0:User {"department": "Sales"}
scim2-models 2.0:User {"department": "Sales"}'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: scim-patch 0.8.3 cuts the URN of an extension at its last colon unless an attribute follows"
