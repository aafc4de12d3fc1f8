import { beforeEach, describe, expect, test } from 'vitest';
import type { LiveError } from '../src/index.ts';
import { connect, type MultiplexOptions } from '../src/multiplex/index.ts';
import { FakeSocket } from './socket.ts';
import { settle, World } from './world.ts';

const GATEWAY = 'https://gateway.test';
type Doc = Record<string, number>;

const opened = (sub: number) => ({ sub, event: 'open', data: { content_type: 'application/json' } });
const snapshot = (sub: number, id: string, data: unknown) => ({ sub, event: 'snapshot', id, data });
const patch = (sub: number, id: string, ...data: unknown[]) => ({ sub, event: 'patch', id, data });
const set = (sub: number, id: string, value: number) => patch(sub, id, { op: 'replace', path: '/a', value });
const status = (sub: number, state = 'live') => ({ sub, event: 'status', retry: 1397, data: { state, since: '2026-01-31T09:30:00Z' } });

beforeEach(() => {
  FakeSocket.made = [];
});

function start(options: MultiplexOptions = {}) {
  const world = new World();
  const gateway = connect(GATEWAY, { ...world.options, WebSocket: FakeSocket, ...options });
  return { world, gateway };
}

/** Two resources on an open socket, each with a snapshot. */
async function two(options: MultiplexOptions = {}) {
  const { world, gateway } = start(options);
  const a = gateway.live<Doc>('/a');
  const b = gateway.live<Doc>('/b?x=1');
  await FakeSocket.last.open();
  await FakeSocket.last.say(opened(1), opened(2), snapshot(1, 'e.1', { a: 1 }), status(1), snapshot(2, 'f.1', { a: 10 }), status(2));
  return { world, gateway, a, b, socket: FakeSocket.last };
}

