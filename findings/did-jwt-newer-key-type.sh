#!/usr/bin/env bash
# did-jwt finds no key of the type JsonWebKey, which replaced JsonWebKey2020, and says that the issuer has no key.
#
# Versions:  did-jwt-vc 4.0.16 with the did-jwt that it draws, jose 6.2.18 (npm).
# Guess:     a DID document with keys as JsonWebKey (Controlled Identifiers 1.0, of the year of VC Data Model 2.0) is
#            read by every verifier that read JsonWebKey2020: the member publicKeyJwk is the same.
# Happens:   the types for an algorithm are a fixed list that ends with JsonWebKey2020. A method of another type is
#            passed over, and the error says that the issuer has no such key; with the old name it verifies.
# Seen:      JsonWebKey2020: verified; JsonWebKey: no_suitable_keys
# Matters:   Veramo 7.0.1 stands on it too: an issuer that follows the newer specification is told that it has no keys,
#            or, where another key is a Multikey, that its signature is invalid. Look at the type of the key before
#            looking for a fault in signing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts did-jwt-vc@4.0.16 jose@6.2.18 >/dev/null

cat > run.mjs <<'JS'
import * as jose from 'jose';
import {verifyCredential} from 'did-jwt-vc';

const did = 'did:web:issuer.example';
const {publicKey, privateKey} = await jose.generateKeyPair('ES256');
const publicKeyJwk = await jose.exportJWK(publicKey);
const token = await new jose.SignJWT({
  vc: {'@context': ['https://www.w3.org/2018/credentials/v1'], type: ['VerifiableCredential'], credentialSubject: {}},
}).setProtectedHeader({alg: 'ES256', typ: 'JWT', kid: `${did}#k`}).setIssuer(did).setSubject('did:example:ana').setNotBefore('-1m').sign(privateKey);

for (const type of ['JsonWebKey2020', 'JsonWebKey']) {
  const didDocument = {
    '@context': 'https://www.w3.org/ns/did/v1', id: did, assertionMethod: [`${did}#k`],
    verificationMethod: [{id: `${did}#k`, type, controller: did, publicKeyJwk}],
  };
  const resolver = {resolve: async () => ({didDocument, didResolutionMetadata: {}, didDocumentMetadata: {}})};
  try {
    await verifyCredential(token, resolver);
    console.log(`${type}: verified`);
  } catch (error) {
    console.log(`${type}: ${error.message}`);
  }
}
JS
seen=$(node run.mjs)
echo "$seen"
want='JsonWebKey2020: verified
JsonWebKey: no_suitable_keys: DID document for did:web:issuer.example does not have public keys for ES256'
[[ $seen == "$want" ]] || { echo "this is not what was seen before"; exit 1; }
