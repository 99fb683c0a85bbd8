// Sessions: how one ends, everywhere at once, and what a stolen id is worth then. Cites R21 and R46.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get, idOf, opens } from './cookies.mjs';
import { api, auditActions, instanceKey, machine, signIn, visit } from './support.mjs';

test('sign-out ends the session in another tab, and a stolen cookie with it', async () => {
  for (const javaScriptEnabled of [true, false]) {
    const { context, page } = await visit({ javaScriptEnabled });
    await signIn(page);
    const stolen = (await idOf(context)).value;
    const other = await context.newPage();
    await other.goto('/dashboard/machines');
    assert.equal(await opens(stolen), true);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Instance secret key').waitFor();
    if (!javaScriptEnabled) await other.getByRole('link', { name: 'Machines' }).click(); // with scripts it goes by itself
    await other.getByLabel('Instance secret key').waitFor();
    assert.equal(await opens(stolen), false);
    assert.equal((await auditActions(1))[0], 'session.sign_out');
    await context.close();
  }
});

// settled is the page once it has stopped moving.
async function settled(page) {
  for (;;) {
    await page.waitForLoadState('load');
    const text = await page.content().catch(() => ''); // it moved on in this moment
    if (text) return text;
  }
}

test('the back button after a sign-out shows no secret', async () => {
  const m = await machine('left behind');
  const { context, page } = await visit();
  await signIn(page);
  await page.goto(`/dashboard/machines/${m.id}`);
  await page.getByLabel('Actions for').click();
  await page.getByRole('button', { name: 'View machine secret' }).click();
  await page.locator('#secret').waitFor({ state: 'attached' });
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Instance secret key').waitFor();
  for (let n = 0; n < 3; n++) {
    await page.goBack({ timeout: 3000 }).catch(() => {}); // a page that was the answer to a POST may refuse to come back at all
    assert.equal((await settled(page)).includes(m.secret_key), false, `the secret is back after ${n + 1} steps`);
    assert.equal(await page.getByRole('heading', { name: 'left behind' }).count(), 0, `the page is back after ${n + 1} steps`);
  }
  await context.close();
});

test('sign out everywhere ends every session', async () => {
  const here = await visit();
  await signIn(here.page);
  const there = await visit();
  await signIn(there.page);
  await here.page.getByRole('link', { name: 'everywhere' }).click();
  await here.page.getByRole('button', { name: 'End all sessions' }).click();
  await here.page.getByLabel('Instance secret key').waitFor();
  await there.page.goto('/dashboard/machines');
  await there.page.getByText('Your session has ended').waitFor();
  assert.equal((await auditActions(1))[0], 'session.sign_out_everywhere');
  await here.context.close();
  await there.context.close();
});

test('a dashboard cookie opens no API, and a bearer no dashboard', async () => { // R21
  const { context, page } = await visit();
  await signIn(page);
  const id = (await idOf(context)).value;
  for (const path of ['/v1/machines', '/v1/audit', '/v1/keys']) {
    assert.equal((await get(path, id)).status, 401, path);
    assert.equal((await api('GET', path, id)).status, 401, path);
  }
  const answer = await get('/dashboard/machines', '', { Authorization: `Bearer ${instanceKey}` });
  assert.deepEqual([answer.status, answer.to.startsWith('/dashboard/sign-in')], [303, true]);
  await context.close();
});