describe('over WebSocket', () => {
  test('resources share one connection', async () => {
    const { a, b, socket } = await two();
    expect(FakeSocket.made).toHaveLength(1);
    expect(socket.url).toBe('wss://gateway.test/.tidegate/ws');
    expect(socket.protocol).toBe('tidegate.v1');
    expect(socket.sent).toEqual([
      { op: 'subscribe', sub: 1, url: '/a' },
      { op: 'subscribe', sub: 2, url: '/b?x=1' },
    ]);
    expect(a.state).toMatchObject({ data: { a: 1 }, position: 'e.1', status: 'live', transport: 'websocket' });
    expect(b.state).toMatchObject({ data: { a: 10 }, position: 'f.1' });
    await socket.say(set(2, 'f.2', 11));
    expect(b.state.data).toEqual({ a: 11 });
    expect(a.state.data).toEqual({ a: 1 });
  });

  test('wishes and header fields go along, a resource\'s own win', async () => {
    const { gateway } = start({ headers: () => ({ authorization: 'Bearer 1', 'accept-language': 'de' }) });
    gateway.live('https://gateway.test/q', {
      select: '$.a',
      mode: 'merge',
      rate: '1s',
      maxAge: 30,
      headers: async () => ({ 'accept-language': 'en' }),
    });
    await FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual([
      {
        op: 'subscribe',
        sub: 1,
        url: '/q',
        mode: 'merge',
        select: '$.a',
        rate: '1s',
        max_age: 30,
        headers: { authorization: 'Bearer 1', 'accept-language': 'en' },
      },
    ]);
  });

  test('a mistake in an option, and a URL of somebody else, are refused at once', () => {
    const { gateway } = start();
    expect(() => gateway.live('/a', { rate: 'often' })).toThrow(TypeError);
    expect(() => gateway.live('https://other.test/a')).toThrow(TypeError);
    expect(FakeSocket.made).toHaveLength(0);
  });

  test('one may come and go while it runs, and the last one closes it', async () => {
    const { world, gateway, a, b, socket } = await two();
    const c = gateway.live<Doc>('/c', { mode: 'merge' });
    await settle();
    expect(socket.sent.at(-1)).toEqual({ op: 'subscribe', sub: 3, url: '/c', mode: 'merge' });
    await socket.say(opened(3), snapshot(3, 'g.1', { a: 1, b: 2 }), { sub: 3, event: 'merge', id: 'g.2', data: { b: null } });
    expect(c.state.data).toEqual({ a: 1 });
    a.close();
    expect(socket.sent.at(-1)).toEqual({ op: 'unsubscribe', sub: 1 });
    await socket.say(set(1, 'e.2', 2), { sub: 1, event: 'end', data: {} });
    expect(a.state).toMatchObject({ status: 'closed', data: { a: 1 } });
    b.close();
    expect(socket.closedWith).toBeUndefined();
    c.close();
    expect(socket.closedWith).toBe(1000);
    expect(world.pending).toBe(0);
    gateway.live('/d');
    expect(FakeSocket.made).toHaveLength(2);
  });

  test('after a loss each resumes from its own position', async () => {
    const { world, a, b, socket } = await two();
    await socket.say(set(2, 'f.2', 11));
    await socket.lose();
    expect(a.state).toMatchObject({ status: 'disconnected', data: { a: 1 } });
    await world.advance(1397);
    await FakeSocket.last.open();
    expect(FakeSocket.made).toHaveLength(2);
    expect(FakeSocket.last.sent).toEqual([
      { op: 'subscribe', sub: 1, url: '/a', id: 'e.1' },
      { op: 'subscribe', sub: 2, url: '/b?x=1', id: 'f.2' },
    ]);
    await FakeSocket.last.say(opened(1), status(1), opened(2), set(2, 'f.3', 12), status(2));
    expect(a.state).toMatchObject({ status: 'live', data: { a: 1 } });
    expect(b.state).toMatchObject({ status: 'live', data: { a: 12 } });
  });

  test('a patch that does not fit concerns its resource alone', async () => {
    const { world, a, b, socket } = await two();
    const errors: LiveError[] = [];
    a.on('error', (error) => errors.push(error));
    await socket.say(patch(1, 'e.2', { op: 'remove', path: '/zzz' }));
    expect(errors).toMatchObject([{ code: 'patch-failed', final: false }]);
    expect(a.state).toMatchObject({ status: 'disconnected', data: { a: 1 }, position: undefined });
    expect(b.state.status).toBe('live');
    expect(socket.sent.at(-1)).toEqual({ op: 'unsubscribe', sub: 1 });
    await socket.say(set(1, 'e.3', 3)); // was on its way
    await world.advance(500);
    expect(socket.sent.at(-1)).toEqual({ op: 'subscribe', sub: 3, url: '/a' });
    await socket.say(opened(3), snapshot(3, 'e.3', { a: 3 }), status(3));
    expect(a.state).toMatchObject({ status: 'live', data: { a: 3 } });
    expect(FakeSocket.made).toHaveLength(1);
  });

  test('a refusal is final, or for a time', async () => {
    const { world, gateway, a, socket } = await two();
    const c = gateway.live('/c');
    const d = gateway.live('/d');
    await settle();
    const problem = { title: 'No', status: 404 };
    await socket.say({ sub: 3, event: 'error', data: problem });
    await socket.say({ sub: 4, event: 'error', data: { title: 'Busy', status: 503 }, retry_in_ms: 1200 });
    expect(c.state).toMatchObject({ status: 'closed', cause: problem });
    expect(d.state).toMatchObject({ status: 'disconnected', retryAt: world.time + 1200 });
    await world.advance(1199);
    expect(socket.sent).toHaveLength(4);
    await world.advance(1);
    expect(socket.sent.at(-1)).toEqual({ op: 'subscribe', sub: 5, url: '/d' });
    expect(a.state.status).toBe('live');
  });

  test('the refusal of the only one closes the connection', async () => {
    const { world, gateway } = start();
    const a = gateway.live('/a');
    await FakeSocket.last.open();
    await FakeSocket.last.say({ sub: 1, event: 'error', data: { title: 'No', status: 403 } });
    expect(a.state.status).toBe('closed');
    expect(FakeSocket.last.closedWith).toBe(1000);
    expect(world.pending).toBe(0);
  });

  test('what the gateway ends is asked for again when it says', async () => {
    const { world, a, socket } = await two();
    await socket.say({ sub: 1, event: 'end', data: { retry_in_ms: 1200 } });
    expect(a.state).toMatchObject({ status: 'disconnected', retryAt: world.time + 1200 });
    await world.advance(1200);
    expect(socket.sent.at(-1)).toEqual({ op: 'subscribe', sub: 3, url: '/a', id: 'e.1' });
  });

  test('`first` is one snapshot', async () => {
    const { gateway } = start();
    const a = gateway.live<Doc>('/a', { mode: 'first' });
    const errors: unknown[] = [];
    a.on('error', (error) => errors.push(error));
    await FakeSocket.last.open();
    await FakeSocket.last.say(opened(1), snapshot(1, 'e.1', { a: 1 }), status(1), { sub: 1, event: 'end', data: {} });
    expect(a.state).toMatchObject({ status: 'closed', data: { a: 1 }, cause: undefined });
    expect(errors).toEqual([]);
  });

  test('a text stays text, and a parse hook sees the digits', async () => {
    const { gateway } = start();
    const text = gateway.live<string>('/text');
    const exact = gateway.live('/exact', { parse: (json) => json });
    await FakeSocket.last.open();
    await FakeSocket.last.say(
      { sub: 1, event: 'open', data: { content_type: 'text/plain; charset=utf-8' } },
      { sub: 1, event: 'snapshot', id: 'e.1', data: '{"no":"json"}' },
      opened(2),
      '{"sub":2,"event":"snapshot","id":"f.1","data":{"price":1.10}}',
    );
    expect(text.state.data).toBe('{"no":"json"}');
    expect(exact.state.data).toBe('{"price":1.10}');
  });

  test.each([1002, 1003, 1007, 1008, 1009])('close code %i is final', async (code) => {
    const { world, a, b, socket } = await two();
    await socket.lose(code, 'max_subscriptions');
    for (const { state } of [a, b]) expect(state).toMatchObject({ status: 'closed' });
    expect(a.state.cause?.title).toContain('max_subscriptions');
    await world.advance(1e6);
    expect(FakeSocket.made).toHaveLength(1);
    expect(world.pending).toBe(0);
  });

  test.each([1012, 1013])('close code %i says when to come back', async (code) => {
    const { world, a, socket } = await two();
    await socket.lose(code, '{"retry_in_ms":5000}');
    await world.signal('visible');
    await world.advance(4999);
    expect(FakeSocket.made).toHaveLength(1);
    expect(a.state.status).toBe('disconnected');
    await world.advance(1397);
    expect(FakeSocket.made).toHaveLength(2);
  });

  test('heartbeats keep it, silence ends it', async () => {
    const { world, a, socket } = await two();
    for (let beat = 0; beat < 5; beat++) {
      await world.advance(15_000);
      await socket.say({ event: 'heartbeat' });
    }
    expect(a.state.status).toBe('live');
    await world.advance(45_000);
    expect(a.state.status).toBe('disconnected');
    expect(socket.closedWith).toBe(1000);
  });

  test('unknown events, members and numbers are ignored', async () => {
    const { a, socket } = await two();
    await socket.say({ event: 'weather', data: 1 }, { sub: 1, event: 'weather' }, { sub: 99, event: 'snapshot', id: 'x', data: 1 });
    await socket.say({ ...set(1, 'e.2', 2), more: true });
    expect(a.state).toMatchObject({ status: 'live', data: { a: 2 } });
  });

  test('what is no message begins the connection anew', async () => {
    const { world, a, socket } = await two();
    await socket.say('{"sub":1,');
    expect(a.state).toMatchObject({ status: 'disconnected', position: 'e.1' });
    await world.advance(1397);
    expect(FakeSocket.made).toHaveLength(2);
  });

  test('a resource closed while its header fields were awaited is not left with the gateway', async () => {
    const { gateway } = start();
    let give: (fields: Record<string, string>) => void = () => undefined;
    const a = gateway.live('/a', { headers: () => new Promise((resolve) => (give = resolve)) });
    gateway.live('/b');
    await FakeSocket.last.open();
    a.close();
    give({});
    await settle();
    expect(FakeSocket.last.sent).toEqual([
      { op: 'subscribe', sub: 1, url: '/a' },
      { op: 'subscribe', sub: 2, url: '/b' },
      { op: 'unsubscribe', sub: 1 },
    ]);
  });

  test('a headers function that fails concerns its resource alone', async () => {
    const { world, gateway } = start();
    let calls = 0;
    const a = gateway.live('/a', {
      headers: () => {
        if (++calls === 1) throw new Error('no token yet');
        return { authorization: 'x' };
      },
    });
    gateway.live('/b');
    await FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual([{ op: 'subscribe', sub: 2, url: '/b' }]);
    expect(a.state).toMatchObject({ status: 'disconnected' });
    await world.advance(500);
    expect(FakeSocket.last.sent.at(-1)).toEqual({ op: 'subscribe', sub: 3, url: '/a', headers: { authorization: 'x' } });
  });

  test('a listener that closes everything is left in peace', async () => {
    const { world, gateway, a, socket } = await two();
    a.on('update', () => gateway.close());
    await socket.say(set(1, 'e.2', 2), set(2, 'f.2', 2));
    expect(a.state).toMatchObject({ status: 'closed', data: { a: 2 } });
    expect(world.pending).toBe(0);
  });
});

