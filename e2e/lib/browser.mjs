// Headless Chromium as Debian packages it, with nothing of anybody's profile.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { eventually } from './wait.mjs';

const OUT = fileURLToPath(new URL('../out', import.meta.url));
const FLAGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
/** Chromium says so itself, whatever the page does, when a server that a test broke does not answer well. */
const NETWORK_NOTICE = /^Failed to load resource: (net::ERR_|the server responded with a status of 50[0-9])/;

export async function browser(t) {
  const chrome = await chromium.launch({
    executablePath: process.env.TIDEGATE_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    // Tests may run as root, in containers that allow no sandbox; only our own page is opened.
    chromiumSandbox: false,
    args: FLAGS,
  });
  t.after(() => chrome.close());
  return chrome;
}

/** One visit of the demo's page. */
export class Visit {
  /** What the page threw or wrote to the console as an error. */
  errors = [];
  /** What Chromium wrote there about answers of servers. */
  notices = [];
  #page;

  static async open(chrome, url, viewport, colorScheme = 'light') {
    return Visit.tab(await chrome.newContext({ viewport, colorScheme, reducedMotion: 'no-preference' }), url);
  }

  /** In another tab of a context. */
  static async tab(context, url) {
    const visit = new Visit();
    visit.#page = await context.newPage();
    visit.#page.on('pageerror', (error) => visit.errors.push(String(error)));
    visit.#page.on('console', (message) => {
      if (message.type() !== 'error') return;
      (NETWORK_NOTICE.test(message.text()) ? visit.notices : visit.errors).push(`${message.text()} ${message.location().url}`);
    });
    await visit.#page.goto(url);
    return visit;
  }

  at(testid) {
    return this.#page.getByTestId(testid);
  }

  text(testid) {
    return this.at(testid).innerText();
  }

  /** The live price of each row, by symbol, in one look. */
  prices() {
    return this.#page.evaluate(() =>
      Object.fromEntries([...document.querySelectorAll('[data-testid^="price-"]')].map((cell) => [cell.dataset.testid.slice(6), cell.textContent.trim()])));
  }

  /** Waits until the live board's state is `tone`. */
  async tone(tone) {
    await eventually(`the state is ${tone}`, async () => {
      const is = await this.at('state').getAttribute('data-tone');
      return is === tone || Promise.reject(new Error(`it is ${is}: ${await this.text('state')}`));
    });
  }

  async click(testid) {
    await this.at(testid).click();
  }

  /** Whether anything is wider than the screen. */
  overflows() {
    return this.#page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  }

  /** Marks the document, so that `sameDocument` can tell whether it was loaded again. */
  async mark() {
    await this.#page.evaluate(() => (window.visit = true));
  }

  sameDocument() {
    return this.#page.evaluate(() => window.visit === true);
  }

  async screenshot(name) {
    mkdirSync(OUT, { recursive: true });
    await this.#page.screenshot({ path: `${OUT}/${name}.png` });
  }

  assertNoErrors() {
    assert.deepEqual(this.errors, []);
  }
}
