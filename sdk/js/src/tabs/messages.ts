/** What the tabs of a site say to each other about one resource. */

import { LiveError, type LiveErrorCode, type LiveState, type LiveTransport, type Problem } from '../types.ts';

/** A call that the leader's connection made, for the followers to make, too. */
export type Call =
  | { readonly call: 'connecting' }
  | { readonly call: 'opened'; readonly transport: LiveTransport; readonly contentType: string | null }
  | {
      readonly call: 'event';
      readonly kind: string;
      readonly text: string;
      readonly id: string | undefined;
      /** The position that a patch follows. */
      readonly from: string | undefined;
      /** Its value, where it was read already. */
      readonly value?: { readonly read: unknown };
    }
  | { readonly call: 'failed'; readonly error: PlainError; readonly retryAt: number | undefined; readonly heardAt: number }
  | { readonly call: 'ended' };

/** A {@link LiveError} as it can be sent. */
export interface PlainError {
  readonly code: LiveErrorCode;
  readonly message: string;
  readonly final: boolean;
  readonly httpStatus: number | undefined;
  readonly problem: Problem | undefined;
}

/** `leader` is the id of the tab that says it, where only a leader says it. */
export type TabMessage =
  /** A follower asks how things stand. */
  | { readonly say: 'hello'; readonly from: string }
  /** The answer: the leader's view, and the media type of what is in it. */
  | {
      readonly say: 'welcome';
      readonly leader: string;
      readonly to: string;
      readonly state: LiveState<unknown>;
      readonly contentType: string | null;
    }
  /** A tab has become the leader. */
  | { readonly say: 'lead'; readonly leader: string }
  /** What came together over the leader's connection. */
  | { readonly say: 'calls'; readonly leader: string; readonly calls: readonly Call[] }
  /** A follower has heard nothing for a while. */
  | { readonly say: 'ping' }
  | { readonly say: 'here'; readonly leader: string; readonly position: string | undefined };

export function toPlain({ code, message, final, httpStatus, problem }: LiveError): PlainError {
  return { code, message, final, httpStatus, problem };
}

export function fromPlain({ code, message, ...details }: PlainError): LiveError {
  return new LiveError(code, message, details);
}