describe('where no WebSocket opens', () => {
  const events = (...messages: object[]) =>
    messages.map((message) => `data: ${JSON.stringify(message).replace(/^(\{"sub":\d+,)/, '$1\ndata: ')}\n\n`).join('');
  const open = `event: open\ndata: {"stream":"s 1"}\n\n`;
  const body = (init: RequestInit) => JSON.parse(init.body as string) as unknown;

  async function blocked() {
    const { world, gateway } = start();
    const a = gateway.live<Doc>('/a');
    const b = gateway.live<Doc>('/b', { mode: 'merge' });
    await FakeSocket.last.lose();
    return { world, gateway, a, b };
  }

  test('one event stream brings them all', async () => {
    const { world, a, b } = await blocked();
    expect(world.last.url).toBe('https://gateway.test/.tidegate/events');
    expect(world.last.init.method).toBe('POST');
    expect(body(world.last.init)).toEqual([
      { sub: 1, url: '/a' },
      { sub: 2, url: '/b', mode: 'merge' },
    ]);
    await world.last.open();
    await world.last.send(open + events(opened(1), snapshot(1, 'e.1', { a: 1 }), status(1), opened(2), snapshot(2, 'f.1', { a: 2 })));
    expect(a.state).toMatchObject({ data: { a: 1 }, status: 'live', transport: 'shared-stream' });
    await world.last.send(events({ sub: 2, event: 'merge', id: 'f.2', data: { a: 3 } }));
    expect(b.state.data).toEqual({ a: 3 });
  });

  test('changes are requests, one after the other', async () => {
    const { world, gateway, a } = await blocked();
    const stream = world.last;
    await stream.open();
    await stream.send(open + events(opened(1), snapshot(1, 'e.1', { a: 1 })));
    a.close();
    gateway.live('/c');
    await settle();
    expect(world.exchanges).toHaveLength(2);
    expect(world.last.url).toBe('https://gateway.test/.tidegate/events/s%201');
    expect(body(world.last.init)).toEqual([{ op: 'unsubscribe', sub: 1 }]);
    await world.last.reply(new Response(null, { status: 202 }));
    expect(world.exchanges).toHaveLength(3);
    expect(body(world.last.init)).toEqual([{ op: 'subscribe', sub: 3, url: '/c' }]);
  });

  test('a change that fails begins everything anew', async () => {
    const { world, gateway, b } = await blocked();
    const stream = world.last;
    await stream.open();
    await stream.send(open + events(opened(2), snapshot(2, 'f.1', { a: 2 }), status(2)));
    gateway.live('/c');
    await settle();
    await world.last.reply(new Response(null, { status: 404 }));
    expect(stream.abandoned).toBe(true);
    expect(b.state).toMatchObject({ status: 'disconnected', position: 'f.1' });
    await world.advance(1397);
    expect(body(world.last.init)).toMatchObject([{ url: '/a' }, { url: '/b', id: 'f.1' }, { url: '/c' }]);
  });

  test('the stream is kept to, for a while', async () => {
    const { world, a } = await blocked();
    await world.last.open();
    await world.last.send(open + events(opened(1), snapshot(1, 'e.1', { a: 1 }), status(1)));
    await world.last.cut();
    await world.advance(1397);
    expect(FakeSocket.made).toHaveLength(1);
    await world.last.open();
    await world.last.send(open + events(status(1)));
    expect(a.state.status).toBe('live');
    world.sleep(600_000);
    await world.signal('visible');
    expect(FakeSocket.made).toHaveLength(2);
  });

  test('where there is nobody at all, WebSocket is tried first again', async () => {
    const { world, a } = await blocked();
    await world.last.refuse();
    expect(a.state.status).toBe('disconnected');
    await world.advance(1000);
    expect(FakeSocket.made).toHaveLength(2);
    await FakeSocket.last.open();
    expect(FakeSocket.last.sent).toHaveLength(2);
  });

  test('a WebSocket that hangs is not waited for', async () => {
    const { world, gateway } = start();
    gateway.live('/a');
    await world.advance(10_000);
    expect(FakeSocket.last.closedWith).toBe(1000);
    expect(world.last.url).toBe('https://gateway.test/.tidegate/events');
  });

  test('and where there are none', async () => {
    const { world, gateway } = start({ WebSocket: false });
    const a = gateway.live('/a');
    await settle();
    expect(FakeSocket.made).toHaveLength(0);
    await world.last.reply(new Response(JSON.stringify({ title: 'No' }), { status: 403 }));
    expect(a.state).toMatchObject({ status: 'closed', cause: { title: 'No' } });
    expect(world.pending).toBe(0);
  });
});
