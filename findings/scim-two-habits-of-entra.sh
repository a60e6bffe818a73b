#!/usr/bin/env bash
# Two PATCH operations as Entra ID sends them: three SCIM libraries, three pairs of answers, and the strictest by default.
#
# Versions:  scim-patch 0.8.3, scimmy 1.3.5 (npm), scim2-models 0.12.3 (PyPI).
# Guess:     libraries for SCIM servers all take what the most used directory sends, or all refuse it, as the RFC does.
# Happens:   Entra ID takes members from a group by a remove with the members in "value", and sets the first mail
#            address by a path with a filter that no entry fits yet. scim-patch does both; scimmy removes and has no
#            target for the address; scim2-models refuses both until a ScimPolicy says otherwise, and then does both.
# Seen:      (remove / add) scim-patch done/done; scimmy done/noTarget; scim2-models invalidValue/noTarget, with policy done/done
# Matters:   creating users works everywhere, so the trial succeeds. Later, who left a group is still in it, and who got a
#            mailbox has no address here. A test has to send these two and look at the status and at what is kept; ours
#            did not, and Laurel refused both until this was written. Its test is
#            test_groups_with_the_dialects_of_entra_and_okta.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check scim2-models==0.12.3
npm install --silent --no-audit --no-fund --ignore-scripts scim-patch@0.8.3 scimmy@1.3.5 >/dev/null

cat > group.json <<'JSON'
{"op": "Remove", "path": "members", "value": [{"value": "1"}]}
JSON
cat > user.json <<'JSON'
{"op": "Add", "path": "emails[type eq \"work\"].value", "value": "ana@example.org"}
JSON
cat > run.mjs <<'JS'
import fs from 'fs';
import scimPatch from 'scim-patch';
import SCIMMY from 'scimmy';

const read = (name) => JSON.parse(fs.readFileSync(`${name}.json`));
const group = {id: '9', displayName: 'Sales', members: [{value: '1'}, {value: '2'}]};
const user = {id: '1', userName: 'ana'};
const members = (one) => (one.members.map(({value}) => value).join() === '2' ? 'done' : 'not done');
const email = (one) => (one.emails?.[0]?.value === 'ana@example.org' ? 'done' : 'not done');

const applied = (resource, name, judge) => judge(scimPatch.scimPatch(structuredClone(resource), [read(name)]));
console.log('scim-patch', applied(group, 'group', members), applied(user, 'user', email));

function asked(resource, name, judge) {
  const schemas = ['urn:ietf:params:scim:api:messages:2.0:PatchOp'];
  const patch = new SCIMMY.Messages.PatchOp({schemas, Operations: [read(name)]});
  return patch.apply(resource).then(judge, (error) => error.scimType);
}
console.log('scimmy', await asked(new SCIMMY.Schemas.Group(group), 'group', members),
  await asked(new SCIMMY.Schemas.User(user), 'user', email));
JS
cat > run.py <<'PY'
import json

from scim2_models import Group, PatchOp, SCIMException, ScimPolicy, User


def asked(kind, resource, name, judge):
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [json.load(open(f"{name}.json"))],
    }
    try:
        PatchOp[kind].model_validate(body).patch(resource)
    except SCIMException as error:
        return error.scim_type
    return "done" if judge(resource) else "not done"


def both():
    group = Group(display_name="Sales", members=[Group.Members(value="1"), Group.Members(value="2")])
    return (
        asked(Group, group, "group", lambda one: [row.value for row in one.members] == ["2"]),
        asked(User, User(user_name="ana"), "user", lambda one: one.emails[0].value == "ana@example.org"),
    )


print("scim2-models", *both())
with ScimPolicy(
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
):
    print("scim2-models with policy", *both())
PY
seen=$(node run.mjs && venv/bin/python run.py)
want='scim-patch done done
scimmy done noTarget
scim2-models invalidValue noTarget
scim2-models with policy done done'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: scim-patch 0.8.3, scimmy 1.3.5 and scim2-models 0.12.3 treat two operations of Entra ID in three ways"
