/** A shared connection over WebSocket (RFC 6455): `/.tidegate/ws`, subprotocol `tidegate.v1`. */

import type { Attempt } from '../connection.ts';
import type { Host } from '../host.ts';
import { LiveError } from '../types.ts';
import type { Session } from './session.ts';

/** What is needed of a WebSocket: the browser's, Node's (22 or newer), or that of the package `ws`. */
export interface Socket {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** Makes sockets. */
export type SocketConstructor = new (url: string, protocol: string) => Socket;

/** Thrown where the WebSocket did not open at all: something on the way may not let it through. */
export class NeverOpenedError extends Error {}

/** A WebSocket that has not opened for so long is not waited for. */
const OPEN_WITHIN_MS = 10_000;

/** RFC 6455 §7.4.1: what the other side holds against us, and would again. */
const FINAL_CODES = [1002, 1003, 1007, 1008, 1009];

/** Reads until the connection is lost, which rejects. */
export function overSocket(
  make: SocketConstructor,
  url: string,
  session: Session,
  host: Host,
  { signal, heard, retry }: Attempt,
): Promise<never> {
  return new Promise<never>((_, reject) => {
    const socket = new make(url, 'tidegate.v1');
    let opened = false;
    const cancel = host.setTimer(() => end(new NeverOpenedError()), OPEN_WITHIN_MS);
    const end = (error: unknown): void => {
      cancel();
      socket.onopen = socket.onmessage = socket.onclose = null;
      reject(error);
      socket.close(1000);
    };
    signal.addEventListener('abort', () => end(signal.reason));

    socket.onopen = () => {
      opened = true;
      cancel();
      heard();
      session.begin().then((asked) => {
        if (signal.aborted) return;
        const send = (requests: object[]): void => {
          for (const request of requests) socket.send(JSON.stringify(request));
        };
        send(asked.map((request) => ({ op: 'subscribe', ...request })));
        session.ready({ transport: 'websocket', send, retry }, asked);
      }, end);
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      try {
        heard();
        if (typeof data === 'string') session.receive(data);
      } catch (error) {
        end(error);
      }
    };
    socket.onerror = () => undefined; // `close` follows, and says more
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      if (!opened) return end(new NeverOpenedError());
      const final = FINAL_CODES.includes(code);
      end(
        new LiveError(final ? 'protocol' : 'network', `the connection was closed: ${code} ${reason}`, {
          final,
          waitMs: retryIn(reason),
        }),
      );
    };
  });
}

/** When the gateway wants us back, which 1012 and 1013 say in their reason. */
function retryIn(reason: string): number {
  try {
    const { retry_in_ms: ms } = JSON.parse(reason) as { retry_in_ms?: unknown };
    return typeof ms === 'number' && ms > 0 ? ms : 0;
  } catch {
    return 0; // no JSON: words for people
  }
}
