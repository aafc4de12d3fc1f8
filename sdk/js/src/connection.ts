/**
 * One event stream, kept open: connect, read, notice silence, try again.
 *
 * Owns the request, the watchdog and the retry timer. Invariants: at most one request is under way; what arrives from
 * an abandoned request is ignored; after `close` nothing happens any more. It knows nothing of what events mean.
 */

import { DEFAULT_RETRY_MS, fullJitter, isTemporary, retryAfter } from './backoff.ts';
import type { Host } from './host.ts';
import { type SseEvent, SseParser, SseTooLargeError } from './sse.ts';
import { LiveError, type LiveHeaders, type LiveOptions, type Problem } from './types.ts';

/** Who is told about the stream. */
export interface ConnectionOwner {
  /** The position to resume from. */
  position(): string | undefined;
  /** A try begins. */
  connecting(): void;
  /** The answer is a stream; `contentType` is that of the representation in it. */
  opened(contentType: string | null): void;
  /** Bytes were read. */
  read(bytes: number): void;
  /** An event was read. A {@link LiveError} thrown here ends this stream and leads to a retry. */
  event(event: SseEvent): void;
  /** All events that arrived together were handed over. */
  settled(): void;
  /** The stream is lost, or was refused. `retryAt` is undefined when the error is final. */
  failed(error: LiveError, retryAt: number | undefined, lastHeardAt: number): void;
}

/** A stream that has lasted this long was a success, and the next failure is a first one. */
const HEALTHY_MS = 5000;

/** A request under way, from `fetch` to the stream's end. */
interface Attempt {
  readonly abort: AbortController;
  openedAt: number | undefined;
}

/** Keeps one stream open until it is closed or finally refused. */
export class Connection {
  private attempt: Attempt | undefined;
  private closed = false;
  private failures = 0;
  private retryMs = DEFAULT_RETRY_MS;
  private lastHeardAt: number;
  private offlineAt: number | undefined;
  /** What a `Retry-After` forbids: trying before this. */
  private notBefore = 0;
  private cancelRetry: (() => void) | undefined;
  private cancelWatchdog: (() => void) | undefined;
  private readonly unlisten: () => void;
  private readonly silenceMs: number;
  private readonly maxRetryMs: number;
  private readonly maxEventLength: number;

  constructor(
    private readonly url: string,
    private readonly options: LiveOptions,
    private readonly host: Host,
    private readonly owner: ConnectionOwner,
  ) {
    this.silenceMs = options.silenceMs ?? 45_000;
    this.maxRetryMs = options.maxRetryMs ?? 30_000;
    this.maxEventLength = options.maxEventLength ?? 64 * 1024 * 1024;
    this.lastHeardAt = host.now();
    this.unlisten = host.network.listen((signal) => this.signal(signal));
  }

  /** Begins a try now, unless one is under way. */
  connect(): void {
    if (this.closed || this.attempt !== undefined) return;
    this.cancelRetry?.();
    this.cancelRetry = undefined;
    const attempt: Attempt = { abort: new AbortController(), openedAt: undefined };
    this.attempt = attempt;
    this.lastHeardAt = this.host.now();
    this.watch(this.silenceMs);
    this.owner.connecting();
    this.run(attempt).catch((error: unknown) => {
      if (this.attempt === attempt) this.fail(toLiveError(error), error instanceof Refusal ? error.waitMs : undefined);
    });
  }

  /** Ends everything, silently. */
  close(): void {
    this.closed = true;
    this.unlisten();
    this.cancelRetry?.();
    this.abandon();
  }

  private async run(attempt: Attempt): Promise<void> {
    const response = await this.request(attempt);
    if (this.attempt !== attempt) {
      discard(response.body);
      return;
    }
    const stream = await this.accept(response);
    if (this.attempt !== attempt) {
      discard(stream);
      return;
    }
    attempt.openedAt = this.host.now();
    this.owner.opened(response.headers.get('tidegate-content-type'));
    await this.pump(stream, attempt);
  }

  private async request(attempt: Attempt): Promise<Response> {
    const headers = new Headers(await this.headers());
    headers.set('Accept', 'text/event-stream');
    const position = this.owner.position();
    if (position !== undefined) headers.set('Last-Event-ID', position);
    const init: RequestInit = { headers, cache: 'no-store', signal: attempt.abort.signal };
    if (this.options.credentials !== undefined) init.credentials = this.options.credentials;
    return this.host.fetch(this.url, init);
  }

  private async headers(): Promise<LiveHeaders> {
    const { headers } = this.options;
    if (typeof headers !== 'function') return headers ?? {};
    try {
      return await headers();
    } catch (cause) {
      throw new LiveError('headers', 'the headers function failed', { cause });
    }
  }

  /** The stream of an acceptable answer. Throws what the answer means otherwise. */
  private async accept(response: Response): Promise<ReadableStream<Uint8Array>> {
    const { status } = response;
    if (status >= 400) {
      const problem = await readProblem(response);
      const waitMs = retryAfter(response.headers.get('retry-after'), this.host.now());
      throw new Refusal(status, problem, status === 429 || status === 503 ? waitMs : undefined);
    }
    const type = mediaType(response.headers.get('content-type'));
    if (status !== 200 || type !== 'text/event-stream' || response.body === null) {
      discard(response.body);
      const got = type === '' ? 'no content type' : type;
      throw new LiveError('not-a-stream', `the answer is ${status} with ${got}, not an event stream`, {
        final: true,
        httpStatus: status,
      });
    }
    return response.body;
  }

