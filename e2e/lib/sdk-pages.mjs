// Pages that use the SDK, in a browser.

import { pageScript } from './sdk.mjs';

/**
 * What stands in each page: `follow` remembers each state of a resource, as `lib/truth.mjs` looks at them, and `mount`
 * shows a board by React. A row says how often it was rendered.
 */
const SOURCE = `
  import { live } from 'tidegate';
  import { connect } from 'tidegate/multiplex';
  import { live as shared } from 'tidegate/tabs';
  import { useLive } from 'tidegate/react';
  import { createElement, memo, StrictMode } from 'react';
  import { createRoot } from 'react-dom/client';

  const followed = {};

  function follow(name, resource) {
    const held = (followed[name] = { resource, states: [], failure: undefined });
    resource.on('update', ({ kind, position, data }) => held.states.push({ event: kind, id: position, data }));
    resource.on('error', ({ code, message, final }) => {
      if (final || code === 'patch-failed' || code === 'bad-data') held.failure ??= code + ': ' + message;
    });
  }

  function look(name, seen) {
    const { resource, states, failure } = followed[name];
    const { status, transport } = resource.state;
    // As one text: a document costs playwright more, part by part, than everything else here. JSON has no -0 to write.
    const text = JSON.stringify(states.slice(seen), (_, value) => (Object.is(value, -0) ? '-0' : value));
    return { text, failure, status, transport };
  }

  const renders = (window.renders = { board: 0, rows: {}, prices: {} });
  const count = (of, key) => (of[key] = (of[key] ?? 0) + 1);

  const Row = memo(({ row }) => {
    count(renders.rows, row.symbol);
    return createElement('li', { id: row.symbol }, row.symbol + ' ' + row.last);
  });

  const Price = memo(({ url, at }) => {
    const price = useLive(url, {}, ({ data }) => data?.rows[at].last);
    count(renders.prices, at);
    return createElement('b', { id: 'price-' + at }, price);
  });

  function Board({ url }) {
    const { data, status } = useLive(url);
    renders.board += 1;
    const rows = data?.rows ?? [];
    return createElement('main', { id: 'board', 'data-status': status },
      createElement('ul', null, rows.map((row) => createElement(Row, { key: row.symbol, row }))),
      rows.map((row, at) => createElement(Price, { key: row.symbol, url, at })));
  }

  function mount(url) {
    const root = document.body.appendChild(document.createElement('div'));
    createRoot(root).render(createElement(StrictMode, null, createElement(Board, { url })));
  }

  window.sdk = { live, connect, shared, follow, look, mount };
`;

let script;

/** A page with `window.sdk`, at a URL of the gateway, so that everything is of one origin. */
export async function sdkPage(context, url) {
  script ??= await pageScript(SOURCE);
  const page = await context.newPage();
  await page.goto(url);
  await page.evaluate(script);
  return page;
}

/** A context of the browser: the tabs of one user. Gives what its pages have open: `streams`, and `sockets` so far. */
export async function tabs(t, chrome) {
  const context = await chrome.newContext();
  t.after(() => context.close());
  const seen = { context, streams: new Set(), asked: 0, sockets: 0 };
  context.on('request', (request) => {
    if (request.headers().accept !== 'text/event-stream') return;
    seen.asked += 1;
    seen.streams.add(request);
  });
  for (const event of ['requestfinished', 'requestfailed']) context.on(event, (request) => seen.streams.delete(request));
  context.on('page', (page) => {
    page.on('websocket', () => (seen.sockets += 1));
    page.on('close', () => {
      for (const request of seen.streams) if (request.frame().page() === page) seen.streams.delete(request);
    });
  });
  return seen;
}

/** A resource that is followed in a page. Used as other followers are, once looked at. */
export class TabFollower {
  states = [];
  failure;
  status;
  transport;
  #page;

  /** `open` runs in the page with `argument`, and gives the resource. */
  static async start(page, name, open, argument) {
    const follower = new TabFollower();
    follower.name = name;
    follower.#page = page;
    await page.evaluate(`sdk.follow(${JSON.stringify(name)}, (${open})(${JSON.stringify(argument)}))`);
    return follower;
  }

  /** Takes over what it holds by now. */
  async look() {
    const { text, failure, status, transport } = await this.#page.evaluate(([name, seen]) => window.sdk.look(name, seen), [this.name, this.states.length]);
    this.states.push(...JSON.parse(text, (_, value) => (value === '-0' ? -0 : value)));
    Object.assign(this, { status, transport });
    if (failure !== undefined) this.failure = new Error(failure);
  }

  get latest() {
    return this.states.at(-1);
  }
}
