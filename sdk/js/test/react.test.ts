// @vitest-environment happy-dom
import { act, createElement as h, type ReactElement, StrictMode, startTransition, useState } from 'react';
import { createRoot, hydrateRoot, type Root } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Live, live, type LiveOptions } from '../src/index.ts';
import { connect } from '../src/multiplex/index.ts';
import { type LiveClient, LiveProvider, useLive } from '../src/react/index.ts';
import { patch, settle, snapshot, status, World } from './world.ts';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const URL_ = 'http://gateway.test/quotes';
interface Quote {
  id: string;
  price: number;
}
type Doc = { quotes: Quote[]; note?: string };

let world: World;
let client: LiveClient;
let opened: Live<unknown>[];
let place: HTMLElement;
let root: Root;

beforeEach(() => {
  world = new World();
  opened = [];
  client = {
    live: <T>(url: string, options: LiveOptions = {}) => {
      const resource = live<T>(url, { ...world.options, ...options });
      opened.push(resource as Live<unknown>);
      return resource;
    },
  };
  place = document.createElement('div');
  root = createRoot(place);
});

afterEach(async () => {
  await act(async () => root.unmount());
});

const show = (...children: ReactElement[]) =>
  act(async () => {
    root.render(h(LiveProvider, { value: client }, ...children));
    await settle();
  });
const send = (text: string) =>
  act(async () => {
    await world.last.send(text);
  });
const options = () => ({ setTimer: world.options.setTimer });

function Prices() {
  const { data, status: state } = useLive<Doc>(URL_, options());
  return h('p', null, `${state}: ${data?.quotes.map(({ price }) => price).join(' ') ?? ''}`);
}

const doc = (...prices: number[]): Doc => ({ quotes: prices.map((price, at) => ({ id: `q${at}`, price })) });

describe('useLive', () => {
  test('shows what comes', async () => {
    await show(h(Prices));
    expect(place.textContent).toBe('connecting: ');
    await act(() => world.last.open());
    await send(snapshot('e.1', doc(1, 2)) + status('live'));
    expect(place.textContent).toBe('live: 1 2');
    await send(patch('e.2', { op: 'replace', path: '/quotes/1/price', value: 3 }));
    expect(place.textContent).toBe('live: 1 3');
  });

  test('StrictMode mounts twice and connects once', async () => {
    await show(h(StrictMode, null, h(Prices), h(Prices)));
    expect(world.exchanges).toHaveLength(1);
    await act(() => world.last.open());
    await send(snapshot('e.1', doc(1)) + status('live'));
    expect(place.textContent).toBe('live: 1live: 1');
    await act(async () => world.advance(5000));
    expect(world.last.abandoned).toBe(false);
    expect(opened).toHaveLength(1);
  });

  test('rendering alone opens nothing', () => {
    renderToString(h(LiveProvider, { value: client }, h(Prices)));
    expect(opened).toHaveLength(0);
  });

  test('a server\'s markup is taken over', async () => {
    const view = h(LiveProvider, { value: client }, h(Prices));
    place = document.createElement('div');
    place.innerHTML = renderToString(view);
    expect(place.textContent).toBe('connecting: ');
    const errors: unknown[] = [];
    await act(async () => {
      root = hydrateRoot(place, view, { onRecoverableError: (error) => errors.push(error) });
      await settle();
    });
    await act(() => world.last.open());
    await send(snapshot('e.1', doc(1)) + status('live'));
    expect(place.textContent).toBe('live: 1');
    expect(errors).toEqual([]);
  });

  test('what nobody uses is closed, after a little while', async () => {
    await show(h(Prices));
    await act(() => world.last.open());
    await send(snapshot('e.1', doc(1)));
    await show();
    await act(async () => world.advance(999));
    await show(h(Prices));
    await act(async () => world.advance(5000));
    expect(place.textContent).toContain('1');
    expect(opened).toHaveLength(1);
    await show();
    await act(async () => world.advance(1000));
    expect(opened[0]?.state.status).toBe('closed');
    expect(world.last.abandoned).toBe(true);
    expect(world.pending).toBe(0);
    await show(h(Prices));
    expect(opened).toHaveLength(2);
  });

  test('what had ended is opened anew by whoever comes', async () => {
    await show(h(Prices));
    await act(() => world.last.reply(new Response(null, { status: 401 })));
    expect(place.textContent).toBe('closed: ');
    await show();
    await show(h(Prices));
    expect(opened).toHaveLength(2);
  });

  test('another URL, other wishes and another key are other resources', async () => {
    const Two = ({ url, rate, who }: { url: string; rate?: string; who?: string }) => {
      const { data } = useLive<number>(url, { ...options(), ...(rate && { rate }), ...(who && { key: who }) });
      return h('i', null, data);
    };
    await show(h(Two, { url: '/a' }), h(Two, { url: '/b' }), h(Two, { url: '/a', rate: '1s' }), h(Two, { url: '/a', who: 'me' }), h(Two, { url: '/a' }));
    expect(world.exchanges.map(({ url }) => url)).toEqual(['/a', '/b', '/a?tidegate.rate=1s', '/a']);
  });

  test('a URL that changes leads to another resource, and never shows the old one\'s data', async () => {
    const One = ({ url }: { url: string | null }) => h('p', null, `${useLive<number>(url, options()).data}`);
    await show(h(One, { url: '/a' }));
    await act(() => world.last.open());
    await send(snapshot('e.1', 1));
    expect(place.textContent).toBe('1');
    await show(h(One, { url: '/b' }));
    expect(place.textContent).toBe('undefined');
    await act(() => world.last.open());
    await send(snapshot('f.1', 2));
    expect(place.textContent).toBe('2');
    await show(h(One, { url: null }));
    expect(place.textContent).toBe('undefined');
    await act(async () => world.advance(1000));
    expect(opened.map(({ state }) => state.status)).toEqual(['closed', 'closed']);
  });
});

