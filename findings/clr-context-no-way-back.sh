#!/usr/bin/env bash
# The context of learner records (CLR 2.0.1) has no way back: compaction turns verifiableCredential into an address.
#
# Versions:  PyLD 3.3.0, openbadgeslib 4.6.3 (PyPI; its copy of context-2.0.1.json), jsonld 9.0.0 (npm).
# Guess:     a record written as the specification shows it is in compacted form: expanded and compacted with its own
#            contexts it is the same again, as an Open Badges credential is, but for lists of one.
# Happens:   the context gives ClrSubject's verifiableCredential the type cred:verifiableCredential. Objects are expanded
#            all the same, but on the way back the term fits only values of that type, so the member comes out under its
#            full address. The signed facts are the same; only the names are not.
# Seen:      badge: credentialSubject keeps its members; record: verifiableCredential is
#            https://purl.imsglobal.org/spec/vc/clr/vocab.html#verifiableCredential
# Matters:   openvc-core 1.37.0 asks that a document survives compaction before it trusts names, and so refuses every
#            record; whoever compacts a record and then looks for verifiableCredential finds none.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check PyLD==3.3.0 openbadgeslib==4.6.3
npm install --silent --no-audit --no-fund --ignore-scripts jsonld@9.0.0 >/dev/null

cat > run.py <<'PY'
import json
from pathlib import Path

import openbadgeslib
from pyld import jsonld

folder = Path(openbadgeslib.__file__).parent / "ob3" / "contexts"
VC, OB, CLR = (
    "https://www.w3.org/ns/credentials/v2", "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
    "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json",
)
NAMES = {VC: "credentials-v2.json", OB: "ob-v3p0-context-3.0.3.json", CLR: "clr_context_2.0.1.json"}
contexts = {url: json.loads((folder / name).read_text()) for url, name in NAMES.items()}
badge = {
    "@context": [VC, OB], "id": "urn:uuid:1", "type": ["VerifiableCredential", "OpenBadgeCredential"],
    "issuer": "did:example:i", "validFrom": "2026-01-01T00:00:00Z",
    "credentialSubject": {"id": "did:example:ana", "type": "AchievementSubject",
                          "achievement": {"id": "urn:uuid:2", "type": "Achievement", "name": "A"}},
}
record = {
    "@context": [VC, CLR, OB], "id": "urn:uuid:3", "type": ["VerifiableCredential", "ClrCredential"],
    "issuer": "did:example:i", "validFrom": "2026-01-01T00:00:00Z",
    "credentialSubject": {"id": "did:example:ana", "type": "ClrSubject", "verifiableCredential": [badge]},
}
Path("given.json").write_text(json.dumps({"contexts": contexts, "documents": {"badge": badge, "record": record}}))


def load(url, _):
    return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": url, "document": contexts[url]}


for name, document in {"badge": badge, "record": record}.items():
    found = jsonld.compact(document, document["@context"], {"documentLoader": load})
    print("PyLD", name, *sorted(found["credentialSubject"]))
PY
cat > run.mjs <<'JS'
import {readFileSync} from 'node:fs';
import jsonld from 'jsonld';
const {contexts, documents} = JSON.parse(readFileSync('given.json', 'utf8'));
const documentLoader = async url => ({document: contexts[url], documentUrl: url, contextUrl: null});
for (const [name, document] of Object.entries(documents)) {
  const found = await jsonld.compact(document, document['@context'], {documentLoader});
  console.log('jsonld', name, ...Object.keys(found.credentialSubject).sort());
}
JS
seen=$(venv/bin/python run.py && node run.mjs)
echo "$seen"
gone='https://purl.imsglobal.org/spec/vc/clr/vocab.html#verifiableCredential'
want="PyLD badge achievement id type
PyLD record $gone id type
jsonld badge achievement id type
jsonld record $gone id type"
[[ $seen == "$want" ]] || { echo "this is not what was seen before"; exit 1; }
