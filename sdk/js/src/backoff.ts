/** When to try again: pure arithmetic, with time and randomness as arguments. */

/** The wait before the server has said anything about it. */
export const DEFAULT_RETRY_MS = 1000;

/** Full jitter: evenly spread between 0 and `base` doubled for each failed attempt, up to `cap`. */
export function fullJitter(attempt: number, base: number, cap: number, random: number): number {
  return Math.round(random * Math.min(cap, base * 2 ** Math.min(attempt, 30)));
}

/** No server's wish for a pause is obeyed for longer: an hour. */
const LONGEST_PAUSE_MS = 3_600_000;

/** The wait that a `Retry-After` field asks for, in ms (RFC 9110 §10.2.3); undefined where it is absent or malformed. */
export function retryAfter(field: string | null, now: number): number | undefined {
  const text = (field ?? '').trim();
  // All three date formats of RFC 9110 §5.6.7 begin with a day's name; `Date.parse` alone would take «-1» for a date.
  const ms = /^\d+$/.test(text) ? +text * 1000 : /^[A-Z][a-z]{2}/.test(text) ? Math.max(0, Date.parse(text) - now) : NaN;
  return Number.isNaN(ms) ? undefined : Math.min(ms, LONGEST_PAUSE_MS);
}

/** Whether an error status can be temporary. Other 4xx are answers, and asking again will not change them. */
export function isTemporary(status: number): boolean {
  return status >= 500 || [408, 425, 429].includes(status);
}
