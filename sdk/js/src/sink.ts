/** Between what brings a resource (a transport) and what keeps it (the store). */

import type { LiveError, LiveTransport } from './types.ts';

/** Who takes what a transport brings of one resource. */
export interface Sink {
  /** The position to resume from. */
  position(): string | undefined;
  /** A try begins. */
  connecting(): void;
  /** Data is about to come; `contentType` is that of the representation. */
  opened(transport: LiveTransport, contentType: string | null): void;
  /** Bytes were read. */
  read(bytes: number): void;
  /**
   * An event was read. An error thrown here ends the attempt and leads to a retry. Nothing counts after the end.
   * `read` gives the value of a snapshot or patch where that has been read already.
   */
  event(type: string, data: string, id: string | undefined, read?: () => unknown): void;
  /** All events that arrived together were handed over. */
  settled(): void;
  /** It is lost, or was refused. `retryAt` is undefined when nothing will be tried by itself. */
  failed(error: LiveError, retryAt: number | undefined, lastHeardAt: number): void;
  /** It has come to its end, as it should. */
  ended(): void;
}

/** Brings a resource to a sink until it is closed. It calls nothing of the sink but `connecting` before it returns. */
export type Transport = (sink: Sink) => { close(): void };
