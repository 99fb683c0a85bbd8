// Every page of the dashboard, and how to get there. A new page is one line here: it is then looked at by pages.test.mjs.
import { machine } from './support.mjs';

// furnish puts something onto the pages, awkward names among it.
export async function furnish() {
  const orders = await machine('orders');
  const billing = await machine('billing worker', [orders]);
  const long = await machine(`a-service-with-a-name-${'that-goes-on-'.repeat(15)}`.slice(0, 255), [orders, billing]);
  for (const name of ['<img src=x onerror=alert(1)>', '=HYPERLINK("https://evil.example","click")', 'Zahlungsabwicklung für Österreich & Söhne']) await machine(name, [orders]);
  for (let n = 1; n <= 24; n++) await machine(`worker ${String(n).padStart(2, '0')}`, n % 3 ? [billing] : []);
  return { orders, billing, long };
}

const button = (path, name) => async page => {
  await page.goto(path);
  await page.getByLabel('Actions for').first().click();
  await page.getByRole('button', { name }).click();
};

// places gives name -> address, or a function that goes there. What stands under signedOut is seen without a session.
export const places = ({ orders, billing, long }) => ({
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
  'sign-out-everywhere': '/dashboard/sign-out-everywhere',
  'not-found': '/dashboard/machines/mch_000000000000000000000000000',
});

export const signedOut = {
  'sign-in': '/dashboard/sign-in',
  'first-sign-in-dead': '/dashboard/first-sign-in?link=nothing',
};
