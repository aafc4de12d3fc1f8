/**
 * Server-Sent Events, the parser (WHATWG HTML §9.2.6).
 *
 * Owns: bytes in, events out, whatever the chunking. Invariant: feeding the same bytes in any cuts gives the same
 * events in the same order. It knows nothing of connections, JSON or Tidegate's event names.
 */

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

/** Thrown when one event grows beyond the limit given to the parser. */
export class SseTooLargeError extends Error {
  constructor(limit: number) {
    super(`an event is larger than ${limit} characters`);
    this.name = 'SseTooLargeError';
  }
}

const CR = 13;
const LF = 10;

/** An incremental parser of one event stream. An event that the stream's end cuts short is never dispatched. */
export class SseParser {
  // The decoder drops one leading BOM, replaces invalid UTF-8, and holds back a code point cut by a chunk's end.
  private readonly decoder = new TextDecoder('utf-8');
  private line = '';
  private skipLineFeed = false;
  private type = '';
  private data: string[] = [];
  private size = 0;
  private id: string | undefined;

  /** `limit` bounds the characters that one event may hold. */
  constructor(
    private readonly sink: SseSink,
    private readonly limit: number,
  ) {}

  /** Feeds the next bytes of the stream. */
  push(chunk: Uint8Array): void {
    const text = this.decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit === LF && this.skipLineFeed) {
        // The second half of a CRLF whose CR has already ended the line, perhaps in an earlier chunk.
        this.skipLineFeed = false;
        start = at + 1;
        continue;
      }
      this.skipLineFeed = false;
      if (unit !== LF && unit !== CR) continue;
      const line = this.line + text.slice(start, at);
      this.line = '';
      start = at + 1;
      this.skipLineFeed = unit === CR;
      this.endLine(line);
    }
    this.line += text.slice(start);
    if (this.size + this.line.length > this.limit) throw new SseTooLargeError(this.limit);
  }

  private endLine(line: string): void {
    if (line === '') {
      this.dispatch();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment: the heartbeat
    if (colon === -1) {
      this.field(line, '');
      return;
    }
    const value = line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1);
    this.field(line.slice(0, colon), value);
  }

  private field(name: string, value: string): void {
    switch (name) {
      case 'event':
        this.type = value;
        break;
      case 'data':
        this.data.push(value);
        this.size += value.length + 1;
        if (this.size > this.limit) throw new SseTooLargeError(this.limit);
        break;
      case 'id':
        if (!value.includes('\0')) this.id = value;
        break;
      case 'retry':
        if (/^[0-9]+$/.test(value)) this.sink.retry(Number(value));
        break;
    }
  }

  private dispatch(): void {
    const { type, data, id } = this;
    this.type = '';
    this.data = [];
    this.size = 0;
    this.id = undefined;
    // The standard's data buffer has an LF after each line: it is empty only where there was no `data` line at all.
    if (data.length > 0) this.sink.event({ type: type === '' ? 'message' : type, data: data.join('\n'), id });
  }
}
