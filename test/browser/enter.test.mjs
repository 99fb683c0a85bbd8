// Enter in a field does what the form is for, with and without scripts: the search of the scopes has a button too, and it stands first.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { machine, operator } from './support.mjs';

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with scripts' : 'without scripts';

  test(`Enter adds a machine, ${how}`, async () => {
    const { context, page, faults } = await operator({ javaScriptEnabled });
    for (const label of ['Name', 'Lifetime']) {
      const name = `Added by Enter in ${label} ${how}`;
      await page.goto('/dashboard/new-machine');
      await page.getByLabel('Name', { exact: true }).fill(name);
      await page.getByLabel(label, { exact: true }).press('Enter');
      await page.getByRole('heading', { level: 1, name }).waitFor();
    }
    await page.goto('/dashboard/new-machine');
    await page.getByLabel('Name', { exact: true }).press('Enter');
    await page.getByText('Enter a name').waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  });

  test(`Enter in the search of the scopes searches, and changes nothing, ${how}`, async () => {
    const { context, page, faults } = await operator({ javaScriptEnabled });
    const [here, there] = [await machine(`caller ${how}`), await machine(`called ${how}`)];
    for (const [address, say] of [['/dashboard/new-machine', 'Add a machine'], [`/dashboard/machines/${here.id}/scopes`, `Scopes of ${here.name}`]]) {
      await page.goto(address);
      await page.getByLabel('Find machines').fill(there.id);
      await page.getByLabel('Find machines').press('Enter');
      await page.locator('.choices li').nth(1).waitFor({ state: 'detached' });
      await page.getByRole('heading', { level: 1, name: say }).waitFor();
      await page.getByLabel(there.name).check();
      assert.equal(await page.getByText('Not accepted').count(), 0);
    }
    await page.getByLabel(there.name).press('Enter'); // the search was made: what is left is to save
    await page.getByRole('status').getByText('with tokens made from now on').waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  });

  test(`the button that Enter presses is nowhere else, ${how}`, async () => {
    const { context, page } = await operator({ javaScriptEnabled });
    await page.goto('/dashboard/new-machine');
    assert.equal(await page.getByRole('button', { name: 'Add machine' }).count(), 1);
    await page.getByLabel('Name', { exact: true }).focus();
    await page.keyboard.press('Shift+Tab');
    assert.notEqual(await page.evaluate(() => document.activeElement.textContent), 'Add machine');
    await context.close();
  });
}
