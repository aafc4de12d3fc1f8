/** The golden connections that several resources share; `testdata/wire/README.md` says what they hold. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Live } from '../src/index.ts';
import { connect, type MultiplexOptions } from '../src/multiplex/index.ts';
import { FakeSocket } from './socket.ts';
import { settle, World } from './world.ts';

const file = (name: string) => readFileSync(new URL(`../../../testdata/wire/${name}`, import.meta.url));

interface Update {
  type: string;
  position?: string;
  text?: string;
  status?: { state: string };
}

interface Golden {
  subscriptions: {
    sub: number;
    content_type?: string;
    updates?: Update[];
    final?: { position: string; text: string };
    error?: { title: string; status: number };
  }[];
  close: { code: number; reason: string };
  stream: string;
}

const golden = JSON.parse(file('several.json').toString()) as Golden;
/** The numbers are the client's to choose: ours count from 1 where the file has its own. */
const numbers = new Map(golden.subscriptions.map(({ sub }, at) => [sub, at + 1]));
const renumber = (text: string) => text.replace(/\{"sub":(\d+),/g, (_, sub) => `{"sub":${numbers.get(Number(sub))},`);

function start(options: MultiplexOptions) {
  FakeSocket.made = [];
  const world = new World();
  const gateway = connect('http://gateway.test', { ...world.options, ...options });
  const seen = golden.subscriptions.map(({ sub }) => {
    const resource: Live = gateway.live(`/${sub}`);
    const updates: unknown[] = [];
    resource.on('update', ({ kind, position, data, patch }) => updates.push([kind, position, kind === 'snapshot' ? data : patch]));
    resource.on('status', ({ status }) => {
      if (['live', 'stale', 'gone'].includes(status)) updates.push([status]);
    });
    return { resource, updates };
  });
  return { world, seen };
}

function check(seen: ReturnType<typeof start>['seen']): void {
  golden.subscriptions.forEach(({ content_type, updates = [], final, error }, at) => {
    const { resource, updates: got } = seen[at]!;
    const read = (text: string): unknown => (content_type === 'application/json' ? JSON.parse(text) : text);
    expect(got).toEqual(
      updates.map(({ type, position, text = '', status }) => (status ? [status.state] : [type, position, read(text)])),
    );
    if (final) expect(resource.state).toMatchObject({ position: final.position, data: read(final.text) });
    if (error) expect(resource.state).toMatchObject({ status: 'closed', cause: error });
  });
}

/** The messages in a file of frames (RFC 6455 §5.2), one frame in hexadecimal a line. */
function messages(): { texts: string[]; close: Buffer | undefined } {
  const texts: string[] = [];
  let parts: Buffer[] = [];
  let close: Buffer | undefined;
  for (const line of file('several.ws').toString().split('\n')) {
    const frame = Buffer.from(line.split('#')[0]!.trim(), 'hex');
    if (frame.length === 0) continue;
    const opcode = frame[0]! & 15;
    const payload = frame.subarray(frame[1] === 126 ? 4 : frame[1] === 127 ? 10 : 2);
    if (opcode === 8) close = payload;
    else if (opcode < 3) {
      parts.push(payload);
      if (frame[0]! >= 128) texts.push(Buffer.concat(parts).toString());
      if (frame[0]! >= 128) parts = [];
    }
  }
  return { texts, close };
}

test('over WebSocket', async () => {
  const { texts, close } = messages();
  expect(texts.length).toBeGreaterThan(5);
  const { world, seen } = start({ WebSocket: FakeSocket });
  await FakeSocket.last.open();
  for (const text of texts) await FakeSocket.last.say(renumber(text));
  check(seen);
  expect(close).toBeDefined();
  await FakeSocket.last.lose(close!.readUInt16BE(), close!.subarray(2).toString());
  const { retry_in_ms: wait } = JSON.parse(golden.close.reason) as { retry_in_ms: number };
  await world.advance(wait - 1);
  expect(FakeSocket.made).toHaveLength(1);
  await world.advance(3000);
  expect(FakeSocket.made).toHaveLength(2);
});

test.each([1, 7, 4096])('over one event stream, in chunks of %i bytes', async (size) => {
  const { world, seen } = start({ WebSocket: false });
  await settle();
  expect(JSON.parse(world.last.init.body as string)).toHaveLength(golden.subscriptions.length);
  const stream = world.last;
  await stream.open();
  const bytes = Buffer.from(renumber(file('several.events').toString()));
  for (let at = 0; at < bytes.length; at += size) await stream.sendBytes(bytes.subarray(at, at + size));
  check(seen);
});
