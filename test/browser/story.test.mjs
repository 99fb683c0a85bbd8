// The whole story of the reference documentation, clicked through: two machines, scopes both ways, their secrets, a token that the other
// one verifies, its end. Once with scripts, once without.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api, auditActions, operator } from './support.mjs';

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`the story of the reference, ${how}`, async () => {
    const { context, page, faults } = await operator({ javaScriptEnabled });
    const names = { a: `Machine A ${how}`, b: `Machine B ${how}` };

    await page.goto('/dashboard/machines');
    await page.getByRole('link', { name: 'Add machine' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill(names.a);
    await page.getByRole('button', { name: 'Add machine' }).click();
    await page.getByRole('heading', { level: 1, name: names.a }).waitFor();
    await page.getByRole('status').getByText('was added').waitFor();

    await page.goto('/dashboard/machines');
    await page.getByRole('link', { name: 'Add machine' }).click();
    await page.getByLabel('Name', { exact: true }).fill(names.b);
    await page.getByLabel(names.a).check();
    await page.getByRole('button', { name: 'Add machine' }).click();
    await page.getByRole('heading', { level: 1, name: names.b }).waitFor();
    await page.getByRole('region', { name: 'May call' }).getByRole('link', { name: names.a }).waitFor();
    const idB = page.url().split('/').pop();

    await page.getByRole('region', { name: 'May call' }).getByRole('link', { name: names.a }).click();
    await page.getByRole('heading', { level: 1, name: names.a }).waitFor();
    await page.getByRole('link', { name: 'Change scopes' }).first().click();
    await page.getByLabel(names.b).check();
    await page.getByRole('button', { name: 'Save scopes' }).click();
    await page.getByRole('status').getByText('with tokens made from now on').waitFor();
    const idA = page.url().split('/').pop();

    const secrets = {};
    for (const id of [idA, idB]) {
      await page.goto(`/dashboard/machines/${id}`);
      await page.getByLabel('Actions for').click();
      await page.getByRole('button', { name: 'View machine secret' }).click();
      await page.getByRole('heading', { name: /^Secret of/ }).waitFor();
      const secret = page.locator('#secret');
      assert.equal(await secret.isVisible(), false, 'the secret is on the screen before anybody asked for it');
      await page.getByText('Show', { exact: true }).click();
      secrets[id] = await secret.textContent();
      assert.match(secrets[id], /^ak_[0-9A-Za-z]{38}$/);
    }
    assert.equal((await auditActions(2)).join(), 'machine.secret_viewed,machine.secret_viewed');

    for (const token_format of ['opaque', 'jwt']) {
      const made = await api('POST', '/v1/m2m_tokens', secrets[idA], { token_format });
      assert.equal(made.status, 201, JSON.stringify(made.body));
      const verify = () => api('POST', '/v1/m2m_tokens/verify', secrets[idB], { token: made.body.token });
      assert.equal((await verify()).body.subject, idA);

      await page.goto(`/dashboard/machines/${idA}/scopes`);
      await page.getByLabel(names.b).uncheck();
      await page.getByRole('button', { name: 'Save scopes' }).click();
      await page.getByRole('status').getByText('may not call').waitFor();
      assert.equal((await verify()).status, 404, 'the scope was taken away');
      await page.getByRole('button', { name: 'Change it back' }).click();
      await page.getByRole('status').getByText('with tokens made from now on').waitFor();
      assert.equal((await verify()).status, 200, 'the scope was given back');
    }

    assert.deepEqual(faults, []);
    await context.close();
  });
}
