#!/usr/bin/env bash
# In scimmy "replace" with a path replaces a list, and without a path adds to it: who left stays in the group.
#
# Versions:  scimmy 1.3.5, scim-patch 0.8.3 (npm), scim2-models 0.12.3 (PyPI).
# Guess:     {"op": "replace", "path": "members", "value": [...]} and {"op": "replace", "value": {"members": [...]}} are two
#            ways to write one thing (RFC 7644, 3.5.2.3), so after either the group has the members sent.
# Happens:   scimmy gives single values the new one in both forms, and lists only in the first; in the second the members
#            sent are added to those that are there, also where they are there already. The others replace.
# Seen:      members 1, 2, replaced by 2: with path 2 in all; without path scimmy 1 2 2, scim-patch 2, scim2-models 2
# Matters:   courses are assigned to groups. After a directory that sends the second form has moved somebody, both groups
#            have them, and they are asked to do, and count as late for, what is no longer theirs; a mail address that was
#            replaced goes on getting notices. Tests of adding and of single values do not show it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check scim2-models==0.12.3
npm install --silent --no-audit --no-fund --ignore-scripts scimmy@1.3.5 scim-patch@0.8.3 >/dev/null

cat > operations.json <<'JSON'
{"with path": {"op": "replace", "path": "members", "value": [{"value": "2"}]},
 "without": {"op": "replace", "value": {"displayName": "Sales", "members": [{"value": "2"}]}}}
JSON
cat > run.mjs <<'JS'
import fs from 'fs';
import scimPatch from 'scim-patch';
import SCIMMY from 'scimmy';

const schemas = ['urn:ietf:params:scim:api:messages:2.0:PatchOp'];
const group = {id: '9', displayName: 'Support', members: [{value: '1'}, {value: '2'}]};
const members = (one) => one.members.map(({value}) => value).join(' ');
for (const [form, operation] of Object.entries(JSON.parse(fs.readFileSync('operations.json')))) {
  const patch = new SCIMMY.Messages.PatchOp({schemas, Operations: [operation]});
  console.log(`scimmy, ${form}: ${members(await patch.apply(new SCIMMY.Schemas.Group(group)))}`);
  console.log(`scim-patch, ${form}: ${members(scimPatch.scimPatch(structuredClone(group), [operation]))}`);
}
JS
cat > run.py <<'PY'
import json

from scim2_models import Group, PatchOp

for form, operation in json.load(open("operations.json")).items():
    group = Group(display_name="Support", members=[Group.Members(value="1"), Group.Members(value="2")])
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
    PatchOp[Group].model_validate(body).patch(group)
    print(f"scim2-models, {form}:", *(row.value for row in group.members))
PY
seen=$(node run.mjs && venv/bin/python run.py)
want='scimmy, with path: 2
scim-patch, with path: 2
scimmy, without: 1 2 2
scim-patch, without: 2
scim2-models, with path: 2
scim2-models, without: 2'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: scimmy 1.3.5 adds to a list that is replaced without a path"
