import { describe, expect, test } from 'vitest';
import { live, LiveError, type LiveState } from '../src/index.ts';
import { type Doc, patch, settle, snapshot, start, status, URL_, World } from './world.ts';

describe('a stream', () => {
  test('is asked for as an event stream, without a position', async () => {
    const { world, feed } = await start();
    expect(feed.state.status).toBe('connecting');
    expect(world.last.url).toBe(URL_);
    expect(world.last.header('accept')).toBe('text/event-stream');
    expect(world.last.header('last-event-id')).toBeNull();
  });

  test('gives snapshot, status and patches in one view', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.last.send(`retry: 700\n${snapshot('e.1', { a: 1, b: 2 })}${status('live')}`);
    expect(feed.state).toMatchObject({
      data: { a: 1, b: 2 },
      position: 'e.1',
      status: 'live',
      since: Date.UTC(2026, 0, 31, 9, 29, 59, 500),
      freshWithinMs: 550,
      receivedAt: world.time,
      retryAt: undefined,
    });
    world.sleep(100);
    await world.last.send(patch('e.2', { op: 'replace', path: '/a', value: 5 }));
    expect(feed.state).toMatchObject({ data: { a: 5, b: 2 }, position: 'e.2', receivedAt: world.time });
  });

  test('counts what it read', async () => {
    const { world, feed } = await start();
    await world.last.open();
    const text = snapshot('e.1', { name: 'Zürich' });
    await world.last.send(':\n');
    await world.last.send(text);
    expect(feed.state.bytes).toBe(2 + new TextEncoder().encode(text).length);
  });

  test('tells listeners of each update, and subscribers once for what came together', async () => {
    const { world, feed } = await start();
    const kinds: string[] = [];
    let calls = 0;
    feed.on('update', (update) => kinds.push(`${update.kind} ${update.position} ${JSON.stringify(update.previous)}`));
    feed.subscribe(() => calls++);
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }) + patch('e.2', { op: 'add', path: '/b', value: 2 }) + status('live'));
    expect(kinds).toEqual(['snapshot e.1 undefined', 'patch e.2 {"a":1}']);
    expect(calls).toBe(1);
  });

  test('keeps one view until something changes', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }));
    const view = feed.getSnapshot();
    await world.last.send(':\n');
    expect(feed.getSnapshot()).toBe(view);
    await world.last.send(status('live'));
    expect(feed.getSnapshot()).not.toBe(view);
    expect(feed.getSnapshot().data).toBe(view.data);
  });

  test('of another media type stays text', async () => {
    const { world, feed } = await start();
    await world.last.open({ 'Tidegate-Content-Type': 'text/plain; charset=utf-8' });
    await world.last.send('event: snapshot\nid: e.1\ndata: 1\ndata: 2\n\n');
    expect(feed.state.data).toBe('1\n2');
  });

  test.each(['application/json', 'Application/Problem+JSON; charset=utf-8'])('of %s is JSON', async (type) => {
    const { world, feed } = await start();
    await world.last.open({ 'Tidegate-Content-Type': type });
    await world.last.send(snapshot('e.1', { a: 1 }));
    expect(feed.state.data).toEqual({ a: 1 });
  });

  test('goes through the parse hook, patches too', async () => {
    const exact = (text: string) =>
      JSON.parse(text.replace(/([:[,])(-?\d+\.\d+)/g, '$1"$2"'));
    const { world, feed } = await start({ parse: exact });
    await world.last.open();
    await world.last.send('event: snapshot\nid: e.1\ndata: {"a":1.10}\n\n');
    expect(feed.state.data).toEqual({ a: '1.10' });
    await world.last.send('event: patch\nid: e.2\ndata: [{"op":"replace","path":"/a","value":1.20}]\n\n');
    expect(feed.state.data).toEqual({ a: '1.20' });
  });

  test('ignores events and states of a later version', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.last.send(`event: news\ndata: x\n\n${snapshot('e.1', { a: 1 })}${status('live')}${status('dreaming')}`);
    expect(feed.state).toMatchObject({ data: { a: 1 }, status: 'live' });
  });
});

