/** A scripted host: time that only moves when told, timers, signals, and a `fetch` that the test answers by hand. */

import { type Live, type LiveOptions, live, type NetworkSignals } from '../src/index.ts';

interface Timer {
  at: number;
  order: number;
  callback: () => void;
}

/** One request, and the hand that answers it. */
export class Exchange {
  private readonly answer: { resolve: (response: Response) => void; reject: (error: unknown) => void };
  private body: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** True once the client has let go of the request or of the stream. */
  abandoned = false;

  constructor(
    readonly url: string,
    readonly init: RequestInit,
    answer: Exchange['answer'],
  ) {
    this.answer = answer;
    const abort = () => {
      this.abandoned = true;
      const error = new DOMException('aborted', 'AbortError');
      this.answer.reject(error);
      this.break(error);
    };
    if (init.signal?.aborted) abort();
    else init.signal?.addEventListener('abort', abort);
  }

  header(name: string): string | null {
    return new Headers(this.init.headers).get(name);
  }

  /** Answers with a stream. */
  async open(headers: Record<string, string> = {}): Promise<void> {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.body = controller;
      },
      cancel: () => {
        this.abandoned = true;
      },
    });
    const fields = { 'Content-Type': 'text/event-stream', 'Tidegate-Content-Type': 'application/json', ...headers };
    await this.reply(new Response(stream, { headers: fields }));
  }

  async reply(response: Response): Promise<void> {
    this.answer.resolve(response);
    await settle();
  }

  async refuse(error: unknown = new TypeError('fetch failed')): Promise<void> {
    this.answer.reject(error);
    await settle();
  }

  async send(text: string): Promise<void> {
    await this.sendBytes(new TextEncoder().encode(text));
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    this.body?.enqueue(bytes);
    await settle();
  }

  async end(): Promise<void> {
    this.body?.close();
    await settle();
  }

  async cut(): Promise<void> {
    this.break(new TypeError('network error'));
    await settle();
  }

  private break(error: unknown): void {
    this.body?.error(error);
  }
}

// Loaded beforehand, so that whoever loads them later has them at once.
await Promise.all([import('../src/long-poll.ts'), import('../src/merge.ts'), import('../src/refusal.ts')]);

/**
 * Lets every promise that can settle do so: fetch, body and reader are some dozens of turns, loading a module again is
 * a turn of the event loop, and none waits for time.
 */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits, in turns of the event loop and not in time, for what a module that is being loaded will do. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 5000 && !condition(); turn++) await new Promise((resolve) => setImmediate(resolve));
  if (!condition()) throw new Error('it does not come');
  await settle();
}

export class World {
  time = Date.UTC(2026, 0, 31, 9, 30);
  random = 0.5;
  readonly exchanges: Exchange[] = [];
  private timers: Timer[] = [];
  private order = 0;
  private readonly signals = new Set<Parameters<NetworkSignals['listen']>[0]>();

  readonly options = {
    now: () => this.time,
    random: () => this.random,
    setTimer: (callback: () => void, ms: number) => {
      const timer = { at: this.time + ms, order: this.order++, callback };
      this.timers.push(timer);
      return () => {
        this.timers = this.timers.filter((other) => other !== timer);
      };
    },
    network: {
      listen: (callback) => {
        this.signals.add(callback);
        return () => this.signals.delete(callback);
      },
    },
    fetch: (input, init = {}) =>
      new Promise<Response>((resolve, reject) => {
        this.exchanges.push(new Exchange(String(input), init, { resolve, reject }));
      }),
  } satisfies LiveOptions;

  /** The newest request. */
  get last(): Exchange {
    const exchange = this.exchanges.at(-1);
    if (exchange === undefined) throw new Error('nothing was requested');
    return exchange;
  }

  /** What still waits: nothing may after `close`. */
  get pending(): number {
    return this.timers.length + this.signals.size;
  }

  /** Moves time, firing what falls due in order. */
  async advance(ms: number): Promise<void> {
    const until = this.time + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = Math.max(this.time, next.at);
      next.callback();
      await settle();
    }
    this.time = until;
    await settle();
  }

  /** Moves time as a sleeping machine does: no timer fires. */
  sleep(ms: number): void {
    this.time += ms;
  }

  async signal(signal: 'online' | 'offline' | 'visible' | 'hidden'): Promise<void> {
    for (const callback of [...this.signals]) callback(signal);
    await settle();
  }
}

/** Stream texts. */
export const snapshot = (id: string, data: unknown) => `event: snapshot\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
export const patch = (id: string, ...operations: unknown[]) =>
  `event: patch\nid: ${id}\ndata: ${JSON.stringify(operations)}\n\n`;
export const status = (state: string, more: object = {}) =>
  `event: status\ndata: ${JSON.stringify({ state, since: '2026-01-31T09:29:59.500Z', fresh_within_ms: 550, ...more })}\n\n`;
export const merge = (id: string, data: unknown) => `event: merge\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;

/** A resource that most tests follow. */
export const URL_ = 'http://gateway.test/quotes';

/** What it is. */
export type Doc = Record<string, number>;

/** A world in which the resource is followed, up to the request. */
export async function start(options: LiveOptions = {}): Promise<{ world: World; feed: Live<Doc> }> {
  const world = new World();
  const feed = live<Doc>(URL_, { ...world.options, ...options });
  await settle();
  return { world, feed };
}
