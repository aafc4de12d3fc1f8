import type { LiveState } from 'tidegate';
import { expect, test } from 'vitest';
import { clockTime } from '../src/format.ts';
import { headline } from '../src/model/headline.ts';

const SERVER = 1_000_000;
const LOCAL = 500_000;
const state = (more: Partial<LiveState<unknown>>) => ({
  status: 'live' as const,
  since: SERVER - 8000,
  freshWithinMs: 400,
  retryAt: undefined,
  cause: undefined,
  ...more,
});
const words = (more: Partial<LiveState<unknown>>, market?: 'run' | 'halt') => headline(state(more), market, SERVER, LOCAL);

test('live', () => {
  expect(words({}, 'run')).toEqual({ tone: 'live', title: 'Live', detail: 'confirmed with the API every 400 ms or sooner' });
  expect(words({}, 'halt').title).toBe('Live, trading is halted');
});

test('stale says since when by the server\'s clock, why, and when the next try is by the local one', () => {
  expect(words({ status: 'stale', cause: { title: 'The origin did not answer' }, retryAt: LOCAL + 1500 })).toEqual({
    tone: 'stale',
    title: 'The API is down',
    detail: `data from ${clockTime(SERVER - 8000)}, 8.0 s ago · The origin did not answer · next try in 1.5 s`,
  });
});

test('disconnected says since when by the local clock', () => {
  expect(words({ status: 'disconnected', since: LOCAL - 2000, cause: { title: 'Failed to fetch' } })).toEqual({
    tone: 'lost',
    title: 'The gateway is away',
    detail: `data from ${clockTime(LOCAL - 2000)}, 2.0 s ago · trying again`,
  });
});

test('a try that is due is being made', () => {
  expect(words({ status: 'stale', retryAt: LOCAL - 1 }).detail).toMatch(/trying again$/);
});

test('gone and closed say why', () => {
  expect(words({ status: 'gone', cause: { title: 'Not found' } })).toMatchObject({ tone: 'lost', detail: 'Not found · trying again' });
  expect(words({ status: 'closed', cause: { title: 'Not found' } })).toMatchObject({ tone: 'lost', detail: 'Not found · reload the page to try again' });
});

test('connecting', () => {
  expect(words({ status: 'connecting' }).tone).toBe('waiting');
});