describe('status', () => {
  test('stale and gone keep the data and say why and when', async () => {
    const { world, feed } = await start();
    const seen: string[] = [];
    feed.on('status', (state) => seen.push(state.status));
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }) + status('live'));
    const cause = { type: 'urn:tidegate:problem:origin-unreachable', status: 502 };
    await world.last.send(status('stale', { cause, retry_in_ms: 1000 }));
    expect(feed.state).toMatchObject({ status: 'stale', data: { a: 1 }, position: 'e.1', cause, retryAt: world.time + 1000 });
    await world.last.send(status('live'));
    expect(feed.state).toMatchObject({ status: 'live', cause: undefined, retryAt: undefined });
    await world.last.send(status('gone', { cause: { status: 404 } }));
    expect(feed.state).toMatchObject({ status: 'gone', data: { a: 1 } });
    expect(seen).toEqual(['live', 'stale', 'live', 'gone']);
  });
});

describe('reconnecting', () => {
  test('resumes from the last position, and the data stays', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }) + status('live') + patch('e.2', { op: 'replace', path: '/a', value: 2 }));
    world.sleep(10_000);
    await world.last.cut();
    expect(feed.state).toMatchObject({ status: 'disconnected', data: { a: 2 }, position: 'e.2', retryAt: world.time + 500 });
    expect(feed.state.since).toBe(world.time - 10_000);
    await world.advance(499);
    expect(world.exchanges).toHaveLength(1);
    await world.advance(1);
    expect(world.exchanges).toHaveLength(2);
    expect(world.last.header('last-event-id')).toBe('e.2');
    expect(feed.state).toMatchObject({ status: 'disconnected', retryAt: undefined });
    await world.last.open();
    await world.last.send(status('live'));
    expect(feed.state).toMatchObject({ status: 'live', data: { a: 2 }, position: 'e.2' });
    await world.last.send(patch('e.3', { op: 'replace', path: '/a', value: 3 }));
    expect(feed.state.data).toEqual({ a: 3 });
  });

  test('a new snapshot keeps the identity of what is equal', async () => {
    const world = new World();
    const feed = live<{ id: number }[]>(URL_, world.options);
    await settle();
    await world.last.open();
    await world.last.send(snapshot('e.1', [{ id: 1 }, { id: 2 }]));
    const before = feed.state.data;
    await world.last.cut();
    await world.advance(1000);
    await world.last.open();
    await world.last.send(snapshot('f.1', [{ id: 1 }, { id: 3 }]));
    expect(feed.state.data).toEqual([{ id: 1 }, { id: 3 }]);
    expect(feed.state.data?.[0]).toBe(before?.[0]);
  });

  test('also when the stream ends in order, with the server\'s retry as base', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }) + 'retry: 4000\n');
    await world.last.end();
    expect(feed.state.retryAt).toBe(world.time + 2000);
  });

  test('backs off with full jitter up to the cap, and starts over after a healthy stream', async () => {
    const { world, feed } = await start();
    world.random = 1;
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      await world.last.refuse();
      waits.push((feed.state.retryAt ?? Number.NaN) - world.time);
      await world.advance(30_000);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    await world.last.open();
    await world.advance(1000);
    await world.last.cut(); // a stream that broke at once proves nothing
    expect((feed.state.retryAt ?? Number.NaN) - world.time).toBe(30_000);
    await world.advance(30_000);
    await world.last.open();
    await world.advance(4999);
    await world.last.send(':\n');
    await world.advance(1);
    await world.last.send(':\n');
    await world.last.cut();
    expect((feed.state.retryAt ?? Number.NaN) - world.time).toBe(1000);
  });

  test('refusals that take their time are no success either', async () => {
    const { world, feed } = await start({ bufferedMs: Infinity });
    world.random = 1;
    const waits: number[] = [];
    for (let round = 0; round < 4; round++) {
      await world.advance(10_000);
      await world.last.reply(new Response(null, { status: 503 }));
      waits.push((feed.state.retryAt ?? Number.NaN) - world.time);
      await world.advance(waits[round] ?? 0);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000]);
  });

  test('since is the first failure\'s, through the failures that follow', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }));
    const heard = world.time;
    await world.last.cut();
    await world.advance(1000);
    await world.last.refuse();
    expect(feed.state).toMatchObject({ status: 'disconnected', since: heard });
  });

  test('asks for headers before each connection', async () => {
    let token = 0;
    const { world } = await start({ headers: async () => ({ Authorization: `Bearer ${++token}` }), credentials: 'include' });
    expect(world.last.header('authorization')).toBe('Bearer 1');
    expect(world.last.init.credentials).toBe('include');
    await world.last.refuse();
    await world.advance(1000);
    expect(world.last.header('authorization')).toBe('Bearer 2');
    expect(world.last.header('accept')).toBe('text/event-stream');
  });

  test('a failing headers function is tried again', async () => {
    let calls = 0;
    const { world, feed } = await start({
      headers: () => {
        if (++calls === 1) throw new Error('no token yet');
        return {};
      },
    });
    expect(world.exchanges).toHaveLength(0);
    expect(feed.state.status).toBe('disconnected');
    await world.advance(1000);
    expect(world.exchanges).toHaveLength(1);
  });
});

