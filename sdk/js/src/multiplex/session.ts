/**
 * The resources of one shared connection: who asks for what under which number, and whose a message is.
 *
 * Owns the numbers. Invariants: a number is one subscription's for as long as the connection lasts, and is never used
 * again on it; what comes for a number that nobody holds is ignored; each resource resumes from its own position; what
 * goes wrong with one resource does not touch the others. It knows nothing of sockets.
 */

import { fullJitter } from '../backoff.ts';
import type { Host } from '../host.ts';
import { headersOf } from '../request.ts';
import { isPlain } from '../share.ts';
import type { Sink } from '../sink.ts';
import { LiveError, type LiveTransport, type SubscribeOptions } from '../types.ts';
import { dataText, type Message, readMessage, type Request, type Subscribe } from './messages.ts';

/** One resource on the connection. */
export interface Subscription {
  readonly url: string;
  readonly options: SubscribeOptions;
  readonly sink: Sink;
  /** Its number, while it is asked for on the connection that there is. */
  number: number | undefined;
  /** Whether the representation is JSON. */
  json: boolean;
  failures: number;
  /** Set while it waits to be asked for again. */
  cancelRetry: (() => void) | undefined;
}

/** How requests get to the gateway while a connection lasts. */
export interface Wire {
  readonly transport: LiveTransport;
  send(requests: Request[]): void;
  retry(ms: number): void;
}

/** The longest and the first base of the wait before one resource is asked for again. */
const MAX_RETRY_MS = 30_000;
const RETRY_MS = 1000;

/** The subscriptions, whatever connection there is. */
export class Session {
  readonly subscriptions = new Set<Subscription>();
  private byNumber = new Map<number, Subscription>();
  private lastNumber = 0;
  private wire: Wire | undefined;

  constructor(
    private readonly host: Host,
    /** Header fields for every resource; its own win. */
    private readonly common: SubscribeOptions,
    /** Called when there is no resource any more. */
    private readonly idle: () => void,
  ) {}

  /** A connection begins: everything that is wanted, under new numbers. */
  async begin(): Promise<Subscribe[]> {
    this.drop();
    const wanted = [...this.subscriptions].filter((subscription) => !subscription.cancelRetry);
    const requests = await Promise.all(wanted.map((subscription) => this.ask(subscription)));
    return requests.filter((request) => request !== undefined);
  }

  /** The connection takes requests; `asked` are those of `begin` that are on their way. */
  ready(wire: Wire, asked: Subscribe[]): void {
    this.wire = wire;
    const left = asked.filter(({ sub }) => !this.byNumber.has(sub)).map(({ sub }) => ({ op: 'unsubscribe', sub }) as const);
    if (left.length > 0) wire.send(left);
    for (const subscription of this.subscriptions) this.subscribe(subscription);
  }

  /** The connection is no more. */
  drop(): void {
    this.wire = undefined;
    this.byNumber = new Map();
    this.lastNumber = 0;
    for (const subscription of this.subscriptions) subscription.number = undefined;
  }

  add(subscription: Subscription): void {
    this.subscriptions.add(subscription);
    this.subscribe(subscription);
  }

  remove(subscription: Subscription): void {
    subscription.cancelRetry?.();
    this.unsubscribe(subscription);
    if (this.subscriptions.delete(subscription) && this.subscriptions.size === 0) this.idle();
  }

  /** Takes one message. Throws where the connection cannot go on. */
  receive(text: string): void {
    const message = readMessage(text);
    if (message.retry !== undefined) this.wire?.retry(message.retry);
    if (message.sub === undefined) {
      if (message.event === 'error') throw new LiveError('protocol', `the gateway cannot read a message: ${title(message.data)}`);
      return; // the heartbeat, and what a later version may say
    }
    const subscription = this.byNumber.get(message.sub);
    if (subscription === undefined) return;
    const { sink } = subscription;
    sink.read(text.length);
    try {
      this.handle(subscription, message, text);
    } catch (error) {
      // A patch that does not fit, say: this resource alone begins anew.
      this.unsubscribe(subscription);
      this.retry(subscription, error as LiveError);
      return;
    }
    sink.settled();
  }

