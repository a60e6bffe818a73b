// Verifies a credential with jose (signature, registered claims) and Digital Bazaar's status list library.
// Input (stdin): {token, files: {url: body}}; output: {valid, reason}. No network: `files` is all there is.
import {createLocalJWKSet, importJWK, decodeJwt, jwtVerify} from 'jose';
import {checkStatus} from '@digitalbazaar/vc-bitstring-status-list';

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const {token, files} = JSON.parse(Buffer.concat(chunks).toString('utf8'));

const read = url => {
  if (!(url in files)) throw new Error(`nothing at ${url}`);
  return files[url];
};

const didUrl = did => {
  const [host, ...path] = did.slice('did:web:'.length).split(':').map(decodeURIComponent);
  return `https://${host}/${path.length ? path.join('/') : '.well-known'}/did.json`;
};

// The key must be an assertion method in the document of the issuer that the credential names.
const verifyBy = async (jws, issuer) => {
  const document = JSON.parse(read(didUrl(issuer)));
  if (document.id !== issuer) throw new Error('another DID document');
  const {payload, protectedHeader} = await jwtVerify(jws, async header => {
    const method = document.verificationMethod.find(one => one.id === header.kid);
    if (!method || !document.assertionMethod.includes(method.id)) throw new Error('key not in the DID document');
    return importJWK(method.publicKeyJwk, header.alg);
  }, {issuer, algorithms: ['RS256', 'ES256'], requiredClaims: ['nbf']});
  return {payload, protectedHeader};
};

const same = (claim, member, name) => {
  if (claim !== member) throw new Error(`claim ${name} is not what the credential says`);
};

try {
  const issuer = decodeJwt(token).issuer.id;
  const {payload: vc} = await verifyBy(token, issuer);
  const jwks = JSON.parse(read(new URL('/.well-known/jwks.json', didUrl(issuer)).href));
  await jwtVerify(token, createLocalJWKSet(jwks), {issuer}); // as createRemoteJWKSet finds the key
  same(vc.iss, vc.issuer.id, 'iss');
  same(vc.jti, vc.id, 'jti');
  same(vc.sub, vc.credentialSubject.id, 'sub');
  same(vc.nbf, Date.parse(vc.validFrom) / 1000, 'nbf');
  same(vc.exp, vc.validUntil ? Date.parse(vc.validUntil) / 1000 : undefined, 'exp');
  if (Array.isArray(vc.credentialStatus)) throw new Error('credentialStatus is an array');
  const url = vc.credentialStatus.statusListCredential;
  const {payload: list} = await verifyBy(read(url), issuer);
  const {verified, error, results} = await checkStatus({
    credential: {...vc, issuer},
    documentLoader: async wanted => ({document: wanted === url ? list : JSON.parse(read(wanted))}),
    verifyBitstringStatusListCredential: false, // its JWS was just verified
  });
  if (!verified) throw error ?? new Error('the status cannot be checked');
  if (results.some(one => one.status)) throw new Error('the status bit is set');
  console.log(JSON.stringify({valid: true, reason: vc.id}));
} catch (error) {
  console.log(JSON.stringify({valid: false, reason: String(error.message ?? error)}));
}
