// Sessions: how one begins, and what a planted id is worth. Cites R46. Sign-ins are limited to ten at once, so a file has fewer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cookieName, idOf, opens } from './cookies.mjs';
import { auditActions, instanceKey, machine, operator, signIn, url, visit } from './support.mjs';

test('the key opens the dashboard, and the cookie is out of reach of scripts and of other sites', async () => {
  const { context, page, faults } = await visit();
  await page.goto('/dashboard/machines?order=name');
  assert.match(page.url(), /sign-in\?next=/);
  await page.getByLabel('Instance secret key').fill('sk_' + 'x'.repeat(40));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('This is not the secret key').waitFor();
  assert.equal(await idOf(context), undefined);
  assert.equal((await auditActions(1))[0], 'session.sign_in_refused');

  await page.getByLabel('Instance secret key').fill(instanceKey);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('**/dashboard/machines?order=name'); // the page first asked for
  assert.equal((await auditActions(1))[0], 'session.sign_in');
  const cookie = await idOf(context);
  assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path, cookie.expires], [true, 'Strict', '/', -1]);
  assert.match(cookie.value, /^ds_[0-9A-Za-z]{38}$/);
  assert.deepEqual(faults, []);
  await context.close();
});

test('a machine secret and a token open no dashboard', async () => {
  const { context, page } = await visit();
  const m = await machine('no operator');
  await page.goto('/dashboard/sign-in');
  for (const text of [m.secret_key, instanceKey.slice(0, -1)]) {
    await page.getByLabel('Instance secret key').fill(text);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('This is not the secret key').waitFor();
  }
  assert.equal(await idOf(context), undefined);
  await context.close();
});

test('a planted session id is worth nothing after the sign-in (session fixation)', async () => {
  const attacker = await operator();
  const planted = (await idOf(attacker.context)).value;
  for (const value of [planted, 'ds_' + 'A'.repeat(38)]) {
    const victim = await visit();
    await victim.context.addCookies([{ name: cookieName, value: 'ds_' + 'B'.repeat(38), url }]);
    await victim.context.clearCookies();
    await victim.context.addCookies([{ name: cookieName, value, domain: '127.0.0.1', path: '/' }]);
    await victim.page.goto('/dashboard/sign-in');
    if (value === planted) { // it is a session: whoever signs out of it and in again has another
      await victim.page.getByRole('button', { name: 'Sign out' }).click();
      await victim.page.getByLabel('Instance secret key').waitFor();
    }
    await signIn(victim.page);
    const own = (await idOf(victim.context)).value;
    assert.notEqual(own, value);
    assert.equal(await opens(own), true);
    assert.equal(await opens(value), false);
    await victim.context.close();
  }
  await attacker.context.close();
});