  private async pump(stream: ReadableStream<Uint8Array>, attempt: Attempt): Promise<void> {
    const parser = new SseParser(
      {
        event: (event) => {
          // An event's handler may have closed the resource; the rest of the chunk is then nobody's.
          if (this.attempt === attempt) this.owner.event(event);
        },
        retry: (ms) => {
          this.retryMs = ms;
        },
      },
      this.maxEventLength,
    );
    const reader = stream.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (this.attempt !== attempt) return;
        if (done) throw new LiveError('network', 'the gateway ended the stream');
        this.lastHeardAt = this.host.now();
        this.owner.read(value.byteLength);
        try {
          parser.push(value);
        } finally {
          // Also before a failure: what came before it in the same chunk is valid.
          if (this.attempt === attempt) this.owner.settled();
        }
        if (this.attempt !== attempt) return; // closed by whoever was told
      }
    } finally {
      reader.cancel().catch(() => undefined); // the stream may have failed already, which is why we are here
    }
  }

  private fail(error: LiveError, waitMs?: number): void {
    const { attempt, lastHeardAt } = this;
    const now = this.host.now();
    this.abandon();
    if (error.final) {
      this.close();
      this.owner.failed(error, undefined, lastHeardAt);
      return;
    }
    if (attempt?.openedAt !== undefined && now - attempt.openedAt >= HEALTHY_MS) this.failures = 0;
    const jitter = fullJitter(this.failures, this.retryMs, this.maxRetryMs, this.host.random());
    this.failures += 1;
    this.notBefore = now + (waitMs ?? 0);
    const delay = this.host.network.online() ? (waitMs ?? 0) + jitter : Math.max(waitMs ?? 0, this.maxRetryMs);
    this.retryIn(delay);
    this.owner.failed(error, now + delay, lastHeardAt);
  }

  private retryIn(ms: number): void {
    this.cancelRetry?.();
    this.cancelRetry = this.host.setTimer(() => this.connect(), ms);
  }

  private abandon(): void {
    this.cancelWatchdog?.();
    this.cancelWatchdog = undefined;
    const { attempt } = this;
    this.attempt = undefined; // first, so that the abort's own error is not taken for a failure
    attempt?.abort.abort();
  }

  /** One timer for the whole stream: when it fires, it looks how long the silence is, and sleeps for the rest. */
  private watch(ms: number): void {
    this.cancelWatchdog = this.host.setTimer(() => {
      const left = this.lastHeardAt + this.silenceMs - this.host.now();
      if (left > 0) this.watch(left);
      else this.fail(new LiveError('silence', `nothing arrived for ${this.silenceMs} ms`));
    }, ms);
  }

  private signal(signal: 'online' | 'offline' | 'visible'): void {
    const now = this.host.now();
    if (signal === 'offline') {
      // `offline` is a hint: a stream that still delivers is left alone, and tries go on, but seldom.
      this.offlineAt = now;
      if (this.attempt === undefined && this.cancelRetry !== undefined) this.retryIn(this.maxRetryMs);
      return;
    }
    const { offlineAt } = this;
    if (signal === 'online') this.offlineAt = undefined;
    if (this.attempt !== undefined) {
      // Timers stand still while a machine sleeps, and a socket may not have survived the way through `offline`.
      const silent = now - this.lastHeardAt >= this.silenceMs;
      const cut = signal === 'online' && offlineAt !== undefined && this.lastHeardAt <= offlineAt;
      if (!silent && !cut) return;
      this.fail(new LiveError('silence', 'the connection did not survive the pause'));
    }
    if (now >= this.notBefore) this.connect();
  }
}

/** An error status, with the wait that it asked for. */
class Refusal extends LiveError {
  constructor(
    status: number,
    problem: Problem | undefined,
    readonly waitMs: number | undefined,
  ) {
    const title = problem?.title ?? 'the gateway refused';
    super('http', `${title} (${status})`, { final: !isTemporary(status), httpStatus: status, problem });
  }
}

/** Lets go of a body that nobody will read; it may have failed already, and that is nobody's concern any more. */
function discard(body: ReadableStream<Uint8Array> | null): void {
  body?.cancel().catch(() => undefined);
}

async function readProblem(response: Response): Promise<Problem | undefined> {
  const type = mediaType(response.headers.get('content-type'));
  if (type !== 'application/problem+json' && type !== 'application/json') {
    discard(response.body);
    return undefined;
  }
  try {
    const problem: unknown = await response.json();
    return typeof problem === 'object' && problem !== null && !Array.isArray(problem) ? (problem as Problem) : undefined;
  } catch {
    return undefined; // the status says enough
  }
}

function toLiveError(error: unknown): LiveError {
  if (error instanceof LiveError) return error;
  if (error instanceof SseTooLargeError) return new LiveError('bad-data', error.message, { cause: error });
  return new LiveError('network', error instanceof Error ? error.message : 'the request failed', { cause: error });
}

/** The media type without its parameters, in lower case. */
export function mediaType(field: string | null): string {
  return field?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
