// Streams followed inside a page of a browser, by the means that pages have.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const JSON_PATCH = readFileSync(join(dirname(require.resolve('fast-json-patch/package.json')), 'dist/fast-json-patch.min.js'), 'utf8');

/** The files of `@microsoft/fetch-event-source`, put together for a page that has no `require`. */
function fetchEventSource() {
  const main = require.resolve('@microsoft/fetch-event-source');
  const module = (name) => `${JSON.stringify(`./${name}`)}: (exports, require) => {${readFileSync(join(dirname(main), `${name}.js`), 'utf8')}\n}`;
  return `window.fetchEventSource = (() => {
    const sources = { ${module('fetch')}, ${module('parse')} }, loaded = {};
    const require = (name) => {
      if (loaded[name] === undefined) sources[name](loaded[name] = {}, require);
      return loaded[name];
    };
    return require('./fetch').fetchEventSource;
  })();`;
}

/** Runs in the page: follows `url` by `means`; what is held stands in `window.followed[name]`. */
function followInPage({ name, url, means }) {
  const held = { states: [], statuses: 0, opens: [], failure: undefined };
  (window.followed ??= {})[name] = held;
  let data;
  const take = ({ event, id, text }) => {
    try {
      if (event === 'status') held.statuses += 1;
      if (event !== 'snapshot' && event !== 'patch') return;
      const parsed = JSON.parse(text);
      data = event === 'snapshot' ? parsed : jsonpatch.applyPatch(data, parsed, true, false).newDocument;
      held.states.push({ event, id, data });
    } catch (error) {
      held.failure ??= String(error);
    }
  };
  const opened = (response) => held.opens.push(response.headers.get('content-encoding'));
  const all = {
    EventSource() {
      const source = new EventSource(url);
      source.addEventListener('open', () => held.opens.push(null));
      for (const event of ['snapshot', 'patch', 'status']) {
        source.addEventListener(event, ({ lastEventId, data }) => take({ event, id: lastEventId, text: data }));
      }
      source.addEventListener('error', () => {
        if (source.readyState === EventSource.CLOSED) held.failure ??= 'EventSource gave up';
      });
    },
    'fetch-event-source'() {
      fetchEventSource(url, {
        openWhenHidden: true,
        onopen: async (response) => opened(response),
        onmessage: ({ event, id, data }) => take({ event, id, text: data }),
        // It takes an end in order for one that was wished for, unless told otherwise.
        onclose: () => {
          throw new Error('again');
        },
        onerror: () => 200,
      }).catch((error) => (held.failure ??= String(error)));
    },
    async fetch() {
      const response = await fetch(url, { headers: { Accept: 'text/event-stream' } });
      opened(response);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const blocks = (text + value).split('\n\n');
        text = blocks.pop();
        for (const block of blocks) {
          const field = (name) => block.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
          take({ event: field('event'), id: field('id'), text: field('data') });
        }
      }
      held.ended = true;
    },
  };
  Promise.resolve(all[means]()).catch((error) => (held.failure ??= String(error)));
}

/** A page with the means to follow, at a URL of the gateway, so that everything is of one origin. */
export async function openPage(t, chrome, url, options = {}) {
  const context = await chrome.newContext(options);
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(url);
  await page.evaluate(JSON_PATCH + ';window.jsonpatch = jsonpatch;');
  await page.evaluate(fetchEventSource());
  return page;
}

/** Follows a stream in a page by `EventSource`, `fetch-event-source` or `fetch`. Used as other followers are, once looked at. */
export class PageFollower {
  states = [];
  opens = [];
  statuses = 0;
  failure;
  ended = false;
  #page;

  static async start(page, name, url, means) {
    const follower = new PageFollower();
    follower.name = name;
    follower.#page = page;
    await page.evaluate(followInPage, { name, url, means });
    return follower;
  }

  /** Takes over what it holds by now. */
  async look() {
    const seen = this.states.length;
    const held = await this.#page.evaluate(([name, seen]) => {
      const held = window.followed[name];
      return { ...held, states: held.states.slice(seen) };
    }, [this.name, seen]);
    this.states.push(...held.states);
    this.opens = held.opens;
    this.statuses = held.statuses;
    this.ended = held.ended === true;
    if (held.failure !== undefined) this.failure = new Error(held.failure);
  }

  get latest() {
    return this.states.at(-1);
  }
}
