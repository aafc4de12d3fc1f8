/**
 * One tab's share in a resource that the tabs of a site read together.
 *
 * The tab that holds the lock leads: it has the connection, and tells the others what comes. The others follow; when
 * the lock is free, one of them leads, and resumes from its own position.
 *
 * Invariants: whoever holds no lock has no connection; a follower applies a patch only to the version that the patch
 * follows, and asks the leader for a snapshot wherever that is not the one it has: so no update is lost, and none
 * counts twice, whatever the messages do on the way.
 */

import type { Host } from '../host.ts';
import type { Sink, Transport } from '../sink.ts';
import { LiveError, type LiveState } from '../types.ts';
import { isBehind } from '../version.ts';
import { type Call, fromPlain, type TabMessage, toPlain } from './messages.ts';

/** What is needed of a `BroadcastChannel`. */
export interface Channel {
  onmessage: ((event: { data: unknown }) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** What is needed of the Web Locks API. */
export interface Locks {
  request(name: string, options: { signal?: AbortSignal; steal?: boolean }, hold: () => Promise<void>): Promise<unknown>;
}

/** What a tab takes from its host, besides. */
export interface TabHost extends Host {
  readonly id: string;
  readonly locks: Locks;
  readonly channel: (name: string) => Channel;
  /** Calls back when the page is put to sleep and when it is woken, until the returned function is called. */
  readonly lifecycle: (callback: (signal: 'freeze' | 'resume') => void) => () => void;
}

/** How often a follower that hears nothing looks whether the leader is still there. */
const CHECK_MS = 15_000;

/** The transport of a resource that the tabs share under `name`; `inner` is the leader's. */
export function tab(name: string, inner: Transport, host: TabHost, view: () => LiveState<unknown>): Transport {
  return (sink) => new Tab(name, inner, host, view, sink);
}

class Tab {
  private readonly channel: Channel;
  private readonly leave: (() => void)[] = [];
  private connection: { close(): void } | undefined;
  private contentType: string | null = null;
  private batch: Call[] = [];
  /** Lets go of the lock, or of the place in the queue for it. */
  private letGo: (() => void) | undefined;
  /** Whom we follow; undefined while it is not known. */
  private leader: string | undefined;
  /** The last position that we had, also where continuity is lost. */
  private reached: string | undefined;
  private heard = true;
  private cancelCheck: (() => void) | undefined;
  private closed = false;

  constructor(
    private readonly name: string,
    private readonly inner: Transport,
    private readonly host: TabHost,
    private readonly view: () => LiveState<unknown>,
    private readonly sink: Sink,
  ) {
    this.channel = host.channel(name);
    this.channel.onmessage = ({ data }) => {
      if (!this.closed) this.receive(data as TabMessage);
    };
    this.leave.push(host.lifecycle((signal) => (signal === 'freeze' ? this.rest() : this.join())));
    this.leave.push(
      host.network.listen((signal) => {
        if (signal === 'visible' && this.connection === undefined) this.say({ say: 'ping' });
      }),
    );
    this.join();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.rest();
    for (const leave of this.leave) leave();
    this.channel.close();
  }

  // ---- The lock.

  /** Asks how things stand, and waits in the queue for the lock. */
  private join(): void {
    if (this.letGo !== undefined || this.closed) return;
    this.say({ say: 'hello', from: this.host.id });
    this.queue({});
    this.check();
  }

  /** Leaves the lock, or the queue for it: the page sleeps, or nobody wants the resource any more. */
  private rest(): void {
    this.cancelCheck?.();
    this.stepDown();
    this.letGo?.();
    this.letGo = undefined;
  }

  private queue(how: { steal?: boolean }): void {
    this.letGo?.();
    const waiting = new AbortController();
    let release: (() => void) | undefined;
    const letGo = (): void => (release ? release() : waiting.abort());
    this.letGo = letGo;
    // The Web Locks API does not let a theft be called off (§ «request»): its signal is for waiting.
    const options = how.steal ? how : { signal: waiting.signal };
    this.host.locks
      .request(this.name, options, () => {
        if (this.letGo !== letGo) return Promise.resolve();
        const held = new Promise<void>((resolve) => (release = resolve));
        this.lead();
        return held;
      })
      .catch(() => {
        // The lock was stolen, by a tab that took this one for asleep; or we have called it off ourselves.
        if (this.letGo !== letGo) return;
        this.stepDown();
        this.letGo = undefined;
        this.join();
      });
  }

  // ---- Leading.

  private lead(): void {
    this.cancelCheck?.();
    this.leader = this.host.id;
    this.say({ say: 'lead', leader: this.host.id });
    this.connection = this.inner(this.relay());
  }

  private stepDown(): void {
    this.connection?.close();
    this.connection = undefined;
    this.batch = [];
    this.leader = undefined;
  }

  /** Our own sink, and the others'. */
  private relay(): Sink {
    const { sink } = this;
    return {
      position: () => sink.position(),
      connecting: () => {
        sink.connecting();
        this.tell({ call: 'connecting' });
        this.flush();
      },
      opened: (transport, contentType) => {
        this.contentType = contentType;
        sink.opened(transport, contentType);
        this.tell({ call: 'opened', transport, contentType });
      },
      read: (bytes) => sink.read(bytes),
      event: (kind, text, id, read) => {
        const from = sink.position();
        sink.event(kind, text, id, read); // throws where it does not fit, and then it is nobody's
        this.tell({ call: 'event', kind, text, id, from, ...(read && { value: { read: read() } }) });
      },
      settled: () => {
        this.flush(); // first, so that a listener that closes us does not keep it from the others
        sink.settled();
      },
      failed: (error, retryAt, heardAt) => {
        this.tell({ call: 'failed', error: toPlain(error), retryAt, heardAt });
        this.flush();
        sink.failed(error, retryAt, heardAt);
        if (error.final) this.close();
      },
      ended: () => {
        this.tell({ call: 'ended' });
        this.flush();
        sink.ended();
      },
    };
  }

  private tell(call: Call): void {
    this.batch.push(call);
  }

  private flush(): void {
    const calls = this.batch;
    this.batch = [];
    if (calls.length > 0) this.say({ say: 'calls', leader: this.host.id, calls });
  }

  // ---- Following.

  private receive(message: TabMessage): void {
    if (this.connection !== undefined) return this.answer(message);
    if ('leader' in message) {
      if (message.say === 'lead') this.leader = message.leader;
      this.leader ??= message.leader;
      if (message.leader !== this.leader) return; // one that was woken, and does not know yet that it leads no more
      this.heard = true;
    }
    switch (message.say) {
      case 'welcome':
        if (message.to === this.host.id) this.attempt(() => this.welcome(message.state, message.contentType));
        break;
      case 'calls':
        for (const call of message.calls) {
          if (!this.closed) this.attempt(() => this.follow(call));
        }
        break;
      case 'here':
        if (message.position !== this.sink.position()) this.hello();
        break;
    }
    if (!this.closed) this.sink.settled();
  }

  private answer(message: TabMessage): void {
    const leader = this.host.id;
    if (message.say === 'hello') {
      const { contentType } = this;
      this.say({ say: 'welcome', leader, to: message.from, state: this.view(), contentType });
    } else if (message.say === 'ping') {
      this.say({ say: 'here', leader, position: this.sink.position() });
    }
  }

  /** What does not fit here leads to a snapshot from the leader. */
  private attempt(apply: () => void): void {
    try {
      apply();
    } catch {
      this.hello();
    }
  }

  private hello(): void {
    this.say({ say: 'hello', from: this.host.id });
  }

  private welcome(state: LiveState<unknown>, contentType: string | null): void {
    const { sink } = this;
    const { data, position, transport } = state;
    this.contentType = contentType;
    if (transport !== undefined) sink.opened(transport, contentType);
    if (data !== undefined && !this.isOld(position) && (position === undefined || position !== sink.position())) {
      sink.event('snapshot', '', position, () => data);
    }
    if (state.status === 'disconnected') {
      const problem = state.cause;
      const error = new LiveError('network', problem?.title ?? 'disconnected', { problem });
      sink.failed(error, state.retryAt, state.since);
    } else if (state.status !== 'connecting' && state.status !== 'closed') {
      const retryInMs = state.retryAt === undefined ? undefined : Math.max(0, state.retryAt - this.host.now());
      const status = {
        state: state.status,
        since: new Date(state.since).toISOString(),
        fresh_within_ms: state.freshWithinMs,
        cause: state.cause,
        retry_in_ms: retryInMs,
      };
      sink.event('status', JSON.stringify(status), undefined);
    }
  }

  private follow(call: Call): void {
    const { sink } = this;
    switch (call.call) {
      case 'connecting':
        return sink.connecting();
      case 'opened':
        this.contentType = call.contentType;
        return sink.opened(call.transport, call.contentType);
      case 'event': {
        const { kind, text, id, from, value } = call;
        if (this.isOld(id)) return; // on its way for long, from a tab that leads no more
        if (id !== undefined && id === sink.position()) return; // it came with the welcome
        if (kind === 'patch' || kind === 'merge') {
          if (from === undefined || from !== sink.position()) return this.hello();
        }
        return sink.event(kind, text, id, value && (() => value.read));
      }
      case 'failed': {
        const error = fromPlain(call.error);
        sink.failed(error, call.retryAt, call.heardAt);
        if (error.final) this.close();
        return;
      }
      case 'ended':
        return sink.ended();
    }
  }

  /** Whether a position is older than one that we had. */
  private isOld(position: string | undefined): boolean {
    this.reached = this.sink.position() ?? this.reached;
    return isBehind(position ?? '', this.reached);
  }

  /** Looks again and again whether the leader is there; where it does not answer, this tab takes its place. */
  private check(): void {
    this.heard = true;
    let asked = false;
    const again = (): void => {
      this.cancelCheck = this.host.setTimer(() => {
        const silent = !this.heard;
        if (silent && asked) this.queue({ steal: true });
        else if (silent) this.say({ say: 'ping' });
        asked = silent && !asked;
        this.heard = false;
        again();
      }, CHECK_MS);
    };
    again();
  }

  private say(message: TabMessage): void {
    this.channel.postMessage(message);
  }
}
