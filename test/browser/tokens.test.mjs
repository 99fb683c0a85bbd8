// Tokens in the dashboard: made for a machine, looked at, inspected, revoked one by one and all at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api, auditActions, instanceKey, machine, operator } from './support.mjs';

const pair = async name => {
  const b = await machine(`${name} B`);
  return { a: await machine(`${name} A`, [b]), b };
};

const verify = (by, token) => api('POST', '/v1/m2m_tokens/verify', by.secret_key, { token });

async function inspect(page, text) {
  await page.goto('/dashboard/tokens');
  await page.getByLabel('Token or token id').fill(text);
  await page.getByRole('button', { name: 'Inspect' }).click();
  return page.locator('section.verdict').innerText();
}

for (const [format, label] of [['opaque', 'Opaque'], ['jwt', 'JWT']]) {
  for (const javaScriptEnabled of [true, false]) {
    test(`the operator has a token made and revokes it: ${label}, ${javaScriptEnabled ? 'with' : 'without'} scripts`, async () => {
      const { a, b } = await pair(`${format} ${javaScriptEnabled}`);
      const { context, page, faults } = await operator({ javaScriptEnabled });
      await page.goto(`/dashboard/machines/${a.id}/tokens`);
      await page.getByRole('link', { name: 'Generate a token' }).first().click();
      await page.getByLabel(label, { exact: true }).check();
      await page.getByLabel('Claims').fill('{"order": 1,}'); // refused, and kept
      await page.getByRole('button', { name: 'Generate' }).click();
      await page.getByText('Not accepted').waitFor();
      assert.equal(await page.getByLabel('Claims').inputValue(), '{"order": 1,}');
      await page.getByLabel('Claims').fill('{"order": 42}');
      await page.getByRole('button', { name: 'Generate' }).click();
      const token = (await page.locator('#token').innerText()).trim();
      assert.equal((await auditActions(1))[0], 'token.create');
      const seen = await verify(b, token);
      assert.deepEqual([seen.status, seen.body.subject, seen.body.token_format, seen.body.claims.order], [200, a.id, format, 42]);

      assert.match(await inspect(page, token), /^Good/);
      assert.equal((await page.content()).includes(token), false, 'the inspected token is on the page again');

      await page.goto(`/dashboard/machines/${a.id}/tokens`);
      await page.getByRole('link', { name: seen.body.id }).click();
      await page.getByText('"order": 42').waitFor();
      await page.getByRole('link', { name: 'Revoke' }).click();
      await page.getByLabel('Reason').fill('left in <b>a log</b>');
      await page.getByRole('button', { name: 'Revoke' }).click();
      await page.getByRole('status').getByText('is revoked').waitFor();
      await page.getByText('left in <b>a log</b>').waitFor(); // R49
      assert.equal((await verify(b, token)).status, 404);
      assert.match(await inspect(page, token), /Not good[^]*It was revoked/);
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}

test('the inspector says why a token is not good', async () => {
  const { a, b } = await pair('inspected');
  const mint = async body => (await api('POST', '/v1/m2m_tokens', a.secret_key, body)).body;
  const opaque = await mint({ token_format: 'opaque' });
  const jwt = await mint({ token_format: 'jwt' });
  const { context, page, faults } = await operator();
  const flipped = t => t.slice(0, 20) + (t[20] === 'A' ? 'B' : 'A') + t.slice(21);
  const [header, payload, signature] = jwt.token.split('.');
  const other = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(payload, 'base64url')), sub: b.id })).toString('base64url');
  for (const [text, said] of [
    [flipped(opaque.token), /Not good[^]*checksum/],
    [`${header}.${other}.${signature}`, /Not good[^]*signature does not hold/],
    [`${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`, /Not good[^]*It is not written|Not good[^]*header/],
    [`${Buffer.from(JSON.stringify({ alg: 'EdDSA', kid: 'x'.repeat(43), typ: 'at+jwt' })).toString('base64url')}.${payload}.${signature}`, /Not good[^]*not in this server's key set/],
    [a.secret_key, /Not good[^]*machine's secret/],
    [instanceKey, /Not good[^]*instance/],
    [a.id, /Not good[^]*id of a machine/],
    ['hello', /Not good[^]*shape of neither/],
    [opaque.id, /Good[^]*token id/],
  ]) assert.match(await inspect(page, text), said);

  await page.goto(`/dashboard/machines/${a.id}/revoke-tokens`);
  await page.getByText('It has 2 living').waitFor();
  await page.getByLabel('Reason').fill('leaked');
  await page.getByRole('button', { name: 'Revoke all' }).click();
  await page.getByRole('status').getByText('2 tokens were revoked').waitFor();
  for (const t of [opaque, jwt]) assert.equal((await verify(b, t.token)).status, 404);
  assert.equal((await auditActions(1))[0], 'token.revoke_all');

  const last = await mint({ token_format: 'opaque' });
  await api('DELETE', `/v1/machines/${a.id}`, instanceKey);
  assert.match(await inspect(page, last.token), /Not good[^]*was deleted/);
  assert.deepEqual(faults, []);
  await context.close();
});
