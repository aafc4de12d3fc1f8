/**
 * Server-Sent Events, the parser (WHATWG HTML §9.2.6).
 *
 * Owns: bytes in, events out, whatever the chunking. Invariant: feeding the same bytes in any cuts gives the same
 * events in the same order. It knows nothing of connections, JSON or Tidegate's event names.
 */

import { LiveError } from './types.ts';

/** One dispatched event. */
export interface SseEvent {
  /** The `event` field, `message` where the stream named none. */
  readonly type: string;
  /** The `data` lines joined by LF. */
  readonly data: string;
  /** The event's own `id` field; undefined where it carried none. */
  readonly id: string | undefined;
}

/** What a parser reports while it is fed. */
export interface SseSink {
  /** Called for each dispatched event. */
  event(event: SseEvent): void;
  /** Called for each valid `retry` field, in milliseconds. */
  retry(ms: number): void;
}

/**
 * An incremental parser of one event stream: call the result with the next bytes. An event that the stream's end cuts
 * short is never dispatched. `limit` bounds the characters that one event may hold;
 * one that grows beyond it throws a `bad-data` error.
 */
export function sseParser(sink: SseSink, limit: number): (chunk: Uint8Array) => void {
  // The decoder drops one leading BOM, replaces invalid UTF-8, and holds back a code point cut by a chunk's end.
  const decoder = new TextDecoder();
  let pending = '';
  let afterCr = false;
  let type = '';
  let data: string[] = [];
  let size = 0;
  let id: string | undefined;

  const check = (more: number): void => {
    if (size + more > limit) throw new LiveError('bad-data', 'an event is too large');
  };

  const endLine = (line: string): void => {
    if (line === '') {
      const event = { type: type || 'message', data: data.join('\n'), id };
      // The standard's data buffer has an LF after each line: it is empty only where there was no `data` line at all.
      const dispatched = data.length > 0;
      type = '';
      data = [];
      size = 0;
      id = undefined;
      if (dispatched) sink.event(event);
      return;
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon); // empty: a comment, such as the heartbeat
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'event') type = value;
    else if (name === 'data') {
      data.push(value);
      size += value.length + 1;
      check(0);
    } else if (name === 'id') id = value.includes('\0') ? id : value;
    else if (name === 'retry' && /^\d+$/.test(value)) sink.retry(+value);
  };

  return (chunk) => {
    let text = decoder.decode(chunk, { stream: true });
    if (text === '') return;
    // The second half of a CRLF whose CR has already ended the line, in an earlier chunk.
    if (afterCr && text[0] === '\n') text = text.slice(1);
    afterCr = text.endsWith('\r');
    const lines = text.split(/\r\n?|\n/);
    const rest = lines.pop() as string; // `split` gives one piece at least
    for (const line of lines) {
      endLine(pending + line);
      pending = '';
    }
    pending += rest;
    check(pending.length);
  };
}
