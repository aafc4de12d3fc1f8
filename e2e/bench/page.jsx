// Runs in the browser: what an update costs the main thread, for each contestant, in the same run.

import * as fastJsonPatch from 'fast-json-patch';
import { memo, Profiler, useState } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/profiling';
import { live } from 'tidegate';
import { applyPatch } from 'tidegate/patch';
import { useLive } from 'tidegate/react';

const ROWS = 500;
/** Of an update, 1% of the rows: four values each. */
const CHANGED = 5;

/** Steps of a pseudo-random walk, the same in each run (Lehmer's generator). */
let seed = 42;
const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
const cents = (value) => Math.round(value * 100) / 100;

/** 500 quotes of 17 members, 130 KB: the document `quotes` of the other benchmarks in kind and size. */
const quote = (index) => ({
  symbol: `S${index}`, name: `Company ${index}`, venue: 'XNAS', currency: 'USD', last: cents(10 + random(50000) / 100),
  bid: 0, ask: 0, bid_size: random(900) * 100, ask_size: random(900) * 100, open: 101.25, high: 104.5, low: 99.75, close: 100.5,
  volume: random(10_000_000), vwap: 101.33, status: 'open', time: '09:30:00.250Z',
});

/** The whole texts and patches of `count` updates, from one board on. */
function updates(count) {
  const board = Array.from({ length: ROWS }, (_, index) => quote(index));
  const first = JSON.stringify(board);
  const steps = [];
  for (let step = 0; step < count; step += 1) {
    const rows = new Set();
    while (rows.size < CHANGED) rows.add(random(ROWS));
    const patch = [];
    for (const row of rows) {
      const last = cents(board[row].last + (random(201) - 100) / 100 + 0.01);
      for (const [name, value] of Object.entries({ last, bid: cents(last - 0.01), ask: cents(last + 0.01), volume: board[row].volume + 1 + random(900) })) {
        board[row][name] = value;
        patch.push({ op: 'replace', path: `/${row}/${name}`, value });
      }
    }
    steps.push({ whole: JSON.stringify(board), patch: JSON.stringify(patch) });
  }
  return { first, steps };
}

/** A gateway in the page: `fetch` gives its stream, `send` puts an event into it. */
function gateway() {
  const encoder = new TextEncoder();
  let stream;
  let offset = 1;
  return {
    fetch: async () => new Response(new ReadableStream({ start: (controller) => void (stream = controller) }), { headers: { 'content-type': 'text/event-stream', 'tidegate-content-type': 'application/json' } }),
    opened: () => until(() => stream !== undefined),
    send: (event, data) => stream.enqueue(encoder.encode(`event: ${event}\nid: epoch.${offset++}.x\ndata: ${data}\n\n`)),
  };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function until(condition) {
  while (!condition()) await sleep(5);
}

/** Each update goes to each contestant, in an order that turns, at the pace at which a gateway would send. */
async function race(contestants, steps, pace) {
  const names = Object.keys(contestants);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (const [index, step] of steps.entries()) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(index + turn) % names.length];
      times[name].push(await contestants[name](step));
    }
    await sleep(pace);
  }
  return times;
}

const timed = (work) => {
  const began = performance.now();
  work();
  return performance.now() - began;
};