describe('answers that are no stream', () => {
  const problem = { type: 'urn:tidegate:problem:x', title: 'No', detail: 'why' };
  const refuse = (code: number, headers: Record<string, string> = {}) =>
    new Response(JSON.stringify(problem), { status: code, headers: { 'Content-Type': 'application/problem+json', ...headers } });

  test.each([400, 401, 403, 404, 406, 410])('%i is final and carries the problem', async (code) => {
    const { world, feed } = await start();
    const errors: LiveError[] = [];
    feed.on('error', (error) => errors.push(error));
    await world.last.reply(refuse(code));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: 'http', final: true, httpStatus: code, problem });
    expect(feed.state).toMatchObject({ status: 'closed', cause: problem, retryAt: undefined });
    await world.advance(1e6);
    expect(world.exchanges).toHaveLength(1);
    expect(world.pending).toBe(0);
  });

  test.each([408, 425, 429, 500, 502, 503, 504])('%i is tried again', async (code) => {
    const { world, feed } = await start();
    await world.last.reply(refuse(code));
    expect(feed.state).toMatchObject({ status: 'disconnected', cause: problem, retryAt: world.time + 500 });
    await world.advance(500);
    expect(world.exchanges).toHaveLength(2);
  });

  test.each([429, 503])('%i obeys Retry-After, plus jitter', async (code) => {
    const { world, feed } = await start();
    await world.last.reply(refuse(code, { 'Retry-After': '60' }));
    expect(feed.state.retryAt).toBe(world.time + 60_500);
    await world.signal('visible'); // no signal overrides what the server asked for
    await world.signal('offline');
    await world.advance(59_000);
    await world.signal('online');
    expect(world.exchanges).toHaveLength(1);
    await world.advance(1500);
    expect(world.exchanges).toHaveLength(2);
  });

  test('an error without problem details still says what happened', async () => {
    const { world, feed } = await start();
    await world.last.reply(new Response('<h1>no</h1>', { status: 404, headers: { 'Content-Type': 'text/html' } }));
    expect(feed.state.cause).toMatchObject({ status: 404 });
  });

  test.each([
    ['plain JSON', new Response('{}', { headers: { 'Content-Type': 'application/json' } })],
    ['no content', new Response(null, { status: 204 })],
  ])('%s is final', async (_name, response) => {
    const { world, feed } = await start();
    await world.last.reply(response);
    expect(feed.state.status).toBe('closed');
    expect(world.pending).toBe(0);
  });
});

