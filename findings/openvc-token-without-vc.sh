#!/usr/bin/env bash
# openvc-core verifies credentials of VC Data Model 2.0, but not as the token that goes with that model.
#
# Versions:  openvc-core 1.37.0 (PyPI).
# Guess:     a library that verifies embedded proofs over VC Data Model 2.0 also takes its signed form, in which the
#            payload of the JWT is the credential itself (Securing Verifiable Credentials using JOSE and COSE).
# Happens:   the token is looked at by the rules of model 1.1 alone: without the claim `vc` around the credential it is
#            refused, although its signature holds; with the claim the same credential is taken.
# Seen:      credential as payload: ClaimsInvalid: no embedded `vc` object in token; inside vc: verified
# Matters:   whoever offers one form only is not read here: offer the embedded proof beside the token, and say which
#            one a verifier gets.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openvc-core==1.37.0 'PyJWT[crypto]==2.15.1'

cat > run.py <<'PY'
import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from openvc.did.did_web import DidWebResolver
from openvc.verify import verify_credential

DID = "did:web:issuer.example"
key, now = ec.generate_private_key(ec.SECP256R1()), int(time.time())
method = {"id": f"{DID}#k", "type": "JsonWebKey", "controller": DID,
          "publicKeyJwk": json.loads(ECAlgorithm.to_jwk(key.public_key()))}
document = {"@context": ["https://www.w3.org/ns/did/v1"], "id": DID, "verificationMethod": [method],
            "assertionMethod": [method["id"]]}
credential = {
    "@context": ["https://www.w3.org/ns/credentials/v2"], "id": "urn:uuid:6690e6c9-3ef0-4ed3-8b37-7f3964730bee",
    "type": ["VerifiableCredential"], "issuer": DID, "validFrom": "2026-01-01T00:00:00Z",
    "credentialSubject": {"id": "did:example:ana"},
}
claims = {"iss": DID, "jti": credential["id"], "sub": "did:example:ana", "nbf": now - 60}
for name, payload in (("credential as payload", {**credential, **claims}), ("inside vc", {"vc": credential, **claims})):
    token = jwt.encode(payload, key, "ES256", headers={"kid": method["id"]})
    try:
        verify_credential(token, resolver=DidWebResolver(lambda url, *_: document))
        print(f"{name}: verified")
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {error}")
PY
seen=$(venv/bin/python run.py)
echo "$seen"
want='credential as payload: ClaimsInvalid: no embedded `vc` object in token
inside vc: verified'
[[ $seen == "$want" ]] || { echo "this is not what was seen before"; exit 1; }