window.applies = async ({ count, pace }) => {
  const { first, steps } = updates(count);
  let held = JSON.parse(first);
  let mutated = JSON.parse(first);
  let copied = JSON.parse(first);
  let whole;
  const origin = gateway();
  const resource = live('/quotes', { fetch: origin.fetch });
  await origin.opened();
  origin.send('snapshot', first);
  await until(() => resource.state.data !== undefined);
  let arrived;
  resource.on('update', () => arrived(performance.now()));
  const times = await race({
    '`tidegate/patch`: `JSON.parse` of the patch, `applyPatch`': ({ patch }) => timed(() => (held = applyPatch(held, JSON.parse(patch)))),
    '`live()`: from bytes to the update event': async ({ patch }) => {
      const began = performance.now();
      const end = new Promise((resolve) => (arrived = resolve));
      origin.send('patch', patch);
      return (await end) - began;
    },
    '`JSON.parse` of the whole document': (step) => timed(() => (whole = JSON.parse(step.whole))),
    '`fast-json-patch`, in place': ({ patch }) => timed(() => (mutated = fastJsonPatch.applyPatch(mutated, JSON.parse(patch)).newDocument)),
    '`fast-json-patch`, on a copy': ({ patch }) => timed(() => (copied = fastJsonPatch.applyPatch(copied, JSON.parse(patch), false, false).newDocument)),
  }, steps, pace);
  const last = steps.at(-1).whole;
  const agree = [held, resource.state.data, whole, mutated, copied].every((document) => JSON.stringify(document) === last);
  resource.close();
  return { times, agree, bytes: last.length, patchBytes: steps.at(-1).patch.length };
};

const cells = (quote) => (
  <tr>
    <td>{quote.symbol}</td>
    <td>{quote.name}</td>
    <td>{quote.last}</td>
    <td>{quote.bid}</td>
    <td>{quote.ask}</td>
    <td>{quote.volume}</td>
  </tr>
);
const indices = Array.from({ length: ROWS }, (_, index) => index);

window.renders = async ({ count, pace }) => {
  const { first, steps } = updates(count);
  const origins = { selector: gateway(), memo: gateway() };
  const options = { selector: { fetch: origins.selector.fetch, key: 'selector' }, memo: { fetch: origins.memo.fetch, key: 'memo' } };
  const rendered = { selector: 0, memo: 0, replace: 0 };
  let replace;

  function SelectorRow({ at }) {
    const quote = useLive('/quotes', options.selector, ({ data }) => data?.[at]);
    rendered.selector += 1;
    return quote ? cells(quote) : null;
  }
  const MemoRow = memo(({ quote }) => ((rendered.memo += 1), cells(quote)));
  const PlainRow = memo(({ quote }) => ((rendered.replace += 1), cells(quote)));
  const boards = {
    selector: () => indices.map((at) => <SelectorRow key={at} at={at} />),
    memo: () => useLive('/quotes', options.memo).data?.map((quote) => <MemoRow key={quote.symbol} quote={quote} />),
    replace: () => {
      const [quotes, set] = useState(() => JSON.parse(first));
      replace = set;
      return quotes.map((quote) => <PlainRow key={quote.symbol} quote={quote} />);
    },
  };
  const commits = { selector: [], memo: [], replace: [] };
  const committed = {};
  for (const [name, Board] of Object.entries(boards)) {
    const table = document.body.appendChild(document.createElement('table'));
    createRoot(table).render(
      <Profiler id={name} onRender={(_, phase, duration) => (commits[name].push(duration), committed[name]?.(performance.now()))}>
        <tbody><Board /></tbody>
      </Profiler>,
    );
  }
  for (const origin of Object.values(origins)) {
    await origin.opened();
    origin.send('snapshot', first);
  }
  await until(() => document.querySelectorAll('tr').length === 3 * ROWS);
  await sleep(500);
  for (const name of Object.keys(boards)) (commits[name].length = 0), (rendered[name] = 0);

  const update = (name, act) => async (step) => {
    const began = performance.now();
    const end = new Promise((resolve) => (committed[name] = resolve));
    act(step);
    return (await end) - began;
  };
  const times = await race({
    selector: update('selector', ({ patch }) => origins.selector.send('patch', patch)),
    memo: update('memo', ({ patch }) => origins.memo.send('patch', patch)),
    replace: update('replace', ({ whole }) => flushSync(() => replace(JSON.parse(whole)))),
  }, steps, pace);
  const texts = [...document.querySelectorAll('table')].map((table) => table.textContent);
  return { times, commits, rendered, agree: texts.every((text) => text === texts[0]) };
};
