import { describe, expect, test } from 'vitest';
import type { LiveError } from '../src/index.ts';
import { type Live, live, type TabsOptions } from '../src/tabs/index.ts';
import { connect } from '../src/multiplex/index.ts';
import { type Page, Site } from './site.ts';
import { FakeSocket } from './socket.ts';
import { patch, settle, snapshot, status } from './world.ts';

const URL_ = 'http://gateway.test/log';
type Doc = number[];

const at = (offset: number) => `0000000000001.${offset}.0000007`;
const version = (offset: number) => Array.from({ length: offset }, (_, index) => index + 1);
/** The stream from one version to another: the document of version n is [1, …, n], so what is lost or doubled shows. */
const from = (offset: number, to: number) =>
  patch(at(to), ...version(to).slice(offset).map((value) => ({ op: 'add', path: '/-', value })));
const whole = (offset: number) => snapshot(at(offset), version(offset));

async function open(page: Page, options: TabsOptions = {}): Promise<Live<Doc>> {
  const resource = live<Doc>(URL_, { ...page.options, ...options });
  await settle();
  return resource;
}

/** Two tabs, of which the first leads, at version 2. */
async function two() {
  const site = new Site();
  const [a, b] = [site.page(), site.page()];
  const first = await open(a);
  await a.world.last.open();
  await a.world.last.send(whole(2) + status('live'));
  const second = await open(b);
  return { site, a, b, first, second };
}

