// openid-client and oauth4webapi, as they are, against the OAuth endpoints: discovery, the client credentials grant with every way of
// authenticating, introspection (plain and signed) and revocation.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { clients, instanceKey, issuer, majors, url } from './support.mjs';

const { operator } = clients(majors[0][1]);
const plainHTTP = { [oauth.allowInsecureRequests]: true }; // the server of these tests has no TLS
const keys = {};
for (const [alg, options] of [['Ed25519', { crv: 'Ed25519' }], ['ES256', {}]]) {
  keys[alg] = await generateKeyPair(alg, { extractable: true, ...options });
}

const api = async (method, path, body) => {
  const res = await fetch(new URL(path, url), {
    method, body: JSON.stringify(body), headers: { authorization: `Bearer ${instanceKey}`, 'content-type': 'application/json' },
  });
  assert.equal(res.status, 200, await res.clone().text());
  return res.json();
};

// world is A, which may call B, each with a secret and, if asked for, a key pair of that algorithm.
const world = async (alg, format = 'opaque') => {
  const public_jwk = alg && await exportJWK(keys[alg].publicKey);
  const b = await api('POST', '/v1/machines', { name: 'B', public_jwk });
  const c = await api('POST', '/v1/machines', { name: 'C', public_jwk });
  const a = await api('POST', '/v1/machines', { name: 'A', scoped_machines: [b.id, c.id], default_token_format: format, public_jwk });
  return { a, b, c };
};

// Every way of authenticating, by the name that the metadata has for it.
const ways = {
  client_secret_basic: { auth: (lib, machine) => lib.ClientSecretBasic(machine.secret_key) },
  client_secret_post: { auth: (lib, machine) => lib.ClientSecretPost(machine.secret_key) },
  'private_key_jwt, Ed25519': { alg: 'Ed25519', auth: lib => lib.PrivateKeyJwt(keys.Ed25519.privateKey) },
  'private_key_jwt, ES256': { alg: 'ES256', auth: lib => lib.PrivateKeyJwt(keys.ES256.privateKey) },
};

for (const [name, way] of Object.entries(ways)) {
  for (const format of ['opaque', 'jwt']) {
    test(`openid-client: ${name}, ${format}: discover, get, introspect, revoke`, async () => {
      const { a, b, c } = await world(way.alg, format);
      const as = machine => client.discovery(new URL(issuer), machine.id, undefined, way.auth(client, machine), {
        algorithm: 'oauth2', execute: [client.allowInsecureRequests],
      });
      const [atA, atB, atC] = [await as(a), await as(b), await as(c)];
      const metadata = atA.serverMetadata();
      assert.ok(metadata.token_endpoint_auth_methods_supported.includes(name.split(',')[0]));

      const got = await client.clientCredentialsGrant(atA, { resource: b.id });
      assert.equal(got.token_type, 'bearer'); // openid-client writes it so
      assert.equal(got.scope, b.id);
      assert.equal(got.expires_in, 3600);
      assert.equal(got.access_token.split('.').length, format === 'jwt' ? 3 : 1);

      const good = await client.tokenIntrospection(atB, got.access_token);
      assert.equal(good.active, true);
      assert.equal(good.sub, a.id);
      assert.equal(good.client_id, a.id);
      assert.deepEqual(good.aud, [b.id]);
      assert.equal(good.iss, issuer);
      assert.deepEqual(await client.tokenIntrospection(atC, got.access_token), { active: false }); // narrowed away
      assert.deepEqual(await client.tokenIntrospection(atA, got.access_token), { active: false });

      await client.tokenRevocation(atB, got.access_token); // not its own: answered alike, and nothing happens
      assert.equal((await client.tokenIntrospection(atB, got.access_token)).active, true);
      await client.tokenRevocation(atA, got.access_token);
      assert.deepEqual(await client.tokenIntrospection(atB, got.access_token), { active: false });
      await client.tokenRevocation(atA, 'mt_unknown');
    });
  }

  test(`oauth4webapi: ${name}: discover, get, introspect plain and signed, revoke`, async () => {
    const { a, b } = await world(way.alg, 'jwt');
    const at = new URL(issuer);
    const as = await oauth.processDiscoveryResponse(at, await oauth.discoveryRequest(at, { algorithm: 'oauth2', ...plainHTTP }));
    const [asA, asB] = [{ client_id: a.id }, { client_id: b.id }];
    const [authA, authB] = [way.auth(oauth, a), way.auth(oauth, b)];

    const res = await oauth.clientCredentialsGrantRequest(as, asA, authA, new URLSearchParams({ scope: b.id }), plainHTTP);
    const got = await oauth.processClientCredentialsResponse(as, asA, res);
    assert.equal(got.scope, b.id);

    const plain = await oauth.processIntrospectionResponse(as, asB, await oauth.introspectionRequest(as, asB, authB, got.access_token, plainHTTP));
    assert.equal(plain.active, true);

    // RFC 9701: the library checks media type, typ, iss and aud, and with the key set the signature.
    const signing = { ...asB, introspection_signed_response_alg: as.introspection_signing_alg_values_supported[0] };
    for (const [token, expected] of [[got.access_token, plain], ['mt_unknown', { active: false }]]) {
      const signed = await oauth.introspectionRequest(as, signing, authB, token, plainHTTP);
      assert.equal(signed.headers.get('content-type'), 'application/token-introspection+jwt');
      const said = await oauth.processIntrospectionResponse(as, signing, signed);
      await oauth.validateApplicationLevelSignature(as, signed, plainHTTP);
      assert.deepEqual(said, expected);
    }
    const forA = { ...asA, introspection_signed_response_alg: 'EdDSA' };
    const notForA = await oauth.introspectionRequest(as, signing, authB, got.access_token, plainHTTP);
    await assert.rejects(oauth.processIntrospectionResponse(as, forA, notForA), { code: 'OAUTH_JWT_CLAIM_COMPARISON_FAILED' });

    // RFC 9068, as the library checks an access token at B.
    const request = new Request('http://b.test', { headers: { authorization: `Bearer ${got.access_token}` } });
    const claims = await oauth.validateJwtAccessToken(as, request, b.id, plainHTTP);
    assert.equal(claims.client_id, a.id);

    await oauth.processRevocationResponse(await oauth.revocationRequest(as, asA, authA, got.access_token, plainHTTP));
    const after = await oauth.processIntrospectionResponse(as, asB, await oauth.introspectionRequest(as, asB, authB, got.access_token, plainHTTP));
    assert.deepEqual(after, { active: false });
  });
}

