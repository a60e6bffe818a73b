#!/usr/bin/env bash
# openbadgeslib finds the key of a credential by its kid, and checks the status list with the first key of the DID.
#
# Versions:  openbadgeslib 4.6.3, PyJWT 2.15.1 (PyPI).
# Guess:     credential and status list are JWTs of the same form with the same kid, so both are checked with the
#            key that kid names, and the order of verificationMethod in did.json means nothing.
# Happens:   verify(check_status=True) takes the key that kid names for the credential and the
#            first of did.json for the list. With another key in front, the good credential is refused because
#            its good list "cannot be verified".
# Seen:      key of tokens first: accepted; key of embedded proofs first: refused
# Matters:   an issuer that adds a key (a rotation, Ed25519 beside RS256) keeps the one that signs lists in front.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check openbadgeslib==4.6.3 PyJWT==2.15.1 cryptography

cat > run.py <<'PY'
import datetime as dt
import json

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm
from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3.status_list import encode_bitstring
from openbadgeslib.ob3.verifier import OB3Verifier

DID, LIST = "did:web:issuer.example", "https://issuer.example/status/1"
now = dt.datetime.now(dt.UTC).replace(microsecond=0)
begun = (now - dt.timedelta(days=1)).isoformat().replace("+00:00", "Z")
rsa_key, okp_key = rsa.generate_private_key(public_exponent=65537, key_size=2048), ed25519.Ed25519PrivateKey.generate()


def method(name, jwk):
    return {"id": f"{DID}#{name}", "type": "JsonWebKey", "controller": DID, "publicKeyJwk": jwk}


METHODS = {
    "tokens": method("tokens", json.loads(RSAAlgorithm.to_jwk(rsa_key.public_key()))),
    "proofs": method("proofs", json.loads(OKPAlgorithm.to_jwk(okp_key.public_key()))),
}


def token(claims, name):
    subject = claims["credentialSubject"]["id"]
    since = int(now.timestamp()) - 60
    claims = {**claims, "iss": DID, "sub": subject, "jti": name, "nbf": since, "iat": since}
    return jwt.encode(claims, rsa_key, "RS256", headers={"kid": f"{DID}#tokens"})


status_list = token({
    "@context": ["https://www.w3.org/ns/credentials/v2"], "id": LIST, "issuer": DID, "validFrom": begun,
    "type": ["VerifiableCredential", "BitstringStatusListCredential"],
    "credentialSubject": {
        "id": f"{LIST}#list", "type": "BitstringStatusList", "statusPurpose": "revocation",
        "encodedList": encode_bitstring([]),
    },
}, LIST)
credential = token({
    "@context": ["https://www.w3.org/ns/credentials/v2", "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"],
    "id": "urn:uuid:6690e6c9-3ef0-4ed3-8b37-7f3964730bee", "validFrom": begun,
    "type": ["VerifiableCredential", "OpenBadgeCredential"], "issuer": {"id": DID, "type": ["Profile"], "name": "I"},
    "credentialSubject": {
        "id": "did:example:ana", "type": ["AchievementSubject"],
        "achievement": {
            "id": "https://issuer.example/a", "type": ["Achievement"], "name": "A", "description": "A",
            "criteria": {"narrative": "A"},
        },
    },
    "credentialStatus": {
        "id": f"{LIST}#5", "type": "BitstringStatusListEntry", "statusPurpose": "revocation",
        "statusListIndex": "5", "statusListCredential": LIST,
    },
}, "urn:uuid:6690e6c9-3ef0-4ed3-8b37-7f3964730bee")

for order in (["tokens", "proofs"], ["proofs", "tokens"]):
    document = {"@context": ["https://www.w3.org/ns/did/v1"], "id": DID,
                "verificationMethod": [METHODS[name] for name in order],
                "assertionMethod": [f"{DID}#{name}" for name in order]}
    served = {"https://issuer.example/.well-known/did.json": json.dumps(document).encode(), LIST: status_list.encode()}
    verifier = OB3Verifier.for_issuer_did(DID, download=served.__getitem__)
    verifier.verify(credential, check_status=False, download=served.__getitem__)
    try:
        verifier.verify(credential, check_status=True, download=served.__getitem__)
        print(f"{order[0]} first: accepted")
    except LibOpenBadgesException as error:
        print(f"{order[0]} first: refused")
        print(error, file=__import__("sys").stderr)
PY
seen=$(venv/bin/python run.py)
echo "$seen"
[[ $seen == $'tokens first: accepted\nproofs first: refused' ]] || { echo "this is not what was seen before"; exit 1; }