describe('what cannot be applied', () => {
  test.each([
    ['a patch that does not fit', patch('e.2', { op: 'replace', path: '/a', value: 9 }, { op: 'remove', path: '/zzz' }), 'patch-failed'],
    ['a patch that is no JSON', 'event: patch\nid: e.2\ndata: [{\n\n', 'bad-data'],
    ['a snapshot that is no JSON', 'event: snapshot\nid: e.2\ndata: {"a":\n\n', 'bad-data'],
  ])('%s: the data stays, the position goes, a fresh snapshot is fetched', async (_name, text, code) => {
    const { world, feed } = await start();
    const errors: LiveError[] = [];
    feed.on('error', (error) => errors.push(error));
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }) + status('live'));
    const stream = world.last;
    await stream.send(text);
    expect(errors).toMatchObject([{ code, final: false }]);
    expect(feed.state).toMatchObject({ status: 'disconnected', data: { a: 1 }, position: undefined });
    expect(stream.abandoned).toBe(true);
    await world.advance(500);
    expect(world.last.header('last-event-id')).toBeNull();
    await world.last.open();
    await world.last.send(snapshot('e.3', { a: 7 }) + status('live'));
    expect(feed.state).toMatchObject({ status: 'live', data: { a: 7 }, position: 'e.3' });
  });

  test('a patch before any snapshot', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.last.send(patch('e.2', { op: 'add', path: '', value: 1 }));
    expect(feed.state).toMatchObject({ status: 'disconnected', data: undefined });
  });

  test('what came before it in the same chunk counts, what came after does not', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }) + patch('e.2', { op: 'remove', path: '/x' }) + snapshot('e.3', { a: 3 }));
    expect(feed.state).toMatchObject({ status: 'disconnected', data: { a: 1 } });
  });

  test('an event beyond the limit', async () => {
    const { world, feed } = await start({ maxEventLength: 50 });
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 'x'.repeat(60) }));
    expect(feed.state).toMatchObject({ status: 'disconnected' });
  });
});

describe('silence', () => {
  test('of 45 s ends the stream, and heartbeats prevent it', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }) + status('live'));
    for (let beat = 0; beat < 8; beat++) {
      await world.advance(15_000);
      await world.last.send(':\n');
    }
    expect(feed.state.status).toBe('live');
    const errors: LiveError[] = [];
    feed.on('error', (error) => errors.push(error));
    const heard = world.time;
    const stream = world.last;
    await world.advance(44_999);
    expect(errors).toHaveLength(0);
    await world.advance(1);
    expect(errors).toMatchObject([{ code: 'silence' }]);
    expect(stream.abandoned).toBe(true);
    expect(feed.state).toMatchObject({ status: 'disconnected', since: heard });
  });

  test('covers a request that is never answered', async () => {
    const { world } = await start();
    await world.advance(45_000);
    expect(world.exchanges[0]?.abandoned).toBe(true);
    await world.advance(500);
    expect(world.exchanges).toHaveLength(2);
  });
});

describe('the network\'s signals', () => {
  test('offline makes tries rare, online makes one at once', async () => {
    const { world } = await start();
    await world.signal('offline');
    await world.last.refuse();
    await world.advance(29_999);
    expect(world.exchanges).toHaveLength(1);
    await world.advance(1);
    expect(world.exchanges).toHaveLength(2);
    await world.last.refuse();
    await world.signal('online');
    expect(world.exchanges).toHaveLength(3);
  });

  test('offline while a retry waits postpones it', async () => {
    const { world } = await start();
    await world.last.refuse();
    await world.signal('offline');
    await world.advance(29_999);
    expect(world.exchanges).toHaveLength(1);
    await world.advance(1);
    expect(world.exchanges).toHaveLength(2);
  });

  test('a stream that delivers through offline is left alone', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.signal('offline');
    world.sleep(10);
    await world.last.send(snapshot('e.1', { a: 1 }) + status('live'));
    await world.signal('online');
    expect(world.exchanges).toHaveLength(1);
    expect(feed.state.status).toBe('live');
  });

  test('a stream that was silent through offline is replaced at once', async () => {
    const { world } = await start();
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }));
    await world.signal('offline');
    world.sleep(5000);
    await world.signal('online');
    expect(world.exchanges).toHaveLength(2);
    expect(world.exchanges[0]?.abandoned).toBe(true);
    expect(world.last.header('last-event-id')).toBe('e.1');
  });

  test('a tab that becomes visible tries at once', async () => {
    const { world } = await start();
    world.random = 1;
    await world.last.refuse();
    await world.signal('visible');
    expect(world.exchanges).toHaveLength(2);
  });

  test('a tab that slept replaces its dead stream, and one that did not keeps it', async () => {
    const { world } = await start();
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }));
    world.sleep(44_000);
    await world.signal('visible');
    expect(world.exchanges).toHaveLength(1);
    world.sleep(1000);
    await world.signal('visible');
    expect(world.exchanges).toHaveLength(2);
  });
});