  private handle(subscription: Subscription, message: Message, text: string): void {
    const { sink, options } = subscription;
    const { event = '', data } = message;
    if (event === 'open') {
      const type = isPlain(data) && typeof data.content_type === 'string' ? data.content_type : null;
      subscription.json = type === null || /json *(;|$)/i.test(type);
      sink.opened(this.wire?.transport ?? 'websocket', type);
    } else if (event === 'error') {
      this.refused(subscription, data, message.retry_in_ms);
    } else if (event === 'end') {
      this.ended(subscription, isPlain(data) ? data.retry_in_ms : undefined);
    } else if (event === 'status') {
      subscription.failures = 0;
      sink.event(event, JSON.stringify(data), undefined);
    } else {
      const exact = options.parse !== undefined && subscription.json;
      sink.event(event, exact ? dataText(text, message) : '', message.id, exact ? undefined : () => data);
    }
  }

  private refused(subscription: Subscription, data: unknown, retryInMs: number | undefined): void {
    const problem = isPlain(data) ? data : undefined;
    const error = new LiveError('http', title(data), {
      final: retryInMs === undefined,
      httpStatus: typeof problem?.status === 'number' ? problem.status : undefined,
      problem,
    });
    this.free(subscription);
    if (!error.final) return this.retry(subscription, error, retryInMs);
    this.remove(subscription);
    subscription.sink.failed(error, undefined, this.host.now());
  }

  private ended(subscription: Subscription, retryInMs: unknown): void {
    this.free(subscription);
    const wait = typeof retryInMs === 'number' ? retryInMs : undefined;
    this.retry(subscription, new LiveError('network', 'the gateway ended the subscription'), wait);
  }

  /** Asks for it again after a while: after `waitMs`, where the gateway has said so. */
  private retry(subscription: Subscription, error: LiveError, waitMs?: number): void {
    const { host } = this;
    const ms = waitMs ?? fullJitter(subscription.failures, RETRY_MS, MAX_RETRY_MS, host.random());
    subscription.failures += 1;
    subscription.cancelRetry = host.setTimer(() => {
      subscription.cancelRetry = undefined;
      this.subscribe(subscription);
    }, ms);
    subscription.sink.failed(error, host.now() + ms, host.now());
  }

  private subscribe(subscription: Subscription): void {
    const { wire } = this;
    if (wire === undefined || subscription.number !== undefined || subscription.cancelRetry !== undefined) return;
    this.ask(subscription).then((request) => {
      if (request !== undefined && this.wire === wire && subscription.number === request.sub) {
        wire.send([{ op: 'subscribe', ...request }]);
      }
    });
  }

  /** Gives it a number, and says how it is asked for; undefined where its header fields cannot be had now. */
  private async ask(subscription: Subscription): Promise<Subscribe | undefined> {
    const { url, options, sink } = subscription;
    const sub = ++this.lastNumber;
    const { byNumber } = this;
    subscription.number = sub;
    byNumber.set(sub, subscription);
    sink.connecting();
    let headers: Record<string, string>;
    try {
      headers = { ...(await headersOf(this.common)), ...(await headersOf(options)) };
    } catch (error) {
      if (subscription.number !== sub || this.byNumber !== byNumber) return undefined;
      this.free(subscription);
      this.retry(subscription, error as LiveError);
      return undefined;
    }
    const { mode, select, rate, maxAge } = options;
    const id = sink.position();
    return {
      sub,
      url,
      ...(id && { id }),
      ...(mode && { mode }),
      ...(select && { select }),
      ...(rate && { rate }),
      ...(maxAge && { max_age: maxAge }),
      ...(Object.keys(headers).length > 0 && { headers }),
    };
  }

  private unsubscribe(subscription: Subscription): void {
    const sub = this.free(subscription);
    if (sub !== undefined) this.wire?.send([{ op: 'unsubscribe', sub }]);
  }

  private free(subscription: Subscription): number | undefined {
    const { number } = subscription;
    subscription.number = undefined;
    if (number !== undefined) this.byNumber.delete(number);
    return number;
  }
}

function title(problem: unknown): string {
  return isPlain(problem) && typeof problem.title === 'string' ? problem.title : 'refused';
}
