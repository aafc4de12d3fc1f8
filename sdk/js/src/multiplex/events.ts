/** A shared connection over one event stream: `/.tidegate/events`, and requests to change it while it runs. */

import type { Attempt } from '../connection.ts';
import type { Host } from '../host.ts';
import { refusal } from '../refusal.ts';
import { sseParser } from '../sse.ts';
import { type ConnectOptions, LiveError } from '../types.ts';
import { type Request, readMessage } from './messages.ts';
import type { Session } from './session.ts';

const MAX_EVENT_LENGTH = 64 * 1024 * 1024;

/** Reads until the stream is lost, which rejects. `opened` is called when the gateway has accepted. */
export async function overEvents(
  url: string,
  session: Session,
  options: ConnectOptions,
  host: Host,
  { signal, heard, retry }: Attempt,
  opened: () => void,
): Promise<void> {
  const post = async (to: string, body: unknown, accept: string): Promise<Response> => {
    const response = await host.fetch(to, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: accept },
      body: JSON.stringify(body),
      cache: 'no-store',
      signal,
      ...(options.credentials && { credentials: options.credentials }),
    });
    if (response.ok) return response;
    throw await refusal(response, host.now());
  };

  await undefined; // so that resources that are opened together are asked for together
  const asked = await session.begin();
  heard();
  const response = await post(url, asked, 'text/event-stream');
  heard();
  const { body, headers } = response;
  if (!body || !/^text\/event-stream *(;|$)/i.test(headers.get('content-type') ?? '')) {
    throw await refusal(response, host.now());
  }
  opened();

  let failed: (error: unknown) => void;
  const lost = new Promise<never>((_, reject) => (failed = reject));
  lost.catch(() => undefined); // it is raced with below, and may fail when nobody waits any more
  /** Requests go one after the other: their order matters. */
  let queue: Promise<unknown> = Promise.resolve();
  const push = sseParser(
    (type, data) => {
      if (signal.aborted) return;
      if (type === 'open') {
        const { stream } = readMessage(data) as { stream?: unknown };
        const control = `${url}/${encodeURIComponent(`${stream}`)}`;
        const send = (requests: Request[]): void => {
          queue = queue.then(() => (signal.aborted ? undefined : post(control, requests, '*/*'))).catch(fail);
        };
        session.ready({ transport: 'shared-stream', send, retry }, asked);
      } else if (type === 'message') session.receive(data);
    },
    retry,
    options.maxEventLength ?? MAX_EVENT_LENGTH,
  );
  // A change that did not arrive would leave the gateway and us of two minds: everything begins anew.
  const fail = (error: unknown): void =>
    failed(error instanceof LiveError && error.final ? new LiveError('network', error.message, { cause: error }) : error);

  const reader = body.getReader();
  for (;;) {
    const { done, value } = await Promise.race([reader.read(), lost]);
    heard();
    if (done) throw new LiveError('network', 'the gateway ended the stream');
    push(value);
  }
}
