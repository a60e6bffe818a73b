// Judges copies (stdin, as copies.py prints them) with verifiers of others. No network: `files` is all there is.
// Prints {verifier: {form: {good, changed, revoked, foreign}}}; each is true, or why it was refused.
import {readFileSync} from 'node:fs';
const {copies, list, issuer, files, revoked} = JSON.parse(readFileSync(0, 'utf8'));

console.log = console.error = () => {}; // some say on the way what they could not fetch
let served = files;
const answer = (url, accept = '*/*') => {
  if (url !== list) return served[url];
  return served[`${list} ${/json/.test(accept) && !/text\/plain|vc\+jwt/.test(accept) ? 'json' : 'token'}`];
};
globalThis.fetch = async (input, options = {}) => {
  const request = new Request(input, options);
  const body = answer(request.url, request.headers.get('accept') ?? '*/*');
  return body === undefined
    ? new Response('nothing here', {status: 404})
    : new Response(body, {headers: {'content-type': body.startsWith('{') ? 'application/json' : 'text/plain'}});
};

const jose = await import('jose');
const vc = await import('@digitalbazaar/vc');
const {DataIntegrityProof} = await import('@digitalbazaar/data-integrity');
const {cryptosuite} = await import('@digitalbazaar/eddsa-rdfc-2022-cryptosuite');
const {checkStatus} = await import('@digitalbazaar/vc-bitstring-status-list');
const verifierCore = await import('@digitalcredentials/verifier-core');
const didJwtVc = await import('did-jwt-vc');
const digitalCredentials = await import('@digitalcredentials/vc');
const veramo = await import('@veramo/core');
const {CredentialPlugin} = await import('@veramo/credential-w3c');
const {CredentialProviderJWT} = await import('@veramo/credential-jwt');
const {DIDResolverPlugin} = await import('@veramo/did-resolver');
const didkit = (await import('@spruceid/didkit-wasm-node')).default;

const {SDJwtVcInstance} = await import('@sd-jwt/sd-jwt-vc');
const {digest} = await import('@sd-jwt/crypto-nodejs');

const fail = reason => { throw new Error(reason); };
const didDocument = () => JSON.parse(served[`https://${issuer.slice('did:web:'.length)}/.well-known/did.json`]);
const documentLoader = async url => {
  const method = didDocument().verificationMethod.find(one => one.id === url);
  if (method) return {documentUrl: url, document: {'@context': 'https://w3id.org/security/multikey/v1', ...method}};
  if (url === issuer) return {documentUrl: url, document: didDocument()};
  const body = answer(url, 'application/json') ?? fail(`nothing at ${url}`);
  return {documentUrl: url, document: JSON.parse(body)};
};

const resolver = {resolve: async () => ({didDocument: didDocument(), didResolutionMetadata: {}, didDocumentMetadata: {}})};
const whichever = copy => (copy.startsWith('{') ? JSON.parse(copy) : copy);

const verifyWith = library => async copy => {
  const suite = new DataIntegrityProof({cryptosuite});
  let set = false;
  const result = await library.verifyCredential({
    credential: JSON.parse(copy), suite, documentLoader,
    checkStatus: async options => {
      const status = await checkStatus({...options, suite, documentLoader});
      set = status.results?.some(one => one.status);
      return status;
    },
  });
  if (!result.verified) fail(result.error?.errors?.[0]?.message ?? result.error?.message ?? 'not verified');
  if (set) fail('the status bit is set');
};

const verifiers = {
  'jose 6.2.18 (createRemoteJWKSet) with vc-bitstring-status-list 2.0.1': async copy => {
    const keys = jose.createRemoteJWKSet(new URL(`https://${issuer.slice('did:web:'.length)}/.well-known/jwks.json`));
    const {payload} = await jose.jwtVerify(copy, keys, {issuer});
    const {payload: listed} = await jose.jwtVerify(answer(list), keys, {issuer});
    const {verified, results} = await checkStatus({
      credential: {...payload, issuer}, documentLoader: async () => ({document: listed}),
      verifyBitstringStatusListCredential: false,
    });
    if (!verified || results.some(one => one.status)) fail('the status bit is set');
  },
  '@digitalbazaar/vc 7.3.0 with vc-bitstring-status-list 2.0.1': verifyWith(vc),
  '@digitalcredentials/vc 10.0.2 with the same': verifyWith(digitalCredentials),
  '@digitalcredentials/verifier-core 1.0.0-beta.11': async copy => {
    const result = await verifierCore.verifyCredential({credential: JSON.parse(copy), knownDIDRegistries: []});
    if (result.errors) fail(`${result.errors[0].name}: ${result.errors[0].message}`);
    const steps = (result.log ?? []).filter(one => !['registered_issuer', 'issuer_did_resolves'].includes(one.id));
    const bad = steps.find(one => !one.valid);
    if (bad || !steps.some(one => one.id === 'valid_signature')) fail(bad?.error?.name ?? bad?.id ?? 'no signature step');
  },
  '@sd-jwt/sd-jwt-vc 0.19.0': async copy => {
    const [issued] = copy.split('~');
    const {iss} = copy.includes('~') ? jose.decodeJwt(issued) : fail('not valid JSON, but of the other kind');
    const keys = jose.createLocalJWKSet(JSON.parse(served[JSON.parse(served[`${iss}/.well-known/jwt-vc-issuer`]).jwks_uri]));
    const verifier = async (data, signature) => Boolean(await jose.compactVerify(`${data}.${signature}`, keys));
    const statusListFetcher = async url => answer(url);
    await new SDJwtVcInstance({hasher: digest, verifier, statusListFetcher}).verify(copy);
  },
  'did-jwt-vc 4.0.16': async copy => {
    await didJwtVc.verifyCredential(copy, resolver);
  },
  'Veramo 7.0.1 (credential-jwt)': async copy => {
    const agent = veramo.createAgent({
      plugins: [new DIDResolverPlugin({resolver}), new CredentialPlugin([new CredentialProviderJWT()])],
    });
    const {verified, error} = await agent.verifyCredential({credential: whichever(copy)});
    if (!verified) fail(error?.message ?? 'not verified');
  },
  '@spruceid/didkit-wasm-node 0.2.1': async copy => {
    const options = copy.startsWith('{') ? {} : {proofFormat: 'jwt'};
    const {errors} = JSON.parse(await didkit.verifyCredential(copy, JSON.stringify(options)));
    if (errors.length) fail(errors[0]);
  },
};

const judge = async (verify, copy, from) => {
  served = from;
  try {
    await verify(copy);
    return true;
  } catch (error) {
    return String(error?.message ?? error).slice(0, 120);
  }
};

const found = {};
for (const [name, verify] of Object.entries(verifiers)) {
  found[name] = {};
  for (const one of copies) {
    found[name][one.form] = {
      good: await judge(verify, one.good, files), changed: await judge(verify, one.changed, files),
      revoked: await judge(verify, one.good, revoked), foreign: await judge(verify, one.foreign, files),
    };
  }
}
process.stdout.write(JSON.stringify(found, null, 1));
