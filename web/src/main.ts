/**
 * The demo page: the live board through the gateway, the same board by polling and by refresh, and what each costs.
 *
 * This file only wires: models decide, views show.
 */

import { connect } from 'tidegate/multiplex';
import { live } from 'tidegate/tabs';
import { compare, newestTrade } from './model/compare.ts';
import { ServerClock } from './model/clock.ts';
import { headline } from './model/headline.ts';
import { type Demo, type MarketState, type Quote, WAYS, type Way } from './model/market.ts';
import { type Cost, project } from './model/projection.ts';
import { every, Reader } from './model/reader.ts';
import { meters, type Stats } from './model/stats.ts';
import { Board } from './view/board.ts';
import { Compare } from './view/compare.ts';
import { Controls } from './view/controls.ts';
import { Detail } from './view/detail.ts';
import { byTestId, textIn } from './view/dom.ts';

const STATS_EVERY_MS = 1000;
/** Ages and countdowns move ten times a second: quick enough to read as running, slow enough to read. */
const TICK_MS = 100;

async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(3000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as T;
}

async function start(): Promise<void> {
  const clock = new ServerClock();
  const meter = meters();
  let market: MarketState | undefined;
  let viewers: number = Compare.defaults.viewers;

  const demo = await getJson<Demo>('demo.json');
  const gateway = `${location.protocol}//${location.hostname}:${demo.gateway_port}`;
  // However many tabs show this page, each has at most one connection to the gateway.
  const connection = connect(gateway);
  const api = `${location.protocol}//${location.hostname}:${demo.market_port}`;
  byTestId('try-curl').textContent = `curl -N -H 'Accept: text/event-stream' ${gateway}/quotes`;
  byTestId('try-watch').textContent = `tidegate watch ${gateway}/quotes`;

  const controls = new Controls(() => void readStats());

  async function readStats(): Promise<void> {
    const sent = Date.now();
    let stats: Stats;
    try {
      stats = await getJson<Stats>('stats');
    } catch {
      return; // the numbers stand still until the demo program answers again
    }
    const received = Date.now();
    clock.record(Date.parse(stats.now), sent, received);
    for (const way of WAYS) meter[way].record(received, stats.ways[way]);
    market = stats.market.state;
    controls.show(market, stats.gateway.state);
    showCosts();
  }

  const detail = new Detail(connection);
  let selected: string | undefined;
  const board = new Board((symbol, byHand) => {
    selected = symbol;
    detail.select(symbol);
    showSelected();
    if (byHand) detail.reveal();
  });

  const readers = {
    polling: new Reader(`${api}/quotes?apikey=polling`, () => showReader('polling')),
    refresh: new Reader(`${api}/quotes?apikey=refresh`, () => showReader('refresh')),
  };

  let stopPolling = () => {};
  const pollEvery = (ms: number) => {
    stopPolling();
    stopPolling = every(ms, () => void readers.polling.read());
  };
  const table = new Compare({
    refresh: () => void readers.refresh.read(),
    pollEvery: (ms) => {
      pollEvery(ms);
      meter.polling.restart();
    },
    viewers: (chosen) => {
      viewers = chosen;
      showCosts();
    },
  });

  // The baseline comes first, so that the page's own first requests are counted.
  await readStats();
  const quotes = live<Quote[]>(`${gateway}/quotes`, { over: connection });
  const held = (way: Way) => (way === 'live' ? quotes.state.data : readers[way].reading.quotes);

  function showSelected(): void {
    const quote = selected === undefined ? undefined : board.quote(selected);
    if (quote !== undefined) detail.quote(quote);
  }

  function showWrong(): void {
    const wrong = compare({ live: held('live'), polling: held('polling'), refresh: held('refresh') });
    board.mark(wrong);
    for (const way of WAYS) table.wrong(way, held(way) === undefined ? undefined : wrong[way].size);
  }

  function showReader(way: 'polling' | 'refresh'): void {
    const { quotes, failure, busy } = readers[way].reading;
    table.note(way, failure ?? '');
    if (way === 'refresh') table.refreshing(busy);
    if (busy || quotes === undefined) return;
    board.other(way, quotes);
    showWrong();
  }

  function showCosts(): void {
    const costs: Record<Way, Cost | undefined> = { live: undefined, polling: undefined, refresh: undefined };
    for (const way of WAYS) {
      const total = meter[way].total();
      if (total !== undefined) table.counted(way, total);
      // Refreshes are made by hand: two in the first ten seconds are no rate of twelve a minute.
      const one = way === 'refresh' ? meter[way].lastMinute() : meter[way].perMinute();
      if (one !== undefined) costs[way] = project(way, one, viewers);
    }
    table.projected(costs);
  }

  quotes.on('update', ({ data, previous }) => {
    board.live(data);
    if (previous === undefined) {
      // The rows exist from now on: show what the other two have got meanwhile. The one-time snapshot is no rate.
      for (const way of ['polling', 'refresh'] as const) showReader(way);
      meter.live.restart();
    }
    showSelected();
    showWrong();
  });

  const stateElement = byTestId('state');
  const title = textIn(byTestId('state-title'));
  const words = textIn(byTestId('state-detail'));
  function showTime(): void {
    const now = clock.now();
    const state = headline(quotes.state, market, now, Date.now());
    if (document.body.dataset.tone !== state.tone) {
      document.body.dataset.tone = state.tone;
      stateElement.dataset.tone = state.tone;
    }
    title.set(state.title);
    words.set(state.detail);
    for (const way of WAYS) {
      const newest = newestTrade(held(way));
      table.age(way, newest === undefined ? undefined : now - newest);
    }
  }

  void readers.polling.read();
  pollEvery(Compare.defaults.interval);
  void readers.refresh.read();
  quotes.subscribe(showTime);
  every(TICK_MS, showTime);
  every(STATS_EVERY_MS, () => void readStats());
}

start().catch((error: unknown) => {
  byTestId('state').dataset.tone = 'lost';
  byTestId('state-title').textContent = 'The demo program cannot be reached';
  byTestId('state-detail').textContent = 'start it with tidegate demo, then reload this page';
  throw error;
});
