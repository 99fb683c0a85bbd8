// Machine A calls Machine B, which is an Express server of its own process.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { clients, instanceKey, majors, url } from './support.mjs';

const { operator, as } = clients(majors[0][1]);
let a, b, stranger, server, port;

before(async () => {
  b = await operator.machines.create({ name: 'Machine B' });
  a = await operator.machines.create({ name: 'Machine A', scopedMachines: [b.id] });
  stranger = await operator.machines.create({ name: 'unscoped' });
  server = spawn(process.execPath, [fileURLToPath(new URL('machine-b.mjs', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      CLERK_API_URL: url,
      CLERK_MACHINE_SECRET_KEY: b.secretKey,
      // The middleware takes every kind of token and therefore asks for these two; they open nothing here.
      CLERK_SECRET_KEY: 'sk_test_nothing',
      CLERK_PUBLISHABLE_KEY: `pk_test_${Buffer.from('b.test$').toString('base64')}`,
      CLERK_TELEMETRY_DISABLED: '1',
    },
  });
  [port] = (await once(server.stdout, 'data')).map(x => Number(String(x).trim()));
});

after(async () => {
  server.kill();
  await once(server, 'exit');
});

const ask = async (path, bearer) => {
  const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
  const res = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  return { status: res.status, body: await res.json() };
};

for (const path of ['/by-authenticate-request', '/by-middleware']) {
  test(`${path}: A's bearer is accepted and tells who A is`, async () => {
    const token = await as(a.secretKey).m2m.createToken({ claims: { role: 'billing' } });
    const { status, body } = await ask(path, token.token);
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(body, { machine: a.id, id: token.id, claims: { role: 'billing' }, scopes: [b.id] });
  });

  test(`${path}: an unscoped machine's bearer is refused`, async () => {
    const token = await as(stranger.secretKey).m2m.createToken();
    assert.equal((await ask(path, token.token)).status, 401);
  });

  test(`${path}: unknown, foreign and missing bearers are refused`, async () => {
    for (const bearer of [
      undefined,
      `mt_${'0'.repeat(38)}`,
      `mt_${'0'.repeat(32)}`,
      `ak_${'0'.repeat(38)}`,
      `oat_${'0'.repeat(32)}`,
      b.secretKey,
      instanceKey,
      'nonsense',
    ]) {
      const { status, body } = await ask(path, bearer);
      assert.equal(status, 401, `${String(bearer).slice(0, 4)}: ${JSON.stringify(body)}`);
    }
  });

  test(`${path}: a JWT of ours is refused, because this SDK knows no EdDSA`, async () => {
    const token = await as(a.secretKey).m2m.createToken({ tokenFormat: 'jwt' });
    assert.equal((await ask(path, token.token)).status, 401);
  });

  test(`${path}: a revoked bearer is refused`, async () => {
    const token = await as(a.secretKey).m2m.createToken();
    assert.equal((await ask(path, token.token)).status, 200);
    await as(a.secretKey).m2m.revokeToken({ m2mTokenId: token.id });
    assert.equal((await ask(path, token.token)).status, 401);
  });
}

test('a refused token reads as token-invalid, not as trouble with the server', async () => {
  const { body } = await ask('/by-authenticate-request', `mt_${'0'.repeat(38)}`);
  assert.equal(body.reason, 'token-invalid');
});
