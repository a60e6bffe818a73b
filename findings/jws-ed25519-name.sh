#!/usr/bin/env bash
# One Ed25519 signature, two registered names: no "alg" value is taken by every JOSE library as it comes.
#
# Packages:  PyJWT 2.15.1, joserfc 1.8.0, jwcrypto 1.6.1, cryptography 50.0.2 (PyPI), jose 6.2.18 (npm).
# Guess:     RFC 9864 only renames EdDSA with this curve to Ed25519; a current library that verifies the one
#            verifies the other.
# Happens:   jose and jwcrypto take both. PyJWT takes EdDSA and does not know Ed25519. joserfc takes neither
#            unless the caller names it, and warns that EdDSA is deprecated when it is named.
# Seen:      EdDSA: PyJWT yes, joserfc no (named: yes), jwcrypto yes, jose yes
#            Ed25519: PyJWT no, joserfc no (named: yes), jwcrypto yes, jose yes
# Matters:   a badge or token signed under the new name, as a current JavaScript issuer may, is refused by Python
#            verifiers with PyJWT; under the old name it is on its way out. An issuer should write EdDSA for now,
#            a verifier should list both names for one key.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  PyJWT==2.15.1 joserfc==1.8.0 jwcrypto==1.6.1 cryptography==50.0.2
npm install --silent --no-audit --no-fund --ignore-scripts jose@6.2.18 >/dev/null

cat > run.py <<'PY'
import json
import warnings
from base64 import urlsafe_b64encode

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwk
from joserfc import jwt as rfc
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

warnings.simplefilter("ignore")
private = Ed25519PrivateKey.generate()


def coded(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


key = {"kty": "OKP", "crv": "Ed25519", "x": coded(private.public_key().public_bytes_raw())}
json.dump(key, open("key.json", "w"))


def judged(verify):
    try:
        return "yes" if "ana" in str(verify()) else "no"
    except Exception:
        return "no"


for name in ("EdDSA", "Ed25519"):
    body = ".".join(coded(json.dumps(part).encode()) for part in ({"alg": name}, {"sub": "ana"}))
    token = f"{body}.{coded(private.sign(body.encode()))}"
    open(f"{name}.jwt", "w").write(token)
    own = jwk.OKPKey.import_key(key)
    print(
        name,
        "PyJWT", judged(lambda: jwt.decode(token, private.public_key(), algorithms=[name])),
        "joserfc", judged(lambda: rfc.decode(token, own).claims),
        "named", judged(lambda: rfc.decode(token, own, algorithms=[name]).claims),
        "jwcrypto", judged(lambda: JWT(jwt=token, key=JWK(**key)).claims),
    )
PY
cat > run.mjs <<'JS'
import fs from 'fs';
import {importJWK, jwtVerify} from 'jose';
const key = await importJWK(JSON.parse(fs.readFileSync('key.json')), 'EdDSA');
for (const name of ['EdDSA', 'Ed25519']) {
  const judged = jwtVerify(fs.readFileSync(`${name}.jwt`, 'utf8'), key).then(() => 'yes', () => 'no');
  console.log('jose', await judged);
}
JS
venv/bin/python run.py > python.txt
seen=$(paste -d' ' python.txt <(node run.mjs))
want='EdDSA PyJWT yes joserfc no named yes jwcrypto yes jose yes
Ed25519 PyJWT no joserfc no named yes jwcrypto yes jose yes'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: the names EdDSA and Ed25519 divide current JOSE libraries"
