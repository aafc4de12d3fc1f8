/** The JSON messages of shared connections (docs/PROTOCOL.md): what is asked for, and what comes. */

import { isPlain } from '../share.ts';
import { LiveError } from '../types.ts';

/** A wish for one resource; `sub` is its number on this connection. */
export interface Subscribe {
  readonly sub: number;
  readonly url: string;
  readonly id?: string;
  readonly mode?: string;
  readonly select?: string;
  readonly rate?: string;
  readonly max_age?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What can be asked while the connection lasts. */
export type Request = ({ readonly op: 'subscribe' } & Subscribe) | { readonly op: 'unsubscribe'; readonly sub: number };

/** A message of the gateway. */
export interface Message {
  readonly sub?: number;
  readonly event?: string;
  readonly id?: string;
  readonly data?: unknown;
  readonly retry?: number;
  readonly retry_in_ms?: number;
}

/** The message in a text. */
export function readMessage(text: string): Message {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (cause) {
    throw new LiveError('bad-data', 'a message cannot be parsed', { cause });
  }
  if (!isPlain(message)) throw new LiveError('bad-data', 'a message is no object');
  return message;
}

/**
 * The text of a message's data, for a `parse` that wants the digits as they were sent. Members come in the protocol's
 * order; where they should not, the digits are those of a double.
 */
export function dataText(text: string, message: Message): string {
  return (
    /^\{"sub":\d+,\s*"event":"\w+"(?:,"id":"[^"\\]*")?,"data":(.*)\}\s*$/s.exec(text)?.[1] ?? JSON.stringify(message.data)
  );
}
