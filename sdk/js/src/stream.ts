/**
 * An event stream of one resource, kept open.
 *
 * Where something on the way holds it back (a proxy that buffers), the resource is read by long-polling instead, and
 * the stream is tried again from time to time. The gateway's first event comes right after its head, so a stream
 * without a byte is not a slow one.
 */

import { keep, type Way } from './connection.ts';
import type { Host } from './host.ts';
import { discard, mediaType, request } from './request.ts';
import type { Transport } from './sink.ts';
import { sseParser } from './sse.ts';
import { LiveError, type LiveOptions } from './types.ts';

/** The transport of one resource over a stream of its own. */
export function stream(url: string, options: LiveOptions, host: Host): Transport {
  const { bufferedMs = 5000, maxEventLength = 64 * 1024 * 1024, mode } = options;
  return (sink) => {
    /** How many streams in a row were held back. */
    let heldBack = 0;

    const read: Way = async ({ signal, opened, heard, retry }) => {
      let waiting = true;
      const cancel = host.setTimer(() => {
        // Loaded only where it is needed. Where that fails, the silence grows until the watchdog ends it.
        import('./long-poll.ts').then(
          ({ longPoll }) => {
            if (!waiting || signal.aborted) return;
            heldBack += 1;
            connection.use(longPoll(url, options, host, sink, heldBack, () => connection.use(read)));
          },
          () => undefined,
        );
      }, bufferedMs);
      signal.addEventListener('abort', cancel);

      const response = await request(url, options, host, signal, 'text/event-stream', { 'last-event-id': sink.position() });
      const { status, body, headers } = response;
      if (signal.aborted) return discard(body);
      if (status === 204) return sink.ended(); // there is nothing more to come
      const type = mediaType(headers.get('content-type'));
      if (status !== 200 || type !== 'text/event-stream' || !body) {
        discard(body);
        throw new LiveError('not-a-stream', `the answer is no event stream: ${status} ${type}`, { final: true, httpStatus: status });
      }
      opened();
      const push = sseParser(
        {
          // An event's handler may have closed the resource; the rest of the chunk is then nobody's.
          event: ({ type: kind, data, id }) => signal.aborted || sink.event(kind, data, id),
          retry,
        },
        maxEventLength,
      );
      const reader = body.getReader();
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (signal.aborted) return;
          if (done) throw new LiveError('network', 'the gateway ended the stream');
          heard();
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
            // Also before a failure: what came before it in the same chunk is valid.
            if (!signal.aborted) sink.settled();
          }
          if (signal.aborted) return; // closed by whoever was told
          if (mode === 'first' && sink.position()) return sink.ended();
        }
      } finally {
        reader.cancel().catch(() => undefined); // the stream may have failed already, which is why we are here
      }
    };

    const connection = keep(read, options, host, sink);
    return connection;
  };
}