describe('the iterator', () => {
  const take = async <T>(iterator: AsyncIterator<T>) => (await iterator.next()).value as T;

  test('yields the newest view for each change of the data', async () => {
    const { world, feed } = await start();
    const views = feed[Symbol.asyncIterator]();
    await world.last.open();
    const first = take<LiveState<Doc>>(views);
    await world.last.send(status('stale'));
    await world.last.send(snapshot('e.1', { a: 1 }));
    expect((await first).data).toEqual({ a: 1 });
    await world.last.send(patch('e.2', { op: 'replace', path: '/a', value: 2 }));
    await world.last.send(patch('e.3', { op: 'replace', path: '/a', value: 3 }));
    expect((await take<LiveState<Doc>>(views)).position).toBe('e.3');
    feed.close();
    expect((await views.next()).done).toBe(true);
  });

  test('throws what ended the resource for good', async () => {
    const { world, feed } = await start();
    const next = feed[Symbol.asyncIterator]().next();
    const failed = expect(next).rejects.toMatchObject({ name: 'LiveError', httpStatus: 404 });
    await world.last.reply(new Response(null, { status: 404 }));
    await failed;
    expect(feed.state.status).toBe('closed');
  });
});

describe('close', () => {
  test('ends the request, the timers and the calls', async () => {
    const { world, feed } = await start();
    let calls = 0;
    await world.last.open();
    feed.subscribe(() => calls++);
    feed.close();
    feed.close();
    await settle();
    expect(calls).toBe(1);
    expect(world.last.abandoned).toBe(true);
    expect(world.pending).toBe(0);
    expect(feed.state.status).toBe('closed');
    await world.advance(1e6);
    expect(world.exchanges).toHaveLength(1);
  });

  test('by a signal, before and after the start', async () => {
    const controller = new AbortController();
    const { feed } = await start({ signal: controller.signal });
    controller.abort();
    expect(feed.state.status).toBe('closed');
    const late = await start({ signal: controller.signal });
    expect(late.feed.state.status).toBe('closed');
    expect(late.world.exchanges).toHaveLength(0);
  });

  test('inside a listener stops the rest of the chunk', async () => {
    const { world, feed } = await start();
    feed.on('update', () => feed.close());
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }) + patch('e.2', { op: 'replace', path: '/a', value: 2 }));
    expect(feed.state).toMatchObject({ status: 'closed', data: { a: 1 } });
    expect(world.last.abandoned).toBe(true);
  });

  test('while the answer is on its way drops it', async () => {
    const world = new World();
    const feed = live(URL_, world.options);
    await settle();
    const exchange = world.last;
    feed.close();
    await exchange.open();
    expect(feed.state.status).toBe('closed');
    expect(world.pending).toBe(0);
  });

  test('by hand has no cause, whatever failed before', async () => {
    const { world, feed } = await start();
    await world.last.refuse();
    expect(feed.state.cause).toBeDefined();
    feed.close();
    expect(feed.state).toMatchObject({ status: 'closed', cause: undefined });
  });

  test('a listener that left is not called', async () => {
    const { world, feed } = await start();
    let calls = 0;
    const leave = feed.on('update', () => calls++);
    leave();
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }));
    expect(calls).toBe(0);
  });
});