describe('a selector', () => {
  test('renders only when its part has changed, also when it makes new objects', async () => {
    const renders: Record<string, number> = {};
    const Row = ({ at }: { at: number }) => {
      const row = useLive<Doc, { price: number } | undefined>(URL_, options(), ({ data }) => {
        const quote = data?.quotes[at];
        return quote && { price: quote.price };
      });
      renders[at] = (renders[at] ?? 0) + 1;
      return h('b', null, row?.price);
    };
    await show(h(Row, { at: 0 }), h(Row, { at: 1 }));
    await act(() => world.last.open());
    await send(snapshot('e.1', doc(1, 2)) + status('live'));
    const before = { ...renders };
    await send(patch('e.2', { op: 'replace', path: '/quotes/1/price', value: 3 }));
    expect(place.textContent).toBe('13');
    expect(renders[0]).toBe(before[0]);
    expect(renders[1]).toBe((before[1] ?? 0) + 1);
    await send(status('stale'));
    await send(snapshot('f.1', doc(1, 3)));
    expect(renders[1]).toBe((before[1] ?? 0) + 1);
  });

  test('written in place gives an equal part the identity it had', async () => {
    const seen: unknown[] = [];
    let again: (n: number) => void = () => undefined;
    const Ids = () => {
      const [count, set] = useState(0);
      again = set;
      const ids = useLive<Doc, string[]>(URL_, options(), ({ data }) => data?.quotes.map(({ id }) => id) ?? []);
      seen.push(ids);
      return h('b', null, `${count} ${ids.join()}`);
    };
    await show(h(Ids));
    await act(() => world.last.open());
    await send(snapshot('e.1', doc(1, 2)));
    await act(async () => again(1));
    expect(place.textContent).toBe('1 q0,q1');
    expect(seen.at(-1)).toBe(seen.at(-2));
    const renders = seen.length;
    await send(patch('e.2', { op: 'replace', path: '/quotes/1/price', value: 3 }));
    expect(seen).toHaveLength(renders);
  });
});

test('within one screen all components show the same version, also through a transition', async () => {
  let go: () => void = () => undefined;
  const torn: string[] = [];
  const Version = () => {
    const price = useLive<Doc, number | undefined>(URL_, options(), ({ data }) => data?.quotes[0]?.price);
    return h('i', null, `${price} `);
  };
  const All = () => {
    const [many, set] = useState(1);
    go = () => startTransition(() => set(50));
    return Array.from({ length: many }, (_, at) => h(Version, { key: at }));
  };
  const look = () => {
    const shown = new Set((place.textContent ?? '').trim().split(/\s+/));
    if (shown.size > 1) torn.push(place.textContent ?? '');
  };
  await show(h(All));
  await act(() => world.last.open());
  await send(snapshot('e.1', doc(1)));
  await act(async () => {
    go();
    await world.last.send(patch('e.2', { op: 'replace', path: '/quotes/0/price', value: 2 }));
    look();
  });
  look();
  expect(torn).toEqual([]);
  expect(place.textContent?.trim().split(/\s+/)).toEqual(Array.from({ length: 50 }, () => '2'));
});

test('a multiplexer is a client, too', () => {
  const multiplexer: LiveClient = connect('http://gateway.test', world.options);
  expect(multiplexer).toHaveProperty('live');
});
