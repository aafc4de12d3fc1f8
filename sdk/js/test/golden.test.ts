/** The golden streams that every client in this repository reads; `testdata/wire/README.md` says what they hold. */

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { live, type LiveState } from '../src/index.ts';
import { settle, World } from './world.ts';

const folder = new URL('../../../testdata/wire/', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.sse'))
  .map((file) => file.slice(0, -'.sse'.length));

interface Status {
  state: string;
  since: string;
  fresh_within_ms: number;
  cause?: object;
  retry_in_ms?: number;
}

interface Golden {
  content_type: string;
  updates: (
    | { type: 'snapshot' | 'patch' | 'merge'; position: string; text: string }
    | { type: 'status'; status: Status }
  )[];
  final: { position: string; text: string; retry_ms: number | null };
}

/** What the client makes of the stream, in the golden files' terms. */
async function play(golden: Golden, chunks: Uint8Array[]) {
  const world = new World();
  const feed = live('http://gateway.test/golden', { ...world.options, mode: 'merge' });
  await settle();
  const updates: unknown[] = [];
  feed.on('update', ({ kind, position, patch, data }) => {
    updates.push(kind === 'snapshot' ? { kind, position, data } : { kind, position, patch });
  });
  feed.on('status', (state) => updates.push(statusOf(state, world.time)));
  await world.last.open({ 'Tidegate-Content-Type': golden.content_type });
  for (const chunk of chunks) await world.last.sendBytes(chunk);
  const seen = [...updates];
  const { data, position } = feed.state;
  world.random = 1; // the whole wait, which is the server's retry
  await world.last.cut();
  const retryMs = (feed.state.retryAt ?? Number.NaN) - world.time;
  await world.advance(retryMs);
  const resumed = world.last.header('last-event-id');
  feed.close();
  return { updates: seen, data, position, retryMs, resumed };
}

function statusOf({ status, since, freshWithinMs, cause, retryAt }: LiveState<unknown>, now: number) {
  return { status, since, freshWithinMs, cause, retryInMs: retryAt === undefined ? undefined : retryAt - now };
}

function expectedOf({ content_type, updates, final }: Golden) {
  const read = (text: string): unknown => (content_type.startsWith('application/json') ? JSON.parse(text) : text);
  return {
    updates: updates.map((update) => {
      if (update.type === 'status') {
        const { state, since, fresh_within_ms, cause, retry_in_ms } = update.status;
        return { status: state, since: Date.parse(since), freshWithinMs: fresh_within_ms, cause, retryInMs: retry_in_ms };
      }
      const { type, position, text } = update;
      return { kind: type, position, [type === 'snapshot' ? 'data' : 'patch']: read(text) };
    }),
    data: read(final.text),
    position: final.position,
    retryMs: final.retry_ms ?? 1000,
    resumed: final.position,
  };
}

test('there are golden streams', () => {
  expect(names).toContain('basic');
});

describe.each(names)('%s', (name) => {
  const stream = new Uint8Array(readFileSync(new URL(`${name}.sse`, folder)));
  const golden = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as Golden;

  test.each([stream.length, 1, 7, 64])('in chunks of %i bytes', async (size) => {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < stream.length; at += size) chunks.push(stream.subarray(at, at + size));
    expect(await play(golden, chunks)).toEqual(expectedOf(golden));
  });
});
