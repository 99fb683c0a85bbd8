// What the dashboard counts and draws: usage equal to the API's, the scope graph, signing keys rotated and given up by clicks, the audit log.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { api, auditActions, instanceKey, machine, operator, url, visit } from './support.mjs';

const formula = '=HYPERLINK("https://evil.example","click")';
const mint = (m, token_format) => api('POST', '/v1/m2m_tokens', m.secret_key, { token_format }).then(r => r.body);
const verify = (by, made) => api('POST', '/v1/m2m_tokens/verify', by.secret_key, { token: made.token });
const digits = text => Number(text.replaceAll(/[^0-9.]/g, ''));

// usage asks the API for this month.
async function usage(interval, group_by) {
  const now = new Date();
  const bound = month => new Date(Date.UTC(now.getUTCFullYear(), month)).toISOString().replace('.000', '');
  const query = new URLSearchParams({ start: bound(now.getUTCMonth()), end: bound(now.getUTCMonth() + 1), interval, group_by });
  return (await api('GET', `/v1/usage?${query}`, instanceKey)).body;
}

async function save(page, link) {
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  return { name: download.suggestedFilename(), rows: parse(await readFile(await download.path(), 'utf8')) };
}

// parse reads RFC 4180.
function parse(csv) {
  const rows = [[]];
  for (const [, quoted, plain, end] of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== ',') rows.push([]);
  }
  return rows.filter(r => r.length > 1);
}

test('the overview teaches the first machine, then the first token, then tells what is going on', async () => {
  const { context, page, faults } = await operator();
  await page.goto('/dashboard');
  await page.getByRole('heading', { name: 'Add the first machine' }).waitFor();
  const first = await machine('first');
  await page.reload();
  await page.getByRole('heading', { name: 'Ask for the first token' }).waitFor();
  const lines = await page.locator('.teach pre').allInnerTexts();
  assert.ok(lines[0].includes(`DUALMINT_ISSUER=${url}\nMACHINE_ID=${first.id}`), lines[0]);
  assert.ok(lines[1].includes(`curl -sS ${url}/v1/m2m_tokens`), lines[1]);
  assert.ok((await page.locator('.teach').textContent()).includes(first.id), 'the snippets are filled in for this machine');
  await mint(first, 'opaque');
  await page.reload();
  await page.getByRole('heading', { name: 'Today, by hour' }).waitFor();
  assert.equal(await page.getByRole('heading', { name: 'Ask for the first token' }).count(), 0);
  assert.match(await page.locator('dl.facts').first().innerText(), /Created since[^]*\n1\n1 opaque, 0 JWT/);
  assert.deepEqual(faults, []);
  await context.close();
});

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`usage on the page is the API's, ${how}`, async () => {
    const b = await machine(`receiver ${how}`);
    const a = await machine(formula, [b]);
    for (const [format, checks] of [['opaque', 3], ['jwt', 2], ['opaque', 4]]) {
      const made = await mint(a, format);
      for (let n = 0; n < checks; n++) assert.equal((await verify(b, made)).status, 200);
    }
    const { context, page, faults } = await operator({ javaScriptEnabled });
    await page.goto('/dashboard/usage');
    const total = await usage('month', 'operation');
    const of = operation => total.data.find(l => l.operation === operation).total_usage;
    assert.equal(digits(await page.locator('#creations').innerText()), of('create'));
    assert.equal(digits(await page.locator('#verifications').innerText()), of('verify'));
    assert.equal(digits(await page.locator('#amount').innerText()) * 1e9, total.amount_nanodollars);

    for (const [region, interval, label] of [['Usage by day', 'day', t => t.slice(0, 10)], ['Usage by hour', 'hour', t => t.slice(0, 16).replace('T', ' ')]]) {
      const lines = (await usage(interval, 'operation,format')).data;
      const today = lines.at(-1).start;
      const wanted = ['create opaque', 'create jwt', 'verify opaque', 'verify jwt'].map(kind =>
        lines.find(l => l.start === today && `${l.operation} ${l.token_format}` === kind)?.total_usage ?? 0);
      const row = page.getByRole('region', { name: region }).getByRole('row').filter({ hasText: label(today) });
      const cells = (await row.locator('td.num:not(.slim)').allInnerTexts()).map(digits);
      assert.deepEqual(cells.slice(0, 4), wanted, region);
      const title = await page.locator('svg.bars title').filter({ hasText: label(today) }).first().textContent();
      assert.match(title, new RegExp(`: ${wanted[0]} opaque, ${wanted[1]} JWT$`));
    }
    const pair = page.getByRole('region', { name: 'Usage by pair' }).getByRole('row').filter({ hasText: `receiver ${how}` });
    assert.deepEqual((await pair.locator('td.num:not(.slim)').allInnerTexts()).map(digits).slice(0, 2), [7, 2]);

    const { name, rows: [head, ...rows] } = await save(page, page.getByRole('link', { name: 'By machine, receiver and kind' }));
    assert.match(name, /^usage-\d{4}-\d\d-01-month\.csv$/);
    const column = title => rows.map(r => r[head.indexOf(title)]);
    const sum = title => column(title).reduce((n, x) => n + Number(x), 0);
    assert.equal(sum('total_usage'), total.total_usage);
    assert.equal(sum('amount_nanodollars'), total.amount_nanodollars);
    assert.ok(column('machine_name').includes(`'${formula}`), 'the name is in the file, as text');
    assert.equal(rows.flat().some(cell => /^[=+\-@]/.test(cell)), false, 'a cell is a formula');
    assert.deepEqual(faults, []);
    await context.close();
  });

  test(`a key is rotated by clicks, and given up, ${how}`, async () => {
    const b = await machine(`key receiver ${how}`);
    const a = await machine(`key holder ${how}`, [b]);
    const ring = async () => Object.fromEntries((await api('GET', '/v1/keys', instanceKey)).body.data.map(k => [k.state, k.kid]));
    const made = await mint(a, 'jwt');
    const before = await ring();
    const { context, page, faults } = await operator({ javaScriptEnabled });
    await page.goto('/dashboard/keys');
    await page.getByRole('link', { name: 'Rotate' }).click();
    await page.getByText('What will happen').waitFor();
    assert.ok((await page.locator('form.form').innerText()).includes(before.announced), 'it does not say which key signs next');
    await page.getByRole('button', { name: 'Rotate' }).click();
    await page.getByRole('alert').getByText(/Not rotated.*safe from \d{4}-\d\d-\d\d/).waitFor();
    assert.deepEqual(await ring(), before);

    await page.getByLabel('Rotate all the same').check();
    await page.getByRole('button', { name: 'Rotate' }).click();
    await page.getByRole('status').getByText('Another key signs now').waitFor();
    const after = await ring();
    assert.deepEqual([after.active, after.retiring], [before.announced, before.active]); // one of each at this moment
    assert.equal((await verify(b, made)).status, 200, 'what the key before has signed stays good');

    const card = page.getByRole('region', { name: `Key ${before.active}` });
    const { living_tokens } = (await api('GET', '/v1/keys', instanceKey)).body.data.find(k => k.kid === before.active);
    assert.ok(living_tokens > 0);
    assert.equal(await card.locator('strong').innerText(), String(living_tokens));
    await card.getByRole('link', { name: 'Compromised' }).click();
    await page.getByText('for good').waitFor();
    await page.getByLabel(/first eight characters/).fill('nonsense');
    await page.getByRole('button', { name: 'It is compromised' }).click();
    await page.getByText('Not accepted').waitFor();
    assert.equal((await verify(b, made)).status, 200);
    await page.getByLabel(/first eight characters/).fill(before.active.slice(0, 8));
    await page.getByRole('button', { name: 'It is compromised' }).click();
    await page.getByRole('status').getByText('is refused').waitFor();
    assert.equal((await verify(b, made)).status, 404, 'what a compromised key has signed is refused');
    const { state } = (await api('GET', '/v1/keys', instanceKey)).body.data.find(k => k.kid === before.active);
    assert.equal(state, 'compromised'); // there may be others, of the run before
    assert.equal((await auditActions(1))[0], 'key.compromised');
    assert.deepEqual(faults, []);
    await context.close();
  });
}

