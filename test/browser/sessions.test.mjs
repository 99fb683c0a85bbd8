// Sessions: how one begins, how it ends everywhere at once, and what a stolen or planted id is worth. Cites R21 and R46.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { api, auditActions, instanceKey, machine, operator, root, signIn, url, visit } from './support.mjs';

const cookieName = 'dualmint-session';
const idOf = async context => (await context.cookies()).find(c => c.name === cookieName);

// get asks for a page with a cookie by hand and gives status and the address that it leads to.
const get = (path, cookie, headers = {}) => new Promise((done, failed) => {
  request(url + path, { headers: { ...(cookie && { Cookie: `${cookieName}=${cookie}` }), ...headers } }, r => {
    r.resume();
    r.on('end', () => done({ status: r.statusCode, to: r.headers.location, headers: r.headers }));
  }).on('error', failed).end();
});

const opens = async cookie => (await get('/dashboard/machines', cookie)).status === 200;

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

test('over plain HTTP the key is asked for on the machine itself alone', async () => {
  const send = (method, host, body) => new Promise((done, failed) => {
    const r = request(root + '/sign-in', { method, headers: { Host: host, ...(body && { 'Content-Type': 'application/x-www-form-urlencoded' }) } }, a => {
      let text = '';
      a.on('data', d => { text += d; });
      a.on('end', () => done({ status: a.statusCode, text, cookie: a.headers['set-cookie'] }));
    });
    r.on('error', failed);
    r.end(body);
  });
  for (const host of ['tokens.example', '10.0.0.7:8080', '127.0.0.1.evil.example']) {
    assert.match((await send('GET', host)).text, /Not over this connection/);
    const refused = await send('POST', host, `key=${instanceKey}`);
    assert.deepEqual([refused.status, refused.cookie], [403, undefined], host);
  }
  assert.match((await send('GET', 'localhost:9')).text, /name="key"/);
});
