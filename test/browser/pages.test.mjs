// Every page, light and dark, on a phone and on a wide screen: nothing that axe-core finds, nothing that the page's own policy reports, no
// other host, under 100 KB, no sideways scrolling. A picture of each goes into ./screenshots, which git ignores.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { before, test } from 'node:test';
import { furnish, inspected, places, signedOut, tidy } from './places.mjs';
import { operator, visit } from './support.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pictures = new URL('./screenshots/', import.meta.url).pathname;
mkdirSync(pictures, { recursive: true });

let furniture;
before(async () => {
  const { context, page, faults } = await operator({ viewport: { width: 1440, height: 900 } });
  for (const colorScheme of ['light', 'dark']) { // as long as there is nothing yet
    await page.emulateMedia({ colorScheme });
    for (const [name, place] of Object.entries({ machines: '/dashboard/machines', overview: '/dashboard', graph: '/dashboard/graph', usage: '/dashboard/usage' })) {
      await weigh(page, place, name);
      await look(page, `${name}-empty-1440-${colorScheme}`);
    }
  }
  const { token } = await tidy(); // two pictures for the README
  for (const [name, place, colorScheme] of [['machines', p => p.goto('/dashboard/machines?order=name'), 'light'], ['inspector', inspected(token), 'dark']]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 1200, height: 720 });
    await place(page);
    await page.screenshot({ path: `${pictures}readme-${name}.png` });
  }
  assert.deepEqual(faults, []);
  await context.close();
  furniture = await furnish();
});

// weigh goes to a place, and fails if a document on the way is heavy.
async function weigh(page, place, name) {
  const sizes = [];
  const note = async r => { if (r.request().resourceType() === 'document') sizes.push((await r.body().catch(() => '')).length); };
  page.on('response', note);
  await (typeof place === 'string' ? page.goto(place) : place(page));
  await page.waitForLoadState('load');
  page.off('response', note);
  for (const size of sizes) assert.ok(size < 100_000, `${name} has ${size} bytes`);
  await page.evaluate(axe); // as a developer's tools would: the page's own policy does not let it load anything
}

// look pictures the page that is there, and fails if it is too wide or if axe finds something.
async function look(page, name) {
  await page.screenshot({ path: `${pictures}${name}.png`, fullPage: true });
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wider <= 0, `${name} is ${wider} pixels wider than the screen`);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  const found = violations.map(v => `${v.id}: ${v.help}: ${v.nodes.map(n => n.target.join(' ')).join(', ')}`);
  assert.deepEqual(found, [], name);
}

test('tables fit their sheet at every width, and leave room for names', async () => {
  const { context, page } = await operator();
  for (const place of ['/dashboard/machines', `/dashboard/machines/${furniture.billing.id}/tokens`]) {
    await page.goto(place);
    for (const width of [360, 640, 833, 960, 1024, 1121, 1200, 1345, 1440, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      const [over, name] = await page.evaluate(() => {
        const sheet = document.querySelector('.sheet');
        return [sheet.querySelector('table').offsetWidth - sheet.clientWidth, sheet.querySelector('tbody th').offsetWidth];
      });
      assert.ok(over <= 0, `${place} at ${width}: the table is ${over} pixels wider than its sheet`);
      assert.ok(name >= 190, `${place} at ${width}: ${name} pixels for the name`);
    }
  }
  await context.close();
});

const looks = ['light', 'dark'].flatMap(colorScheme => [390, 1440].map(width => ({ colorScheme, width })));

test('every page is in order, light and dark, on a phone and on a wide screen', async t => {
  for (const [open, list] of [[visit, signedOut], [operator, places(furniture)]]) {
    const { context, page, faults } = await open();
    for (const [name, place] of Object.entries(list)) {
      await t.test(name, async () => {
        await page.setViewportSize({ width: 390, height: 844 }); // where there is least room to click
        await weigh(page, place, name);
        for (const { colorScheme, width } of looks) {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' }); // colours change at once
          await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
          await look(page, `${name}-${width}-${colorScheme}`);
        }
        assert.deepEqual(faults.splice(0), []);
      });
    }
    await context.close();
  }
});
