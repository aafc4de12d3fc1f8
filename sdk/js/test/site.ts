/** A site with tabs: locks as the Web Locks API has them, and channels whose messages arrive when the test lets them. */

import type { Channel, Locks } from '../src/tabs/index.ts';
import { settle, World } from './world.ts';

interface Claim {
  readonly page: Page;
  readonly hold: () => Promise<void>;
  readonly settle: { resolve: () => void; reject: (error: unknown) => void };
}

export class Site {
  private readonly held = new Map<string, Claim>();
  private readonly queues = new Map<string, Claim[]>();
  readonly channels = new Set<FakeChannel>();

  page(): Page {
    return new Page(this);
  }

  holder(): Page | undefined {
    return [...this.held.values()][0]?.page;
  }

  request(page: Page, name: string, { signal, steal }: { signal?: AbortSignal; steal?: boolean }, hold: () => Promise<void>) {
    if (signal && steal) throw new DOMException('a theft takes no signal', 'NotSupportedError');
    return new Promise<void>((resolve, reject) => {
      const claim: Claim = { page, hold, settle: { resolve, reject } };
      const queue = this.queues.get(name) ?? [];
      this.queues.set(name, queue);
      if (steal) {
        const robbed = this.held.get(name);
        this.held.delete(name);
        robbed?.settle.reject(new DOMException('stolen', 'AbortError'));
        queue.unshift(claim);
      } else {
        queue.push(claim);
        signal?.addEventListener('abort', () => {
          if (!queue.includes(claim)) return;
          queue.splice(queue.indexOf(claim), 1);
          reject(new DOMException('called off', 'AbortError'));
        });
      }
      queueMicrotask(() => this.grant(name));
    });
  }

  /** The page is gone: its locks and its places in the queues are free, and nobody is told there. */
  vanish(page: Page): void {
    for (const [name, queue] of this.queues) {
      this.queues.set(name, queue);
      for (let at = queue.length - 1; at >= 0; at--) if (queue[at]?.page === page) queue.splice(at, 1);
      if (this.held.get(name)?.page === page) {
        this.held.delete(name);
        queueMicrotask(() => this.grant(name));
      }
    }
    for (const channel of [...this.channels]) if (channel.page === page) this.channels.delete(channel);
  }

  private grant(name: string): void {
    const claim = this.held.has(name) ? undefined : this.queues.get(name)?.shift();
    if (claim === undefined) return;
    this.held.set(name, claim);
    claim.hold().then(() => {
      if (this.held.get(name) !== claim) return;
      this.held.delete(name);
      claim.settle.resolve();
      this.grant(name);
    });
  }
}

/** One tab, with its own clock, network and timers. */
export class Page {
  readonly world = new World();
  private readonly listeners = new Set<(signal: 'freeze' | 'resume') => void>();
  /** A page that hangs gets its messages, and the news of its locks, later. */
  hangs = false;

  constructor(private readonly site: Site) {
    this.world.random = Math.random();
  }

  get options() {
    return {
      ...this.world.options,
      bufferedMs: Number.POSITIVE_INFINITY,
      locks: { request: (name, options, hold) => this.site.request(this, name, options, hold) } satisfies Locks,
      channel: (name: string) => new FakeChannel(name, this, this.site),
      lifecycle: (callback: (signal: 'freeze' | 'resume') => void) => {
        this.listeners.add(callback);
        return () => this.listeners.delete(callback);
      },
    };
  }

  /** What still waits besides the world's timers. */
  get pending(): number {
    return this.world.pending + this.listeners.size + [...this.site.channels].filter(({ page }) => page === this).length;
  }

  async signal(signal: 'freeze' | 'resume'): Promise<void> {
    for (const callback of [...this.listeners]) callback(signal);
    await settle();
  }

  async crash(): Promise<void> {
    this.site.vanish(this);
    await settle();
  }

  async wake(): Promise<void> {
    this.hangs = false;
    for (const channel of this.site.channels) if (channel.page === this) channel.deliver();
    await settle();
  }
}

export class FakeChannel implements Channel {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  private waiting: unknown[] = [];

  constructor(
    readonly name: string,
    readonly page: Page,
    private readonly site: Site,
  ) {
    site.channels.add(this);
  }

  postMessage(message: unknown): void {
    for (const other of this.site.channels) {
      if (other === this || other.name !== this.name) continue;
      other.waiting.push(structuredClone(message));
      queueMicrotask(() => other.deliver());
    }
  }

  deliver(): void {
    while (!this.page.hangs && this.waiting.length > 0 && this.site.channels.has(this)) {
      this.onmessage?.({ data: this.waiting.shift() });
    }
  }

  close(): void {
    this.site.channels.delete(this);
  }
}
