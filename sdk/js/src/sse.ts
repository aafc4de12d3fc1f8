/**
 * Server-Sent Events, the parser (WHATWG HTML §9.2.6).
 *
 * Owns: bytes in, events out, whatever the chunking. Invariant: feeding the same bytes in any cuts gives the same
 * events in the same order. It knows nothing of connections, JSON or Tidegate's event names.
 */

import { LiveError } from './types.ts';

/**
 * An incremental parser of one event stream: call the result with the next bytes. `onEvent` is called for each event
 * with its name (`message` where it has none), its data lines joined by LF, and its own id; `onRetry` for each valid
 * `retry` field. An event that the stream's end cuts short is never dispatched. `limit` bounds the characters that one event may hold;
 * one that grows beyond it throws a `bad-data` error.
 */
export function sseParser(
  onEvent: (type: string, data: string, id: string | undefined) => void,
  onRetry: (ms: number) => void,
  limit: number,
): (chunk: Uint8Array) => void {
  // The decoder drops one leading BOM, replaces invalid UTF-8, and holds back a code point cut by a chunk's end.
  const decoder = new TextDecoder();
  let pending = '';
  let afterCr = false;
  let type = '';
  let data: string | undefined;
  let id: string | undefined;

  const check = (): void => {
    if ((data ?? '').length + pending.length > limit) throw new LiveError('bad-data', 'too large');
  };

  const endLine = (line: string): void => {
    if (line === '') {
      const [kind, text, own] = [type || 'message', data, id];
      type = '';
      data = id = undefined;
      // The standard's data buffer has an LF after each line: it is empty only where there was no `data` line at all.
      if (text !== undefined) onEvent(kind, text, own);
      return;
    }
    const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []; // without a name: a comment, the heartbeat
    if (name === 'event') type = value;
    else if (name === 'data') {
      data = data === undefined ? value : `${data}\n${value}`;
      check();
    } else if (name === 'id' && !value.includes('\0')) id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) onRetry(+value);
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
    check();
  };
}
