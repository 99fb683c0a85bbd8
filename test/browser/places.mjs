// Every page of the dashboard, and how to get there. A new page is one line here: it is then looked at by pages.test.mjs.
import { api, machine } from './support.mjs';

// tidy puts onto the pages what a small company has, for pictures that people look at.
export async function tidy() {
  const made = {};
  for (const [name, calls] of [['payments', []], ['inventory', []], ['notifications', []], ['orders', ['payments', 'inventory', 'notifications']], ['billing-worker', ['payments']], ['api-gateway', ['orders', 'inventory']]]) {
    made[name] = await machine(name, calls.map(c => made[c]));
  }
  const mint = async (name, token_format) => (await api('POST', '/v1/m2m_tokens', made[name].secret_key, { token_format, claims: { order: 4711, tenant: 'acme' } })).body;
  for (let n = 0; n < 7; n++) await mint('orders', n % 2 ? 'jwt' : 'opaque');
  for (let n = 0; n < 3; n++) await mint('api-gateway', 'jwt');
  return { ...made, token: await mint('orders', 'jwt') };
}

export const inspected = token => inspect(token.token);

// furnish puts something onto the pages, awkward names among it.
export async function furnish() {
  const orders = await machine('orders');
  const billing = await machine('billing worker', [orders]);
  const long = await machine(`a-service-with-a-name-${'that-goes-on-'.repeat(15)}`.slice(0, 255), [orders, billing]);
  for (const name of ['<img src=x onerror=alert(1)>', '=HYPERLINK("https://evil.example","click")', 'Zahlungsabwicklung für Österreich & Söhne', 'invoice\u202efdp.exe']) await machine(name, [orders]);
  for (let n = 1; n <= 24; n++) await machine(`worker ${String(n).padStart(2, '0')}`, n % 3 ? [billing] : []);
  const tokens = [];
  for (let n = 0; n < 30; n++) {
    const { body } = await api('POST', '/v1/m2m_tokens', billing.secret_key, {
      token_format: n % 2 ? 'jwt' : 'opaque', seconds_until_expiration: n ? 3600 : 1, claims: { order: n, note: 'ship <b>fast</b>', deep: { lines: [1, 2, 3] } },
    });
    tokens.push(body);
    if (n === 2 || n === 29) await api('POST', `/v1/m2m_tokens/${body.id}/revoke`, billing.secret_key, { revocation_reason: 'Printed in a log by mistake <script>' });
  }
  await api('POST', '/v1/m2m_tokens/verify', orders.secret_key, { token: tokens[28].token });
  for (let n = 3; n < 24; n++) for (let times = 0; times < n % 5; times++) await api('POST', '/v1/m2m_tokens/verify', orders.secret_key, { token: tokens[n].token });
  return { orders, billing, long, tokens };
}

const button = (path, name) => async page => {
  await page.goto(path);
  await page.getByLabel('Actions for').first().click();
  await page.getByRole('button', { name }).click();
};

const inspect = text => async page => {
  await page.goto('/dashboard/tokens');
  await page.getByLabel('Token or token id').fill(text);
  await page.getByRole('button', { name: 'Inspect' }).click();
  await page.getByRole('region', { name: /ood$/ }).waitFor();
};

// places gives name -> address, or a function that goes there. What stands under signedOut is seen without a session.
export const places = ({ orders, billing, long, tokens }) => ({
  machines: '/dashboard/machines',
  'machines-found': '/dashboard/machines?q=worker&order=name',
  'machines-none-found': '/dashboard/machines?q=nobody',
  'machine-new': '/dashboard/new-machine',
  'machine-new-refused': async page => {
    await page.goto('/dashboard/new-machine');
    await page.getByLabel('Lifetime', { exact: true }).fill('999999');
    await page.getByLabel('Unit').selectOption('days');
    await page.getByLabel('Name', { exact: true }).fill('payments');
    await page.getByRole('button', { name: 'Add machine' }).click();
    await page.getByText('Not accepted').waitFor();
  },
  machine: `/dashboard/machines/${billing.id}`,
  'machine-called-by-many': `/dashboard/machines/${orders.id}`,
  'machine-long': `/dashboard/machines/${long.id}`,
  'machine-menu': async page => {
    await page.goto(`/dashboard/machines/${billing.id}`);
    await page.getByLabel('Actions for').click();
  },
  'machine-edit': `/dashboard/machines/${billing.id}/edit`,
  'machine-scopes': `/dashboard/machines/${billing.id}/scopes`,
  'machine-secret': button(`/dashboard/machines/${billing.id}`, 'View machine secret'),
  'machine-rotate': `/dashboard/machines/${billing.id}/rotate`,
  'machine-delete': `/dashboard/machines/${orders.id}/delete`,
  tokens: '/dashboard/tokens',
  'tokens-good': inspect(tokens[27].token),
  'tokens-revoked': inspect(tokens[2].token),
  'tokens-changed': inspect(tokens[1].token.slice(0, -8) + 'AAAAAAAA'),
  'tokens-secret': inspect('ak_pasted-by-mistake'),
  'tokens-of-a-machine': `/dashboard/machines/${billing.id}/tokens`,
  'tokens-of-a-machine-none': `/dashboard/machines/${long.id}/tokens`,
  token: `/dashboard/tokens/${tokens[28].id}`,
  'token-revoked': `/dashboard/tokens/${tokens[29].id}`,
  'token-new': `/dashboard/machines/${billing.id}/new-token`,
  'token-made': async page => {
    await page.goto(`/dashboard/machines/${billing.id}/new-token`);
    await page.getByLabel('JWT').check();
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.getByText('Shown this once').waitFor();
  },
  'token-revoke': `/dashboard/tokens/${tokens[28].id}/revoke`,
  'tokens-revoke': `/dashboard/machines/${billing.id}/revoke-tokens`,
  overview: '/dashboard',
  graph: '/dashboard/graph',
  'graph-machine': `/dashboard/graph?machine=${billing.id}`,
  'graph-found': '/dashboard/graph?q=worker',
  usage: '/dashboard/usage',
  keys: '/dashboard/keys',
  'keys-rotate': '/dashboard/keys/rotate',
  'keys-compromise': async page => {
    await page.goto('/dashboard/keys');
    await page.getByRole('link', { name: 'Compromised' }).first().click();
  },
  audit: '/dashboard/audit',
  'audit-filtered': '/dashboard/audit?action=machine.create&who=instance_key&until=2099-01-01',
  'audit-none': '/dashboard/audit?target=nothing',
  'sign-out-everywhere': '/dashboard/sign-out-everywhere',
  'not-found': '/dashboard/machines/mch_000000000000000000000000000',
});

export const signedOut = {
  'sign-in': '/dashboard/sign-in',
  'sign-in-after-a-form': '/dashboard/sign-in?ended=change&next=/dashboard/new-machine',
  'first-sign-in-dead': '/dashboard/first-sign-in?link=nothing',
};
