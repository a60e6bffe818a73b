// Takes credentials (stdin: the line of site.py) with wallets of others; prints {wallet: {question: true or why not}}.
import {readFileSync} from 'node:fs';
import {createHash, randomBytes} from 'node:crypto';
import * as jose from 'jose';
import {Openid4vciClient} from '@openid4vc/openid4vci';
import {clientAuthenticationAnonymous} from '@openid4vc/oauth2';

const site = JSON.parse(readFileSync(0, 'utf8'));
const fetchFromSite = (url, options) => fetch(String(url).replace('https://lrs.example', site.at), options);
const {publicKey, privateKey} = await jose.generateKeyPair('ES256', {extractable: true});
const publicJwk = await jose.exportJWK(publicKey);
const foreign = (await jose.generateKeyPair('ES256')).privateKey;
const fail = reason => { throw new Error(reason); };

const clientWith = key => new Openid4vciClient({callbacks: {
  fetch: fetchFromSite,
  hash: (data, name) => createHash(name.replace('-', '')).update(data).digest(),
  generateRandom: size => randomBytes(size),
  clientAuthentication: clientAuthenticationAnonymous(),
  signJwt: async (_, {header, payload}) => ({
    jwt: await new jose.SignJWT(payload).setProtectedHeader(header).sign(key), signerJwk: publicJwk,
  }),
  verifyJwt: async () => fail('nothing to verify'),
}});

async function take(offerLink, configuration, key = privateKey, before = async () => {}) {
  const client = clientWith(key);
  const credentialOffer = await client.resolveCredentialOffer(offerLink);
  const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
  await before(client, credentialOffer, issuerMetadata);
  const {accessTokenResponse} = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({credentialOffer, issuerMetadata});
  const {c_nonce: nonce} = await client.requestNonce({issuerMetadata});
  const {jwt} = await client.createCredentialRequestJwtProof({
    issuerMetadata, credentialConfigurationId: configuration, nonce,
    signer: {method: 'jwk', publicJwk, alg: 'ES256'},
  });
  const {credentialResponse} = await client.retrieveCredentials({
    issuerMetadata, credentialConfigurationId: configuration, accessToken: accessTokenResponse.access_token,
    proofs: {jwt: [jwt]},
  });
  return credentialResponse.credentials[0].credential;
}

const [JWT, LDP] = ['OpenBadgeCredential_jwt_vc_json', 'OpenBadgeCredential_ldp_vc'];
const judge = async ask => {
  try {
    await ask();
    return true;
  } catch (error) {
    return String(error?.message ?? error).slice(0, 120);
  }
};
const keys = jose.createRemoteJWKSet(new URL('https://lrs.example/.well-known/jwks.json'), {[jose.customFetch]: fetchFromSite});
const found = {
  'JWT': await judge(async () => {
    const {payload} = await jose.jwtVerify(await take(site.first.offer, JWT), keys);
    const holder = JSON.parse(jose.base64url.decode(payload.sub.slice('did:jwk:'.length)).reduce((text, one) => text + String.fromCharCode(one), ''));
    if (holder.x !== publicJwk.x) fail('not bound to the key of the wallet');
  }),
  'JSON': await judge(async () => (await take(site.second.offer, LDP)).proof ?? fail('no proof')),
  'offer used before': await judge(() => take(site.first.offer, JWT)),
  'key not held': await judge(() => take(site.third.offer, JWT, foreign)),
  'revoked credential': await judge(() => take(site.revoked.offer, JWT)),
};
process.stdout.write(JSON.stringify({'@openid4vc/openid4vci 0.4.6': found}, null, 1));