describe('tabs', () => {
  test('share one connection, and whoever joins gets what there is', async () => {
    const { a, b, first, second } = await two();
    expect(b.world.exchanges).toHaveLength(0);
    expect(second.state).toMatchObject({ data: [1, 2], position: at(2), status: 'live', freshWithinMs: 550, transport: 'stream' });
    await a.world.last.send(from(2, 3));
    expect(first.state.data).toEqual([1, 2, 3]);
    expect(second.state).toMatchObject({ data: [1, 2, 3], position: at(3) });
  });

  test('a follower shares structure, and is told once for what came together', async () => {
    const { a, second } = await two();
    let calls = 0;
    const kinds: string[] = [];
    second.subscribe(() => calls++);
    second.on('update', ({ kind }) => kinds.push(kind));
    await a.world.last.send(from(2, 3) + from(3, 4) + status('stale'));
    expect(second.state).toMatchObject({ data: [1, 2, 3, 4], status: 'stale' });
    expect(kinds).toEqual(['patch', 'patch']);
    expect(calls).toBe(1);
  });

  test('whoever comes before the first snapshot waits with the others', async () => {
    const site = new Site();
    const [a, b] = [site.page(), site.page()];
    await open(a);
    const second = await open(b);
    expect(second.state.status).toBe('connecting');
    await a.world.last.open();
    await a.world.last.send(whole(1) + status('live'));
    expect(second.state).toMatchObject({ data: [1], status: 'live' });
    expect(b.world.exchanges).toHaveLength(0);
  });

  test.each(['close', 'crash', 'freeze'])('when the leader is gone (%s) the next one resumes from its own position', async (how) => {
    const { a, b, first, second } = await two();
    await a.world.last.send(from(2, 3));
    const old = a.world.last;
    if (how === 'close') first.close();
    else if (how === 'crash') await a.crash();
    else await a.signal('freeze');
    await settle();
    if (how !== 'crash') expect(old.abandoned).toBe(true);
    expect(b.world.exchanges).toHaveLength(1);
    expect(b.world.last.header('last-event-id')).toBe(at(3));
    await b.world.last.open();
    await b.world.last.send(from(3, 5) + status('live'));
    expect(second.state).toMatchObject({ data: [1, 2, 3, 4, 5], status: 'live' });
  });

  test('a tab that was put to sleep catches up when it wakes, and follows', async () => {
    const { a, b, first } = await two();
    await a.signal('freeze');
    await b.world.last.open();
    await b.world.last.send(from(2, 6) + status('live'));
    expect(first.state.data).toEqual([1, 2, ...[3, 4, 5, 6]]);
    await a.signal('resume');
    expect(first.state).toMatchObject({ data: version(6), position: at(6) });
    expect(a.world.exchanges).toHaveLength(1);
    await b.world.last.send(from(6, 7));
    expect(first.state.data).toEqual(version(7));
  });

  test('a leader that hangs is replaced, and follows when it is back', async () => {
    const { a, b, first, second } = await two();
    a.hangs = true;
    await b.world.advance(60_000);
    expect(b.world.exchanges).toHaveLength(1);
    expect(b.world.last.header('last-event-id')).toBe(at(2));
    await b.world.last.open();
    await b.world.last.send(from(2, 4) + status('live'));
    await a.wake();
    expect(a.world.last.abandoned).toBe(true);
    expect(first.state.data).toEqual(version(4));
    expect(second.state.data).toEqual(version(4));
  });

  test('a quiet leader that answers stays', async () => {
    const { b } = await two();
    await b.world.advance(600_000);
    expect(b.world.exchanges).toHaveLength(0);
  });

  test('a failure is every tab\'s to see', async () => {
    const { a, second } = await two();
    const errors: LiveError[] = [];
    second.on('error', (error) => errors.push(error));
    await a.world.last.cut();
    expect(second.state).toMatchObject({ status: 'disconnected', data: [1, 2] });
    expect(second.state.retryAt).toBeGreaterThan(0);
    expect(errors).toMatchObject([{ code: 'network', final: false }]);
    await a.world.advance(1000);
    await a.world.last.open();
    await a.world.last.send(from(2, 3) + status('live'));
    expect(second.state).toMatchObject({ status: 'live', data: [1, 2, 3] });
  });

  test('a final one ends it in all of them', async () => {
    const { a, b, first, second } = await two();
    await a.world.last.cut();
    await a.world.advance(1000);
    await a.world.last.reply(new Response(JSON.stringify({ title: 'No' }), { status: 403 }));
    for (const { state } of [first, second]) expect(state).toMatchObject({ status: 'closed', cause: { title: 'No' } });
    for (const page of [a, b]) expect(page.pending).toBe(0);
  });

  test('a patch that does not fit leads the leader to a snapshot, and the others with it', async () => {
    const { a, second } = await two();
    await a.world.last.send(patch(at(3), { op: 'remove', path: '/99' }));
    expect(second.state).toMatchObject({ status: 'disconnected', data: [1, 2] });
    await a.world.advance(1000);
    await a.world.last.open();
    await a.world.last.send(whole(4) + status('live') + from(4, 5));
    expect(second.state.data).toEqual(version(5));
  });

  test('wishes and keys that differ are different resources', async () => {
    const site = new Site();
    const pages = [{}, { rate: '1s' }, { key: 'me' }, {}].map((options) => ({ page: site.page(), options }));
    for (const { page, options } of pages) await open(page, options);
    expect(pages.map(({ page }) => page.world.exchanges.length)).toEqual([1, 1, 1, 0]);
  });

  test('close leaves nothing behind, in a leader and in a follower', async () => {
    const { a, b, first, second } = await two();
    second.close();
    expect(b.pending).toBe(0);
    first.close();
    expect(a.pending).toBe(0);
    await settle();
    expect(b.world.exchanges).toHaveLength(0);
  });

  test('without locks or channels each tab has its own connection', async () => {
    const page = new Site().page();
    const { locks, ...options } = page.options;
    const resource = live<Doc>(URL_, options);
    await settle();
    await page.world.last.open();
    await page.world.last.send(whole(1));
    expect(resource.state.data).toEqual([1]);
    resource.close();
  });
});

