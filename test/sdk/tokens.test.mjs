// Every call on M2M tokens, through both majors of the SDK.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clients, majors, rejects } from './support.mjs';

for (const [name, create] of majors) {
  const { operator, as } = clients(create);
  const pair = async () => {
    const b = await operator.machines.create({ name: 'B' });
    const a = await operator.machines.create({ name: 'A', scopedMachines: [b.id] });
    const c = await operator.machines.create({ name: 'C' });
    return { a, b, c, atA: as(a.secretKey).m2m, atB: as(b.secretKey).m2m, atC: as(c.secretKey).m2m };
  };

  test(`${name}: an opaque token is minted, verified by its receiver alone, revoked and refused`, async () => {
    const { a, b, atA, atB, atC } = await pair();
    const token = await atA.createToken({ secondsUntilExpiration: 60, claims: { order: 7, deep: { x: [1, null] } } });
    assert.match(token.id, /^mt_[0-9a-f]{32}$/);
    assert.match(token.token, /^mt_[0-9A-Za-z]{38}$/);
    assert.equal(token.subject, a.id);
    assert.deepEqual(token.scopes, [b.id]);
    assert.deepEqual(token.claims, { order: 7, deep: { x: [1, null] } });
    assert.deepEqual([token.revoked, token.expired, token.revocationReason], [false, false, null]);
    assert.ok(token.expiration - Date.now() > 50_000 && token.expiration - Date.now() <= 61_000, `expiration ${token.expiration}`);

    for (const checker of [atB, operator.m2m]) {
      const seen = await checker.verify({ token: token.token });
      assert.equal(seen.id, token.id);
      assert.equal(seen.subject, a.id);
      assert.equal(seen.token, undefined);
      assert.deepEqual(seen.claims, token.claims);
    }
    await rejects(atC.verify({ token: token.token }), 404, 'resource_not_found');
    await rejects(atA.verify({ token: token.token }), 404, 'resource_not_found');

    await rejects(atB.revokeToken({ m2mTokenId: token.id }), 404, 'resource_not_found');
    const revoked = await atA.revokeToken({ m2mTokenId: token.id, revocationReason: 'leaked' });
    assert.deepEqual([revoked.revoked, revoked.revocationReason], [true, 'leaked']);
    const again = await operator.m2m.revokeToken({ m2mTokenId: token.id, revocationReason: 'later' });
    assert.equal(again.revocationReason, 'leaked');
    await rejects(atB.verify({ token: token.token }), 404, 'resource_not_found');
  });

  test(`${name}: tokens are listed by their machine and by the operator`, async () => {
    const { a, atA, atB } = await pair();
    const made = [];
    for (let i = 0; i < 3; i++) made.push(await atA.createToken());
    await atA.revokeToken({ m2mTokenId: made[0].id });
    for (const lister of [atA, operator.m2m]) {
      const live = await lister.list({ subject: a.id });
      assert.equal(live.totalCount, 2);
      assert.deepEqual(live.data.map(t => t.id).sort(), [made[1].id, made[2].id].sort());
      assert.equal(live.data[0].token, undefined);
      assert.equal((await lister.list({ subject: a.id, revoked: true })).totalCount, 3);
      const page = await lister.list({ subject: a.id, revoked: true, limit: 1, offset: 1 });
      assert.equal(page.data.length, 1);
      assert.equal(page.totalCount, 3);
    }
    await rejects(atB.list({ subject: a.id }), 403, 'authorization_invalid');
    await rejects(atA.list({}), 400, 'missing_query_parameter');
    await rejects(operator.m2m.list({ subject: `mch_${'0'.repeat(27)}` }), 404, 'machine_not_found');
  });

  test(`${name}: token faults surface in the SDK's own error type`, async () => {
    const { atA, atB } = await pair();
    await rejects(operator.m2m.createToken(), 401, 'machine_secret_key_invalid');
    await rejects(as('ak_nobody').m2m.createToken(), 401, 'machine_secret_key_invalid');
    for (const [secondsUntilExpiration, code] of [[0, 'bad_request'], [-1, 'bad_request'], ['60', 'request_body_invalid'], [true, 'request_body_invalid']]) {
      const err = await rejects(atA.createToken({ secondsUntilExpiration }), 400, code);
      assert.equal(err.errors[0].meta.paramName, 'seconds_until_expiration');
    }
    const reserved = await rejects(atA.createToken({ claims: { sub: 'me' } }), 400, 'machine_token_reserved_claim');
    assert.ok(reserved.errors[0].meta.paramName);
    await rejects(atB.verify({ token: '' }), 404, 'resource_not_found');
  });
}

const [[, version3]] = majors;
const { operator, as } = clients(version3);

test('3.25: a JWT is minted, and the SDK, which knows no EdDSA, never takes it for good', async () => {
  const b = await operator.machines.create({ name: 'B' });
  const a = await operator.machines.create({ name: 'A', scopedMachines: [b.id] });
  const token = await as(a.secretKey).m2m.createToken({ tokenFormat: 'jwt', claims: { tier: 'gold' } });
  assert.equal(token.token.split('.').length, 3);
  assert.deepEqual(token.claims, { tier: 'gold' });
  await assert.rejects(as(b.secretKey).m2m.verify({ token: token.token }), /./);
  await assert.rejects(operator.m2m.verify({ token: token.token }), /./);
  const listed = await as(a.secretKey).m2m.list({ subject: a.id });
  assert.deepEqual(listed.data.map(t => t.id), [token.id]);
  const revoked = await as(a.secretKey).m2m.revokeToken({ m2mTokenId: token.id });
  assert.equal(revoked.revoked, true);
});

test('3.25: a live token is handed out again when enough of its life is left', async () => {
  const b = await operator.machines.create({ name: 'B' });
  const a = await operator.machines.create({ name: 'A', scopedMachines: [b.id] });
  const { m2m } = as(a.secretKey);
  const ask = { secondsUntilExpiration: 600, minRemainingTtlSeconds: 60, claims: { for: 'reuse' } };
  const first = await m2m.createToken(ask);
  const second = await m2m.createToken(ask);
  assert.deepEqual([second.id, second.token], [first.id, first.token]);
  const other = await m2m.createToken({ ...ask, claims: { for: 'another' } });
  assert.notEqual(other.id, first.id);
  await m2m.revokeToken({ m2mTokenId: first.id });
  assert.notEqual((await m2m.createToken(ask)).id, first.id);
  await rejects(m2m.createToken({ ...ask, minRemainingTtlSeconds: 600 }), 400, 'bad_request');
});

test('2.33: the older name of verify works too', async () => {
  const [, [, version2]] = majors;
  const old = clients(version2);
  const b = await old.operator.machines.create({ name: 'B' });
  const a = await old.operator.machines.create({ name: 'A', scopedMachines: [b.id] });
  const token = await old.as(a.secretKey).m2m.createToken();
  const seen = await old.as(b.secretKey).m2m.verifyToken({ token: token.token });
  assert.equal(seen.id, token.id);
});
