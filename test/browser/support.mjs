// What the test files share: one Chromium for each file, contexts in it, the operator's way in, the API, and a watch over every page.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { chromium } from 'playwright-core';

const required = name => process.env[name] || assert.fail(`${name} is not set: these tests are started by "go test ./test/browser"`);

export const url = required('DUALMINT_TEST_URL');
export const instanceKey = required('DUALMINT_TEST_INSTANCE_KEY');
export const root = url + '/dashboard';

const browser = await chromium.launch({
  executablePath: required('DUALMINT_TEST_CHROMIUM'),
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ],
});
after(() => browser.close());

// visit gives a new browser context with one page in it. Whatever a page of it does that none may do is noted in faults: a violation of
// the Content-Security-Policy, an exception, a request to another host, an answer of 5xx.
export async function visit(options = {}) {
  const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(10_000);
  const faults = [];
  context.on('weberror', e => faults.push(`exception: ${e.error()}`));
  context.on('console', m => { if (['error', 'warning'].includes(m.type()) && !/Failed to load resource/.test(m.text())) faults.push(`console: ${m.text()}`); });
  context.on('request', r => { if (!r.url().startsWith(url + '/') && !r.url().startsWith('data:')) faults.push(`request to ${r.url()}`); });
  context.on('response', r => { if (r.status() >= 500) faults.push(`${r.status()} from ${r.url()}`); });
  const page = await context.newPage();
  return { context, page, faults };
}

// signIn goes the way of the operator: the key into the form.
export async function signIn(page) {
  await page.goto('/dashboard/sign-in');
  await page.getByLabel('Instance secret key').fill(instanceKey);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(u => !u.pathname.endsWith('/sign-in'));
}

let state;

// operator is visit with a session, of which a file has one: sign-ins are limited.
export async function operator(options = {}) {
  if (!state) {
    const first = await visit();
    await signIn(first.page);
    state = await first.context.storageState();
    await first.context.close();
  }
  return visit({ storageState: state, ...options });
}

// api makes a call of the wire contract and gives status and body.
export async function api(method, path, bearer, body) {
  const response = await fetch(url + path, {
    method,
    headers: { ...(bearer && { Authorization: `Bearer ${bearer}` }), ...(body && { 'Content-Type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

// machine makes one over the API.
export async function machine(name, scoped = []) {
  const { status, body } = await api('POST', '/v1/machines', instanceKey, { name, scoped_machines: scoped.map(m => m.id) });
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

// auditActions are what the audit log says, newest first.
export async function auditActions(limit = 20) {
  const { body } = await api('GET', `/v1/audit?limit=${limit}`, instanceKey);
  return body.data.map(e => e.action);
}
