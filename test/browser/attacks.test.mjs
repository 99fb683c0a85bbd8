// What another site may try with an operator's browser, and what a machine's name may try with the operator. Cites R47, R48 and R49.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { after, test } from 'node:test';
import { furnish, places } from './places.mjs';
import { auditActions, api, instanceKey, machine, operator, root, url } from './support.mjs';

// evil is a site of its own: another host to the browser, with whatever page a test gives it.
let body = '';
const evil = createServer((_, answer) => { answer.setHeader('Content-Type', 'text/html'); answer.end(body); });
await new Promise(ready => evil.listen(0, '127.0.0.1', ready));
const evilURL = `http://localhost:${evil.address().port}/`;
after(() => evil.close());

const post = (path, headers, text) => new Promise((done, failed) => {
  const r = request(url + path, { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers } }, a => {
    a.resume();
    a.on('end', () => done(a.statusCode));
  });
  r.on('error', failed);
  r.end(text);
});

test('a cross-site POST of every form is refused, however it is sent', async () => {
  const { context, page } = await operator();
  const forms = new Map();
  for (const place of Object.values(places(await furnish()))) {
    await (typeof place === 'string' ? page.goto(place) : place(page));
    for (const [action, data] of await page.evaluate(() => [...document.querySelectorAll('form[method=post]')].map(f => [f.getAttribute('action'), new URLSearchParams(new FormData(f)).toString()]))) forms.set(action, data);
  }
  const kinds = new Set([...forms.keys()].map(a => a.replace(/(mch|mt)_\w+/, 'ID')));
  for (const kind of ['theme', 'sign-out', 'sign-out-everywhere', 'new-machine', 'machines/ID/edit', 'machines/ID/scopes', 'machines/ID/delete', 'machines/ID/secret', 'machines/ID/rotate', 'machines/ID/new-token', 'machines/ID/revoke-tokens', 'tokens/ID/revoke', 'tokens']) {
    assert.ok(kinds.has(`/dashboard/${kind}`), `no form for ${kind} was found`);
  }
  const before = (await auditActions(500)).length;
  const cookie = (await context.cookies()).map(c => `${c.name}=${c.value}`).join('; ');
  for (const [action, data] of [...forms, ['/dashboard/sign-in', `key=${instanceKey}`], ['/dashboard/first-sign-in', 'link=x']]) {
    for (const headers of [
      { 'Sec-Fetch-Site': 'cross-site', Origin: url }, { 'Sec-Fetch-Site': 'same-site' }, { Origin: 'null' }, { Origin: 'https://evil.example' }, { Origin: url.replace('127.0.0.1', 'localhost') },
      { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors', Origin: 'null' },
    ]) assert.equal(await post(action, { ...headers, Cookie: cookie }, data), 403, `${action} ${JSON.stringify(headers)}`);
  }
  assert.equal((await auditActions(500)).length, before, 'something was changed all the same');
  await context.close();
});

test('another site gets nothing done through the operator\'s browser', async () => {
  const m = await machine('target of another site');
  const { context, page } = await operator();
  const to = `${root}/machines/${m.id}/delete`;
  body = `<form method=post action="${to}"><input name=name value="target of another site"></form><script>document.forms[0].submit()</script>`;
  await page.goto(evilURL);
  await page.getByText('Refused').waitFor();
  body = `<iframe name=hole></iframe><form target=hole method=post action="${to}"><input name=name value="target of another site"></form><script>
    document.forms[0].submit();
    fetch('${to}', { method: 'POST', mode: 'no-cors', credentials: 'include', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'name=target+of+another+site' }).finally(() => { document.title = 'sent'; });
  </script>`;
  await page.goto(evilURL);
  await page.waitForFunction(() => document.title === 'sent');
  assert.equal((await api('GET', `/v1/machines/${m.id}`, instanceKey)).status, 200, 'the machine is gone');
  await context.close();
});

test('no page lets itself be framed', async () => {
  const { context, page } = await operator();
  body = `<iframe src="${root}/machines" width=800 height=600></iframe>`;
  await page.goto(evilURL);
  await page.waitForLoadState('networkidle');
  assert.equal(page.frames().some(f => f.url().startsWith(root)), false, 'a page of ours is in the frame');
  const { headers } = await fetch(`${root}/sign-in`).then(r => ({ headers: r.headers }));
  assert.match(headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'/);
  assert.equal(headers.get('x-frame-options'), 'DENY');
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.equal(headers.get('referrer-policy'), 'no-referrer');
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  await context.close();
});

test('a machine named <img src=x onerror=...> is a name and nothing else', async () => {
  const name = '<img src=x onerror="document.title=\'owned\'"></title><script>document.title="owned"</script>';
  const m = await machine(name);
  await machine('caller of it', [m]);
  const { body: token } = await api('POST', '/v1/m2m_tokens', m.secret_key, { claims: { html: name } });
  await api('POST', `/v1/m2m_tokens/${token.id}/revoke`, m.secret_key, { revocation_reason: name });
  const { context, page, faults } = await operator();
  for (const path of ['machines', `machines/${m.id}`, `machines/${m.id}/edit`, `machines/${m.id}/scopes`, `machines/${m.id}/delete`, `machines/${m.id}/rotate`, `machines/${m.id}/tokens`, `machines/${m.id}/new-token`, 'new-machine', `tokens/${token.id}`, `machines?q=${encodeURIComponent(name)}`]) {
    await page.goto(`/dashboard/${path}`);
    assert.equal(await page.locator('img[src=x]').count(), 0, path);
    assert.ok((await page.locator('main').innerText()).includes('<img src=x') || (await page.locator(`input[value*="<img src=x"]`).count()) > 0 || path.startsWith('new'), `${path} does not show the name`);
    assert.notEqual(await page.title(), 'owned', path);
  }
  assert.deepEqual(faults, []);
  await context.close();
});

test('a name that turns its letters around turns nothing else around', async () => {
  const { context, page } = await operator();
  const names = ['invoice\u202efdp.exe', 'a\u2069\u202eb', '\u05d0\u2067b', 'a\u2029\u202eb', '\u05d0\u05d1'];
  for (const name of names) {
    const { id } = await machine(name);
    await page.goto(`/dashboard/machines/${id}/new-token`);
    const lefts = await page.locator('strong.name').evaluate(shown => [2, 3, 4, 5].map(i => { // "with", behind the name
      const r = document.createRange();
      r.setStart(shown.nextSibling, i);
      r.setEnd(shown.nextSibling, i + 1);
      return r.getBoundingClientRect().left;
    }));
    assert.deepEqual(lefts.toSorted((a, b) => a - b), lefts, `${JSON.stringify(name)} turns what is behind it around`);
  }
  await page.goto('/dashboard/new-machine');
  await page.getByLabel('Name', { exact: true }).fill('a\u2069\u202eb');
  await page.getByRole('button', { name: 'Add machine' }).click();
  assert.match(await page.getByRole('status').textContent(), /“ab” was added/);
  await context.close();
});
