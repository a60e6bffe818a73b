#!/usr/bin/env bash
# checkStatus of the newer status list package says verified: true of a revoked credential; the older one said false.
#
# Versions:  @digitalbazaar/vc-bitstring-status-list 2.0.1, @digitalcredentials/vc-status-list 9.0.0 (npm).
# Guess:     both have the same API, so "verified" of checkStatus answers the same question in both: is the
#            credential still good?
# Happens:   for StatusList2021 verified is false as soon as the bit is set. For BitstringStatusList, on purpose
#            since its 2.0.0, it says only that the list could be read and fits; the bit itself is in
#            results[].status, and true there means revoked.
# Seen:      2021: bit clear verified true, bit set verified false; bitstring: verified true both times, status
#            false then true
# Matters:   whoever moves from the one list type to the other has to read status instead of verified, and a test
#            with a good certificate does not tell: a verification page needs a revoked one among its examples.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts \
  @digitalbazaar/vc-bitstring-status-list@2.0.1 @digitalcredentials/vc-status-list@9.0.0 >/dev/null

cat > run.mjs <<'JS'
import * as bitstring from '@digitalbazaar/vc-bitstring-status-list';
import * as list2021 from '@digitalcredentials/vc-status-list';

const issuer = 'https://issuer.example';
const id = 'https://issuer.example/list/1';

async function checked(library, entryType, revoked) {
  const list = await library.createList({length: 131072});
  list.setStatus(7, revoked);
  const document = {...await library.createCredential({id, list, statusPurpose: 'revocation'}), issuer};
  const credential = {
    '@context': document['@context'], type: ['VerifiableCredential'], issuer,
    credentialSubject: {id: 'did:example:ana'},
    credentialStatus: {
      id: `${id}#7`, type: entryType, statusPurpose: 'revocation', statusListIndex: '7', statusListCredential: id,
    },
  };
  const {verified, results} = await library.checkStatus({
    credential, documentLoader: async () => ({document}), suite: {},
    verifyStatusListCredential: false, verifyBitstringStatusListCredential: false,
  });
  return `verified ${verified} status ${results[0].status}`;
}
for (const revoked of [false, true]) {
  console.log(`2021, bit ${revoked}: ${await checked(list2021, 'StatusList2021Entry', revoked)}`);
  console.log(`bitstring, bit ${revoked}: ${await checked(bitstring, 'BitstringStatusListEntry', revoked)}`);
}
JS
seen=$(node run.mjs)
want='2021, bit false: verified true status undefined
bitstring, bit false: verified true status false
2021, bit true: verified false status undefined
bitstring, bit true: verified true status true'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: vc-bitstring-status-list 2.0.1 reports the bit in status and not in verified"