test('the graph tells who calls whom, in letters and by keyboard', async () => {
  const b = await machine('graph receiver');
  const a = await machine('graph caller', [b]);
  const made = await mint(a, 'opaque');
  for (let n = 0; n < 3; n++) await verify(b, made);
  const { context, page, faults } = await operator();
  await page.goto('/dashboard/graph');
  const row = page.getByRole('row').filter({ hasText: 'graph caller' });
  assert.equal((await row.innerText()).replaceAll(/\s+/g, ' '), 'graph caller graph receiver 3');
  assert.equal(await page.locator('svg.edges title').filter({ hasText: 'graph caller may call graph receiver: 3 verified' }).count(), 1);
  await page.locator('svg.edges a').filter({ hasText: 'graph caller' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Around graph caller' }).waitFor();

  await api('DELETE', `/v1/machines/${a.id}/scopes/${b.id}`, instanceKey);
  await page.reload();
  await page.getByText('not any more', { exact: true }).waitFor();
  await page.getByLabel('Around a machine').fill('graph rec');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.getByRole('link', { name: 'graph receiver' }).first().click();
  await page.getByRole('heading', { level: 1, name: 'Around graph receiver' }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test('the audit log has who did what, failed sign-ins too, by filter, page and file', async () => {
  const stranger = await visit();
  await stranger.page.goto('/dashboard/sign-in');
  await stranger.page.getByLabel('Instance secret key').fill('sk_' + 'x'.repeat(40));
  await stranger.page.getByRole('button', { name: 'Sign in' }).click();
  await stranger.page.getByText('Not accepted').waitFor();
  await stranger.context.close();
  const evil = await machine('@SUM(A1)');
  for (let n = 0; n < 60; n++) await api('PATCH', `/v1/machines/${evil.id}`, instanceKey, { name: `@SUM(A${n})` });

  const { context, page, faults } = await operator();
  await page.goto('/dashboard/audit');
  await page.getByLabel('What', { exact: true }).selectOption('session.sign_in_refused');
  await page.getByRole('button', { name: 'Show' }).click();
  await page.waitForURL(/action=session\.sign_in_refused/);
  const rows = page.getByRole('region', { name: 'Entries' }).locator('tbody tr');
  assert.equal(await rows.count(), 1);
  assert.match(await rows.innerText(), /session\.sign_in_refused[^]*127\.0\.0\.1/);

  await page.goto('/dashboard');
  await page.getByText('1 failed sign-in in the last 24 hours').waitFor();

  await page.goto(`/dashboard/audit?target=${evil.id}`);
  assert.equal(await rows.count(), 50);
  await page.getByRole('link', { name: 'Older' }).click();
  await page.waitForURL(/before=/);
  assert.equal(await rows.count(), 11);
  const { rows: [head, ...lines] } = await save(page, page.getByRole('link', { name: 'CSV' }));
  assert.equal(lines.length, 61, 'the file holds all of what was chosen');
  assert.ok(lines.every(l => l[head.indexOf('target')] === evil.id && !l.some(cell => /^[=+\-@]/.test(cell))));
  assert.deepEqual(faults, []);
  await context.close();
});
