/**
 * An event stream of one resource, kept open.
 *
 * Where something on the way holds it back (a proxy that buffers), the resource is read by long-polling instead, and
 * the stream is tried again from time to time. The gateway's first event comes right after its head, so a stream
 * without a byte is not a slow one.
 */

import { keep, type Way } from './connection.ts';
import type { Host } from './host.ts';
import { refused, request } from './request.ts';
import type { Transport } from './sink.ts';
import { sseParser } from './sse.ts';
import { LiveError, type LiveOptions } from './types.ts';
import { APPLY } from './version.ts';

/** The transport of one resource over a stream of its own. */
export function stream(url: string, options: LiveOptions, host: Host): Transport {
  const { bufferedMs = 5000, maxEventLength = 64 * 1024 * 1024 } = options;
  return (sink) => {
    /** How many streams in a row were held back. */
    let heldBack = 0;

    const read: Way = async ({ signal, heard, retry }) => {
      let waiting = true;
      const cancel = host.setTimer(() => {
        // Loaded only where it is needed. Where that fails, the silence grows until the watchdog ends it.
        import('./long-poll.ts').then(
          ({ longPoll }) => {
            if (!waiting || signal.aborted) return;
            connection.use(longPoll(url, options, host, sink, ++heldBack, () => connection.use(read)));
          },
          () => undefined,
        );
      }, bufferedMs);
      signal.addEventListener('abort', cancel);

      // A body that is not wanted any more needs no care: whatever leaves the attempt aborts the request.
      if (options.mode === 'merge') APPLY.merge = (await import('./merge.ts')).mergePatch;
      const response = await request(url, options, host, signal, 'text/event-stream', sink.position());
      signal.throwIfAborted();
      const { status, body, headers } = response;
      if (status === 204) return sink.ended(); // there is nothing more to come
      const type = headers.get('content-type') ?? '';
      if (status !== 200 || !/^text\/event-stream *(;|$)/i.test(type) || !body) throw await refused(response, host);
      const push = sseParser(sink.event, retry, maxEventLength);
      const reader = body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        heard();
        if (done) throw new LiveError('network', 'stream ended');
        if (waiting) {
          waiting = false;
          heldBack = 0;
          cancel();
          sink.opened('stream', headers.get('tidegate-content-type'));
        }
        sink.read(value.byteLength);
        try {
          push(value);
        } finally {
          sink.settled(); // also before a failure: what came before it in the same chunk is valid
        }
      }
    };

    const connection = keep(read, options, host, sink);
    return connection;
  };
}
