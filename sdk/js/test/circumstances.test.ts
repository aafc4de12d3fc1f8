// What comes between a page and its gateway: proxies that garble, and pages that nobody looks at.

import { describe, expect, test } from 'vitest';
import { patch, snapshot, start, status } from './world.ts';

describe('a proxy that garbles the order', () => {
  const at = (offset: number) => `0000000000001.${offset}.0000007`;
  const add = (offset: number) => patch(at(offset), { op: 'add', path: '/-', value: offset });

  test('a repeated patch counts once', async () => {
    const { world, feed } = await start();
    let updates = 0;
    feed.on('update', () => updates++);
    await world.last.open();
    await world.last.send(snapshot(at(1), []) + add(2) + add(2) + add(3));
    expect(feed.state).toMatchObject({ data: [2, 3], position: at(3) });
    expect(updates).toBe(3);
  });

  test('one that comes late leads to a fresh snapshot', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.last.send(snapshot(at(9), [9]) + add(11) + add(10));
    expect(feed.state).toMatchObject({ status: 'disconnected', position: undefined, data: [9, 11] });
    await world.advance(1000);
    expect(world.last.header('last-event-id')).toBeNull();
  });

  test('another epoch may begin anywhere', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.last.send(snapshot(at(9), [9]) + snapshot('0000000000002.1.0000007', [1]));
    expect(feed.state.data).toEqual([1]);
  });
});

describe('a hidden page', () => {
  test('keeps its stream unless told otherwise', async () => {
    const { world, feed } = await start();
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }) + status('live'));
    await world.signal('hidden');
    for (let beat = 0; beat < 20; beat++) {
      await world.advance(15_000);
      await world.last.send(':\n');
    }
    expect(feed.state.status).toBe('live');
    expect(world.exchanges).toHaveLength(1);
  });

  test('lets go of it after a while, and resumes at once when it is seen', async () => {
    const { world, feed } = await start({ hidden: 'pause' });
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }) + status('live'));
    await world.signal('hidden');
    await world.advance(30_000);
    await world.last.send(':\n');
    await world.advance(29_999);
    expect(world.last.abandoned).toBe(false);
    await world.advance(1);
    expect(world.last.abandoned).toBe(true);
    expect(feed.state).toMatchObject({ status: 'disconnected', data: { a: 1 }, position: 'e.1', retryAt: undefined });
    await world.signal('offline');
    await world.signal('online');
    await world.advance(1e6);
    expect(world.exchanges).toHaveLength(1);
    await world.signal('visible');
    expect(world.exchanges).toHaveLength(2);
    expect(world.last.header('last-event-id')).toBe('e.1');
  });

  test('that is seen again in time keeps it', async () => {
    const { world } = await start({ hidden: 'pause', pauseAfterMs: 10_000 });
    await world.last.open();
    await world.last.send(snapshot('e.1', { a: 1 }));
    await world.signal('hidden');
    await world.advance(9999);
    await world.signal('visible');
    await world.advance(20_000);
    expect(world.last.abandoned).toBe(false);
  });

  test('does not try while it rests', async () => {
    const { world, feed } = await start({ hidden: 'pause' });
    await world.signal('hidden');
    await world.advance(59_000);
    await world.last.refuse();
    await world.advance(1000);
    const tried = world.exchanges.length;
    await world.advance(1e6);
    expect(world.exchanges).toHaveLength(tried);
    feed.close();
    expect(world.pending).toBe(0);
  });
});