test('a signed introspection verifies by the key set, and as no access token', async () => {
  const { a, b } = await world('Ed25519');
  const at = new URL(issuer);
  const as = await oauth.processDiscoveryResponse(at, await oauth.discoveryRequest(at, { algorithm: 'oauth2', ...plainHTTP }));
  const got = await oauth.processClientCredentialsResponse(as, { client_id: a.id },
    await oauth.clientCredentialsGrantRequest(as, { client_id: a.id }, oauth.ClientSecretBasic(a.secret_key), new URLSearchParams(), plainHTTP));
  const res = await fetch(as.introspection_endpoint, {
    method: 'POST', body: new URLSearchParams({ token: got.access_token, client_id: b.id, client_secret: b.secret_key }),
    headers: { accept: 'application/token-introspection+jwt' },
  });
  const text = await res.text();
  const set = createRemoteJWKSet(new URL(as.jwks_uri));
  const { payload, protectedHeader } = await jwtVerify(text, set, {
    issuer, audience: b.id, typ: 'token-introspection+jwt', algorithms: ['EdDSA'], maxTokenAge: '1 minute',
  });
  assert.deepEqual(Object.keys(protectedHeader).sort(), ['alg', 'kid', 'typ']);
  assert.deepEqual(Object.keys(payload).sort(), ['aud', 'iat', 'iss', 'token_introspection']);
  assert.equal(payload.token_introspection.sub, a.id);
  const request = new Request('http://b.test', { headers: { authorization: `Bearer ${text}` } });
  await assert.rejects(oauth.validateJwtAccessToken(as, request, b.id, plainHTTP));
  const verified = await fetch(new URL('/v1/m2m_tokens/verify', url), {
    method: 'POST', body: JSON.stringify({ token: text }), headers: { authorization: `Bearer ${b.secret_key}`, 'content-type': 'application/json' },
  });
  assert.equal(verified.status, 404);
});

test('what is refused, the libraries show as OAuth has it', async () => {
  const { a, b } = await world('Ed25519');
  const discover = (id, auth) => client.discovery(new URL(issuer), id, undefined, auth, { algorithm: 'oauth2', execute: [client.allowInsecureRequests] });
  const refused = async (config, parameters, status, error) => {
    const err = await client.clientCredentialsGrant(config, parameters).then(v => assert.fail(JSON.stringify(v)), e => e);
    assert.equal(err.status, status, err.stack);
    if (err instanceof client.WWWAuthenticateChallengeError) {
      assert.equal(status, 401);
      assert.ok(err.cause.some(c => c.scheme === 'basic'));
      return;
    }
    assert.equal(err.error, error);
  };
  await refused(await discover(a.id, client.ClientSecretBasic(b.secret_key)), {}, 401, 'invalid_client');
  await refused(await discover(a.id, client.PrivateKeyJwt(keys.ES256.privateKey)), {}, 401, 'invalid_client'); // not the key of A
  await refused(await discover(a.id, client.ClientSecretPost(a.secret_key)), { resource: a.id }, 400, 'invalid_target');
  await refused(await discover(a.id, client.PrivateKeyJwt(keys.Ed25519.privateKey)), { scope: a.id }, 400, 'invalid_scope');
  await refused(await discover(a.id, client.ClientSecretJwt(a.secret_key)), {}, 401, 'invalid_client'); // HS256: no such way here
  const stale = client.PrivateKeyJwt(keys.Ed25519.privateKey, { [client.modifyAssertion]: (_, payload) => { payload.exp = payload.iat - 1; } });
  await refused(await discover(a.id, stale), {}, 401, 'invalid_client');
  const endpoint = client.PrivateKeyJwt(keys.Ed25519.privateKey, { [client.modifyAssertion]: (_, payload) => { payload.aud = `${issuer}/oauth2/token`; } });
  await refused(await discover(a.id, endpoint), {}, 401, 'invalid_client'); // rfc7523bis: the issuer alone
  const fixed = client.PrivateKeyJwt(keys.Ed25519.privateKey, { [client.modifyAssertion]: (_, payload) => { payload.jti = 'always-the-same'; } });
  const config = await discover(a.id, fixed);
  await client.clientCredentialsGrant(config);
  await refused(config, {}, 401, 'invalid_client'); // RFC 7523 section 3, point 7
  await api('PATCH', `/v1/machines/${a.id}`, { public_jwk: null });
  await refused(await discover(a.id, client.PrivateKeyJwt(keys.Ed25519.privateKey)), {}, 401, 'invalid_client');
});
