import { describe, expect, test } from 'vitest';
import { type Live, live, type LiveOptions } from '../src/index.ts';
import { type Exchange, patch, settle, snapshot, status, until, World } from './world.ts';

const URL_ = 'http://gateway.test/quotes?x=1';
type Doc = Record<string, number>;

const answer = (id: string, data: unknown, more: Record<string, string> = {}) =>
  new Response(JSON.stringify(data), { headers: { 'Content-Type': 'application/json', ETag: `"${id}"`, ...more } });
const unchanged = (id: string, more: Record<string, string> = {}) =>
  new Response(null, { status: 304, headers: { ETag: `"${id}"`, ...more } });
const parameter = (exchange: Exchange, name: string) => new URL(exchange.url).searchParams.get(`tidegate.${name}`);

/** A resource whose first stream is held back, up to its first read. */
async function heldBack(options: LiveOptions = {}): Promise<{ world: World; feed: Live<Doc> }> {
  const world = new World();
  const feed = live<Doc>(URL_, { ...world.options, ...options });
  await settle();
  await world.last.open();
  await world.advance(5000);
  await until(() => world.exchanges.length === 2);
  return { world, feed };
}

describe('a stream that is held back', () => {
  test('is let go of, and the resource is read instead', async () => {
    const { world, feed } = await heldBack({ mode: 'patch', select: '/a' });
    expect(world.exchanges[0]?.abandoned).toBe(true);
    expect(world.last.header('accept')).toBe('*/*');
    expect(world.exchanges.map(({ init }) => init.cache)).toEqual(['no-store', 'default']);
    expect(parameter(world.last, 'after')).toBeNull();
    expect(parameter(world.last, 'wait')).toBeNull();
    expect(parameter(world.last, 'select')).toBe('/a');
    await world.last.reply(answer('e.1', { a: 1 }));
    expect(feed.state).toMatchObject({ data: { a: 1 }, position: 'e.1', status: 'live', transport: 'long-poll' });
  });

  test('each read waits for what is newer than the last', async () => {
    const { world, feed } = await heldBack();
    await world.last.reply(answer('e.1', { a: 1, b: 1 }));
    expect(world.exchanges).toHaveLength(3);
    expect(parameter(world.last, 'after')).toBe('e.1');
    expect(parameter(world.last, 'wait')).toBe('25');
    await world.advance(10_000);
    await world.last.reply(answer('e.2.gzip', { a: 2, b: 1 }));
    expect(feed.state).toMatchObject({ data: { a: 2, b: 1 }, position: 'e.2' });
    expect(parameter(world.last, 'after')).toBe('e.2');
    await world.advance(25_000);
    const view = feed.getSnapshot();
    await world.last.reply(unchanged('e.2'));
    expect(feed.getSnapshot()).toBe(view);
    expect(world.exchanges).toHaveLength(5);
    expect(parameter(world.last, 'after')).toBe('e.2');
  });

  test('a version read keeps the identity of what is equal', async () => {
    const { world, feed } = await heldBack();
    await world.last.reply(answer('e.1', { a: { x: 1 }, b: { y: 1 } }));
    const before = feed.state.data;
    await world.last.reply(answer('e.2', { a: { x: 1 }, b: { y: 2 } }));
    expect(feed.state.data?.a).toBe(before?.a);
  });

  test('says when the data is stale', async () => {
    const { world, feed } = await heldBack();
    await world.last.reply(answer('e.1', { a: 1 }));
    const stale = { Age: '40', 'Cache-Status': 'tidegate; hit; ttl=-9; detail=stale-if-error' };
    await world.last.reply(answer('e.2', { a: 2 }, stale));
    expect(feed.state).toMatchObject({ status: 'stale', since: world.time - 40_000 });
    await world.last.reply(answer('e.3', { a: 3 }));
    expect(feed.state.status).toBe('live');
  });

  test.each([
    ['answers at once that nothing changed', unchanged],
    ['hides the tag', () => answer('', { a: 1 })],
    ['answers at once with the same', (id: string) => answer(id, { a: 1 })],
  ])('where something on the way %s, reads are a second apart', async (_name, again) => {
    const { world } = await heldBack();
    await world.last.reply(answer('e.1', { a: 1 }));
    await world.last.reply(again('e.1'));
    expect(world.exchanges).toHaveLength(3);
    await world.advance(999);
    expect(world.exchanges).toHaveLength(3);
    await world.advance(1);
    expect(world.exchanges).toHaveLength(4);
  });

  test('a read that fails is tried again, with backoff', async () => {
    const { world, feed } = await heldBack();
    await world.last.reply(answer('e.1', { a: 1 }));
    await world.last.refuse();
    expect(feed.state).toMatchObject({ status: 'disconnected', data: { a: 1 }, retryAt: world.time + 500 });
    await world.advance(500);
    expect(world.exchanges).toHaveLength(4);
    expect(parameter(world.last, 'after')).toBe('e.1');
    await world.last.reply(unchanged('e.1'));
    expect(feed.state.status).toBe('live');
  });

  test('a refusal is final', async () => {
    const { world, feed } = await heldBack();
    await world.last.reply(new Response(null, { status: 404 }));
    expect(feed.state.status).toBe('closed');
    expect(world.pending).toBe(0);
  });

  test('the stream is tried again after a minute, then after two', async () => {
    const { world, feed } = await heldBack();
    await world.last.reply(answer('e.1', { a: 1 }));
    for (let read = 0; read < 3; read++) {
      await world.advance(25_000);
      await world.last.reply(unchanged('e.1'));
    }
    expect(world.last.header('accept')).toBe('text/event-stream');
    expect(world.last.header('last-event-id')).toBe('e.1');
    expect(feed.state).toMatchObject({ status: 'live', transport: 'long-poll' });
    // In vain.
    const tried = world.exchanges.length;
    await world.last.open();
    await world.advance(5000);
    await until(() => world.exchanges.length > tried);
    expect(parameter(world.last, 'wait')).toBe('25');
    let reads = 0;
    for (; parameter(world.last, 'wait') !== null; reads++) {
      await world.advance(25_000);
      await world.last.reply(unchanged('e.1'));
    }
    expect(reads).toBe(5);
    // And now it comes through.
    await world.last.open();
    await world.last.send(status('live'));
    await world.last.send(patch('e.2', { op: 'replace', path: '/a', value: 2 }));
    expect(feed.state).toMatchObject({ data: { a: 2 }, position: 'e.2', status: 'live', transport: 'stream' });
  });

  test('mode `first` is one read', async () => {
    const { world, feed } = await heldBack({ mode: 'first' });
    await world.last.reply(answer('e.1', { a: 1 }));
    expect(feed.state).toMatchObject({ status: 'closed', data: { a: 1 }, cause: undefined });
    expect(world.pending).toBe(0);
  });

  test('close ends it', async () => {
    const { world, feed } = await heldBack();
    feed.close();
    await settle();
    expect(world.last.abandoned).toBe(true);
    expect(world.pending).toBe(0);
  });
});

test('a stream whose first byte comes in time stays one', async () => {
  const world = new World();
  const feed = live<Doc>(URL_, world.options);
  await settle();
  await world.last.open();
  await world.advance(4999);
  await world.last.send(snapshot('e.1', { a: 1 }) + status('live'));
  await world.advance(30_000);
  expect(world.exchanges).toHaveLength(1);
  expect(feed.state.transport).toBe('stream');
});

test('`bufferedMs: Infinity` never falls back', async () => {
  const world = new World();
  live<Doc>(URL_, { ...world.options, bufferedMs: Infinity });
  await settle();
  await world.last.open();
  await world.advance(45_500);
  expect(world.exchanges.map((exchange) => exchange.header('accept'))).toEqual(['text/event-stream', 'text/event-stream']);
});
