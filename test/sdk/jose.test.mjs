// jose verifies our JWTs offline, from the published key set alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { clients, issuer, majors, url } from './support.mjs';

const { operator, as } = clients(majors[0][1]);
const keySets = ['/.well-known/jwks.json', '/v1/jwks'].map(path => createRemoteJWKSet(new URL(path, url)));

const mint = async () => {
  const b = await operator.machines.create({ name: 'B' });
  const c = await operator.machines.create({ name: 'C' });
  const a = await operator.machines.create({ name: 'A', scopedMachines: [b.id] });
  const token = await as(a.secretKey).m2m.createToken({ tokenFormat: 'jwt', claims: { tier: 'gold', nested: { n: 1 } } });
  return { a, b, c, token };
};

test('a JWT verifies with issuer, audience, algorithm and type', async () => {
  const { a, b, token } = await mint();
  for (const keys of keySets) {
    const { payload, protectedHeader } = await jwtVerify(token.token, keys, {
      issuer, audience: b.id, typ: 'at+jwt', algorithms: ['EdDSA'],
      requiredClaims: ['iss', 'sub', 'client_id', 'aud', 'scope', 'exp', 'iat', 'nbf', 'jti'],
    });
    assert.deepEqual(Object.keys(protectedHeader).sort(), ['alg', 'kid', 'typ']);
    assert.equal(payload.sub, a.id);
    assert.equal(payload.client_id, a.id);
    assert.deepEqual(payload.aud, [b.id]);
    assert.equal(payload.scope, b.id);
    assert.equal(payload.jti, token.id);
    assert.equal(payload.exp * 1000, token.expiration);
    assert.ok(Number.isInteger(payload.iat) && Number.isInteger(payload.nbf));
    assert.equal(payload.tier, 'gold');
    assert.deepEqual(payload.nested, { n: 1 });
  }
});

test('a JWT fails for another receiver, another issuer, another type and with any byte changed', async () => {
  const { b, c, token } = await mint();
  const [keys] = keySets;
  const good = { issuer, audience: b.id, typ: 'at+jwt' };
  await assert.rejects(jwtVerify(token.token, keys, { ...good, audience: c.id }), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' });
  await assert.rejects(jwtVerify(token.token, keys, { ...good, issuer: 'https://elsewhere.test' }), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' });
  await assert.rejects(jwtVerify(token.token, keys, { ...good, typ: 'JWT' }), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' });
  const at = token.token.length - 20;
  const flipped = token.token.slice(0, at) + (token.token[at] === 'A' ? 'B' : 'A') + token.token.slice(at + 1);
  await assert.rejects(jwtVerify(flipped, keys, good), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
});

test('the key set is public, holds public members alone, and may be cached', async () => {
  const { token } = await mint();
  const { kid } = decodeProtectedHeader(token.token);
  for (const path of ['/.well-known/jwks.json', '/v1/jwks']) {
    const res = await fetch(new URL(path, url));
    assert.equal(res.status, 200);
    assert.match(res.headers.get('cache-control'), /^public, max-age=[1-9][0-9]*/);
    const etag = res.headers.get('etag');
    assert.ok(etag);
    const { keys } = await res.json();
    assert.ok(keys.some(k => k.kid === kid));
    for (const key of keys) {
      assert.deepEqual(Object.keys(key).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x']);
      assert.deepEqual([key.kty, key.crv, key.alg, key.use], ['OKP', 'Ed25519', 'EdDSA', 'sig']);
    }
    const again = await fetch(new URL(path, url), { headers: { 'if-none-match': etag } });
    assert.equal(again.status, 304);
  }
});
