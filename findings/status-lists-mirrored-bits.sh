#!/usr/bin/env bash
# The two status lists of credentials count the bits of a byte from opposite ends: revoking 1 in one is 6 in the other.
#
# Versions:  @digitalbazaar/bitstring 3.1.0, @sd-jwt/jwt-status-list 0.15.0 (npm), token-status-list 0.1.0a2.dev1 (PyPI).
# Guess:     Bitstring Status List (W3C) and Token Status List (IETF) are one array of bits in two envelopes, gzip with a "u" in
#            front and zlib without: an issuer that offers a credential in both forms packs the same bytes twice.
# Happens:   the first puts index 0 into the most significant bit of a byte, the second into the least significant one.
#            Bytes that are only packed anew name another credential, 7 - n within its byte.
# Seen:      index 1 set: bitstring 4000, both token lists 0200; the bytes of the bitstring read as a token list: index 6
# Matters:   whoever revokes one credential takes another holder's away in the wallet, and nothing is malformed: an empty list, a
#            full one and each byte that reads the same from both ends pass every test. Each byte has to be turned
#            round on the way; Laurel's test is
#            test_an_sd_jwt_is_bound_to_the_key_hides_what_its_holder_hides_and_names_the_bit.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check token-status-list==0.1.0a2.dev1
npm install --silent --no-audit --no-fund --ignore-scripts \
  @digitalbazaar/bitstring@3.1.0 @sd-jwt/jwt-status-list@0.15.0 >/dev/null

cat > run.mjs <<'JS'
import zlib from 'zlib';
import {Bitstring} from '@digitalbazaar/bitstring';
import {StatusList} from '@sd-jwt/jwt-status-list';

const bitstring = new Bitstring({length: 16});
bitstring.set(1, true);
const bytes = zlib.gunzipSync(Buffer.from((await bitstring.encodeBits()).replace(/^u/, ''), 'base64url'));
console.log('bitstring', bytes.toString('hex'));

const tokens = new StatusList(Array.from({length: 16}, (_, index) => (index === 1 ? 1 : 0)), 1);
console.log('sd-jwt', zlib.inflateSync(Buffer.from(tokens.compressStatusList(), 'base64url')).toString('hex'));

const packedAnew = StatusList.decompressStatusList(zlib.deflateSync(bytes).toString('base64url'), 1);
const revoked = Array.from({length: 16}, (_, index) => index).filter((index) => packedAnew.getStatus(index));
console.log('bitstring read as a token list', ...revoked);
JS
cat > run.py <<'PY'
from token_status_list import BitArray

tokens = BitArray.of_size(1, 16)
tokens.set(1, 1)
print("token-status-list", tokens.lst.hex())
PY
seen=$(node run.mjs && venv/bin/python run.py)
want='bitstring 4000
sd-jwt 0200
bitstring read as a token list 6
token-status-list 0200'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: Bitstring Status List and Token Status List number the bits of a byte from opposite ends"
