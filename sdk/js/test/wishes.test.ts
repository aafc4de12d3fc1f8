import { describe, expect, test } from 'vitest';
import { live, type LiveOptions } from '../src/index.ts';
import { merge, settle, snapshot, start, status, URL_, World } from './world.ts';

describe('wishes', () => {
  test('go in the gateway\'s own parameters, beside the target\'s', async () => {
    const world = new World();
    live('/quotes?x=a%20b#top', { ...world.options, select: '$[?@.größe > 1]', mode: 'merge', rate: '250ms', maxAge: 30 });
    await settle();
    const { search, searchParams, hash } = new URL(world.last.url, 'http://gateway.test');
    expect(search.startsWith('?x=a%20b&tidegate.')).toBe(true);
    expect(hash).toBe('');
    expect(searchParams.get('tidegate.select')).toBe('$[?@.größe > 1]');
    expect(searchParams.get('tidegate.mode')).toBe('merge');
    expect(searchParams.get('tidegate.rate')).toBe('250ms');
    expect(searchParams.get('tidegate.max-age')).toBe('30');
  });

  test('that are none leave the target as it is', async () => {
    const { world } = await start({ select: '' });
    expect(world.last.url).toBe(URL_);
  });

  test.each([
    { select: 'price' },
    { mode: 'diff' },
    { rate: '250' },
    { rate: '2 s' },
    { rate: 'fast' },
    { maxAge: 0 },
    { maxAge: 1.5 },
    { maxAge: -1 },
    { hidden: 'sleep' },
  ])('%o is refused at once', (options) => {
    const world = new World();
    expect(() => live(URL_, { ...world.options, ...options } as LiveOptions)).toThrow(TypeError);
    expect(world.exchanges).toHaveLength(0);
    expect(world.pending).toBe(0);
  });

  test.each([{ select: '/a' }, { select: '$.a' }, { rate: '10ms' }, { rate: '1.5s' }, { rate: '1h' }, { maxAge: 1 }])(
    '%o is accepted',
    async (options) => {
      const { world } = await start(options);
      expect(world.exchanges).toHaveLength(1);
    },
  );

  test('merge patches are applied, and what they do not change stays', async () => {
    const world = new World();
    const feed = live<{ a: object; b?: object; c?: object }>(URL_, { ...world.options, mode: 'merge' });
    const kinds: unknown[] = [];
    feed.on('update', ({ kind, patch }) => kinds.push([kind, patch]));
    await settle();
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: { x: 1 }, b: { y: 1 } }) + status('live'));
    const before = feed.state.data;
    await world.last.send(merge('e.2', { b: null, c: { z: 1 } }));
    expect(feed.state).toMatchObject({ data: { a: { x: 1 }, c: { z: 1 } }, position: 'e.2' });
    expect(feed.state.data).not.toHaveProperty('b');
    expect(feed.state.data?.a).toBe(before?.a);
    expect(kinds).toEqual([['snapshot', undefined], ['merge', { b: null, c: { z: 1 } }]]);
  });

  test('`first` closes after the snapshot, without an error', async () => {
    const { world, feed } = await start({ mode: 'first' });
    const views: unknown[] = [];
    const loop = (async () => {
      for await (const { data } of feed) views.push(data);
    })();
    const errors: unknown[] = [];
    feed.on('error', (error) => errors.push(error));
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }) + status('live'));
    expect(feed.state).toMatchObject({ status: 'closed', cause: undefined, data: { a: 1 } });
    await loop;
    expect(views).toEqual([{ a: 1 }]);
    expect(errors).toEqual([]);
    expect(world.last.abandoned).toBe(true);
    expect(world.pending).toBe(0);
  });

  test('`first` that broke before its snapshot is tried again', async () => {
    const { world, feed } = await start({ mode: 'first' });
    await world.last.open();
    await world.last.send('event: snapshot\nid: e.1\nda');
    await world.last.cut();
    expect(feed.state.status).toBe('disconnected');
    await world.advance(1000);
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }));
    expect(feed.state).toMatchObject({ status: 'closed', data: { a: 1 } });
  });

  test('a 204 is the end, and no error', async () => {
    const { world, feed } = await start({ mode: 'first' });
    const errors: unknown[] = [];
    feed.on('error', (error) => errors.push(error));
    await world.last.reply(new Response(null, { status: 204 }));
    expect(feed.state).toMatchObject({ status: 'closed', cause: undefined });
    expect(errors).toEqual([]);
    expect(world.pending).toBe(0);
  });
});
