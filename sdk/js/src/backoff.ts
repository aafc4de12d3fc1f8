/** When to try again: pure arithmetic, with time and randomness as arguments. */

/** The wait before the server has said anything about it. */
export const DEFAULT_RETRY_MS = 1000;

/** Full jitter: evenly spread between 0 and `base` doubled for each failed attempt, up to `cap`. */
export function fullJitter(attempt: number, base: number, cap: number, random: number): number {
  return Math.round(random * Math.min(cap, base * 2 ** attempt));
}

/** No server's wish for a pause is obeyed for longer: an hour. */
const LONGEST_PAUSE_MS = 3_600_000;

/** The wait that a `Retry-After` field asks for, in ms (RFC 9110 §10.2.3); 0 where it is absent or malformed. */
export function retryAfter(field: string | null, now: number): number {
  const text = field ?? '';
  // What is no date may be one to `Date.parse`, but then one in the past: «-1», «1.5».
  const ms = /^ *\d+ *$/.test(text) ? +text * 1000 : Date.parse(text) - now;
  return Math.min(Math.max(0, ms || 0), LONGEST_PAUSE_MS);
}

/** Whether an error status is an answer, which asking again will not change, and not a temporary one. */
export function isFinal(status: number): boolean {
  return status < 500 && ![408, 425, 429].includes(status);
}
