// The demo's page in a browser: it is live, it counts, and it recovers by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, Visit } from '../lib/browser.mjs';
import { Demo } from '../lib/demo.mjs';
import { eventually } from '../lib/wait.mjs';

const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1440, height: 900 };
const WAYS = ['live', 'polling', 'refresh'];

/** Waits until `want` of the prices on the board are others than `before`. */
const changed = (visit, before, want = 3) => eventually(`${want} prices change`, async () => {
  const now = await visit.prices();
  return Object.entries(now).filter(([symbol, price]) => before[symbol] !== price).length >= want;
});
/** A number as the page writes it: `1,234`. */
const number = async (visit, testid) => Number((await visit.text(testid)).replaceAll(/[^0-9.]/g, ''));
const full = (visit, symbols) => eventually('the board is full', async () => Object.keys(await visit.prices()).length === symbols);

test('prices change without a reload, counters move, and the page survives what is done to it', async (t) => {
  const demo = await Demo.start(t, '--rate', '100');
  const { symbols } = await (await fetch(`${demo.page}/demo.json`)).json();
  const chrome = await browser(t);
  const visit = await Visit.open(chrome, demo.page, DESKTOP);
  await visit.tone('live');
  await full(visit, symbols);
  await visit.mark();
  await changed(visit, await visit.prices());
  for (const price of Object.values(await visit.prices())) assert.match(price, /^[\d,]+\.\d\d$/, 'two decimals always');

  // Each way is counted: live and polling by themselves, refresh when it is pressed.
  for (const way of WAYS) await eventually(`${way} was counted`, async () => (await number(visit, `counter-${way}-requests`)) > 0);
  const before = Object.fromEntries(await Promise.all(WAYS.map(async (way) => [way, await number(visit, `counter-${way}-requests`)])));
  await visit.click('btn-refresh');
  for (const way of WAYS) await eventually(`the requests of ${way} grow`, async () => (await number(visit, `counter-${way}-requests`)) > before[way]);
  for (const way of WAYS) assert.match(await visit.text(`age-${way}`), /\d/, `the age of ${way}`);
  for (const way of ['live', 'polling']) {
    await eventually(`what ${way} costs in a minute is projected`, async () => (await number(visit, `projection-${way}-requests`)) > 0);
  }
  await visit.screenshot('desktop');
  assert.deepEqual([...visit.errors, ...visit.notices], [], 'nothing in the console');

  await visit.click('btn-break');
  await visit.tone('stale');
  assert.match(await visit.text('state-title'), /down/);
  assert.match(await visit.text('state-detail'), /data from .* ago/);
  await visit.screenshot('desktop-down');
  await visit.click('btn-run');
  await visit.tone('live');
  await changed(visit, await visit.prices());

  await visit.click('btn-hang');
  await visit.tone('stale');
  await visit.click('btn-run');
  await visit.tone('live');
  await changed(visit, await visit.prices());

  await visit.click('btn-restart');
  await visit.tone('lost');
  await visit.tone('live');
  await changed(visit, await visit.prices());

  // Halted, the board has to agree with the market to the last price.
  await visit.click('btn-halt');
  await eventually('the board is what the market says', async () => {
    const quotes = await (await fetch(`${demo.market}/quotes`)).json();
    const shown = await visit.prices();
    return quotes.every(({ symbol, price }) => Number(shown[symbol].replaceAll(',', '')) === price);
  });
  assert.ok(await visit.sameDocument(), 'it was never reloaded');
  visit.assertNoErrors();
});

test('a row that is chosen shows its chart, book and trades; the filter narrows the board', async (t) => {
  const demo = await Demo.start(t, '--rate', '100');
  const visit = await Visit.open(await browser(t), demo.page, DESKTOP, 'dark');
  await visit.tone('live');
  const [, second] = Object.keys(await eventually('a board', async () => {
    const prices = await visit.prices();
    return Object.keys(prices).length > 1 && prices;
  }));
  await visit.click(`row-${second}`);
  await eventually('its symbol is shown', async () => (await visit.text('detail-symbol')) === second);
  const rows = (testid) => visit.at(testid).locator('tbody tr').count();
  await eventually('its book is shown', async () => (await rows('book')) >= 10);
  await eventually('its trades are shown', async () => (await rows('trades')) >= 1);
  assert.ok((await visit.at('chart').locator('canvas').count()) > 0, 'its chart is drawn');
  await visit.screenshot('desktop-dark');

  await visit.at('filter').fill(second);
  await eventually('only matches are shown', async () => {
    const shown = await visit.at('board-rows').locator('tr:visible').count();
    return shown >= 1 && shown < 20;
  });
  assert.ok(await visit.at(`row-${second}`).isVisible());
  visit.assertNoErrors();
});

test('on a phone nothing is wider than the screen, and it is as live', async (t) => {
  const demo = await Demo.start(t, '--rate', '100');
  const chrome = await browser(t);
  const { symbols } = await (await fetch(`${demo.page}/demo.json`)).json();
  for (const scheme of ['light', 'dark']) {
    const visit = await Visit.open(chrome, demo.page, PHONE, scheme);
    await visit.tone('live');
    await full(visit, symbols);
    await changed(visit, await visit.prices());
    assert.equal(await visit.overflows(), false);
    await visit.screenshot(scheme === 'light' ? 'phone' : 'phone-dark');
    visit.assertNoErrors();
  }
});