test('the tab that leads may be connected through a multiplexer', async () => {
  FakeSocket.made = [];
  const site = new Site();
  const [a, b] = [site.page(), site.page()];
  const over = (page: Page) => connect('http://gateway.test', { ...page.world.options, WebSocket: FakeSocket });
  const first = await open(a, { over: over(a) });
  const second = await open(b, { over: over(b) });
  await FakeSocket.last.open();
  await FakeSocket.last.say(
    { sub: 1, event: 'open', data: { content_type: 'application/json' } },
    { sub: 1, event: 'snapshot', id: at(1), data: [1] },
    { sub: 1, event: 'patch', id: at(2), data: [{ op: 'add', path: '/-', value: 2 }] },
  );
  expect(second.state).toMatchObject({ data: [1, 2], position: at(2), transport: 'websocket' });
  first.close();
  await settle();
  expect(FakeSocket.made).toHaveLength(2);
  await FakeSocket.last.open();
  expect(FakeSocket.last.sent).toEqual([{ op: 'subscribe', sub: 1, url: '/log', id: at(2) }]);
});

/** Numbers that look random and are the same each time. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test.each(Array.from({ length: 100 }, (_, seed) => seed))(
  'nothing is lost and nothing counts twice, whatever the tabs do: history %i',
  async (seed) => {
    const roll = dice(seed);
    const site = new Site();
    const tabs: { page: Page; resource: Live<Doc>; seen: number[]; asleep: boolean }[] = [];
    let newest = 1;
    const join = async () => {
      const page = site.page();
      page.world.random = 0;
      const resource = live<Doc>(URL_, page.options);
      const tab = { page, resource, seen: [] as number[], asleep: false };
      resource.on('update', ({ data }) => {
        expect(data).toEqual(version(data.length));
        tab.seen.push(data.length);
      });
      tabs.push(tab);
      await settle();
    };
    /** The gateway: answers what was asked, and tells the newest on each stream that there is. */
    const sent = new WeakMap<object, number>();
    const serve = async () => {
      for (const { page } of tabs) {
        for (const exchange of page.world.exchanges) {
          if (exchange.abandoned) continue;
          const before = sent.get(exchange);
          sent.set(exchange, newest);
          if (before === undefined) {
            await exchange.open();
            const position = exchange.header('last-event-id');
            const known = position === null ? 0 : Number(position.split('.')[1]);
            await exchange.send((known === 0 ? whole(newest) : known < newest ? from(known, newest) : '') + status('live'));
          } else if (before < newest) await exchange.send(from(before, newest));
        }
      }
    };
    await join();
    for (let step = 0; step < 60; step++) {
      const tab = tabs[roll(tabs.length)];
      const move = roll(10);
      if (tab === undefined || (move === 0 && tabs.length < 5)) await join();
      else if (move === 1 && tabs.length > 1) {
        if (roll(2) === 0) tab.resource.close();
        else await tab.page.crash();
        tabs.splice(tabs.indexOf(tab), 1);
      } else if (move === 2) {
        tab.asleep = !tab.asleep;
        await tab.page.signal(tab.asleep ? 'freeze' : 'resume');
      } else if (move === 3) tab.page.hangs = true;
      else if (move === 4) await tab.page.wake();
      else if (move === 5) for (const { page } of tabs) await page.world.advance(15_000);
      else newest += 1 + roll(2);
      if (roll(3) > 0) await serve();
    }
    // In the end all wake, and all are current.
    for (const tab of tabs) {
      await tab.page.wake();
      if (tab.asleep) await tab.page.signal('resume');
    }
    newest += 1;
    for (let round = 0; round < 8; round++) {
      await serve();
      for (const { page } of tabs) await page.world.advance(15_000);
    }
    for (const { resource, seen } of tabs) {
      expect(resource.state.data).toEqual(version(newest));
      expect(seen).toEqual([...new Set(seen)].sort((left, right) => left - right));
    }
    const streams = tabs.flatMap(({ page }) => page.world.exchanges.filter(({ abandoned }) => !abandoned));
    expect(streams).toHaveLength(1);
  },
);
