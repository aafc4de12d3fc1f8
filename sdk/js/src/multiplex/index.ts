/**
 * `tidegate/multiplex`: several resources over one connection. A WebSocket where it opens, else one event stream.
 *
 * The connection lasts while there are resources on it. Each of them is a `Live` like any other, resumes from its own
 * position, and fails or ends without the others.
 */

import { type Connection, keep, type Way } from '../connection.ts';
import { hostOf } from '../host.ts';
import { mergePatch } from '../merge.ts';
import type { Transport } from '../sink.ts';
import { type Live, store } from '../store.ts';
import type { ConnectOptions, SubscribeOptions } from '../types.ts';
import { APPLY } from '../version.ts';
import { overEvents } from './events.ts';
import { Session, type Subscription } from './session.ts';
import { NeverOpenedError, overSocket, type SocketConstructor } from './socket.ts';

export type { Live } from '../store.ts';
export type { ConnectOptions, SubscribeOptions } from '../types.ts';
export type { Socket, SocketConstructor } from './socket.ts';

/** Options of {@link connect}. */
export interface MultiplexOptions extends ConnectOptions {
  /** Header fields for every resource, as if each request had them; a resource's own win. */
  readonly headers?: SubscribeOptions['headers'];
  /** Replaces the global `WebSocket`; `false` for event streams only. */
  readonly WebSocket?: SocketConstructor | false;
}

/** A shared connection to one gateway. */
export interface Multiplexer {
  /** Opens a resource of the gateway: its path and query, or its URL. */
  live<T = unknown>(url: string | URL, options?: SubscribeOptions): Live<T>;
  /** The transport of such a resource, for whoever keeps it in another way (`tidegate/tabs`). */
  transport(url: string | URL, options?: SubscribeOptions): Transport;
  /** Closes all of them. */
  close(): void;
}

/** Where WebSockets did not get through, they are not tried again for so long. */
const BLOCKED_FOR_MS = 600_000;

/** A shared connection to the gateway at `gateway`; it is made when it is first needed. */
export function connect(gateway: string | URL, options: MultiplexOptions = {}): Multiplexer {
  APPLY.merge = mergePatch;
  const host = hostOf(options);
  const { headers, WebSocket: _, ...shared } = options;
  const base = new URL(gateway, globalThis.location?.href);
  const socketUrl = new URL('/.tidegate/ws', base);
  socketUrl.protocol = base.protocol.replace('http', 'ws');
  const eventsUrl = new URL('/.tidegate/events', base);
  const session = new Session(host, { ...(headers && { headers }) }, () => {
    connection?.close();
    connection = undefined;
    session.drop();
  });
  let connection: Connection | undefined;
  let blockedUntil = 0;

  const way: Way = async (attempt) => {
    const make = options.WebSocket ?? (globalThis.WebSocket as unknown as SocketConstructor | undefined);
    let missed = false;
    if (make && host.now() >= blockedUntil) {
      try {
        return await overSocket(make, socketUrl.href, session, host, attempt);
      } catch (error) {
        if (!(error instanceof NeverOpenedError)) throw error;
        missed = true;
      }
    }
    // Either nobody is there, which this will tell, too, or only WebSockets do not get through.
    await overEvents(eventsUrl.href, session, options, host, attempt, () => {
      if (missed) blockedUntil = host.now() + BLOCKED_FOR_MS;
    });
  };

  const each = (tell: (subscription: Subscription) => void): void => [...session.subscriptions].forEach(tell);

  const open = (): Connection =>
    keep(way, options, host, {
      connecting: () => each(({ sink }) => sink.connecting()),
      failed(error, retryAt, lastHeardAt) {
        session.drop();
        each((subscription) => {
          if (error.final) session.remove(subscription);
          subscription.sink.failed(error, retryAt, lastHeardAt);
        });
      },
    });

  const transport = (url: string | URL, own: SubscribeOptions = {}): Transport => {
    const target = new URL(url, base);
    if (target.origin !== base.origin) throw new TypeError(`${target.origin} is not the gateway ${base.origin}`);
    return (sink) => {
      const subscription: Subscription = {
        url: target.pathname + target.search,
        options: own,
        sink,
        number: undefined,
        json: true,
        failures: 0,
        cancelRetry: undefined,
      };
      session.add(subscription);
      connection ??= open();
      return { close: () => session.remove(subscription) };
    };
  };

  return {
    live: <T>(url: string | URL, own: SubscribeOptions = {}) => store<T>({ ...shared, ...own }, transport(url, own)),
    transport,
    close: () => each(({ sink }) => sink.ended()),
  };
}
