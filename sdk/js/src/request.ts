/** Requests to a gateway: how a wish is written, and what an answer that is none means. */

import { isFinal, retryAfter } from './backoff.ts';
import type { Host } from './host.ts';
import { isPlain } from './share.ts';
import { LiveError, type LiveHeaders, type LiveOptions, type SubscribeOptions } from './types.ts';

/**
 * Asks for `url` as the options wish. Throws what an answer means that is no success.
 *
 * The wish goes in the gateway's query parameters, not in header fields: they hold any text, need no preflight
 * (Fetch §2.2.2), and a cache on the way knows the answers apart without a `Vary`.
 */
export async function request(
  url: string,
  options: LiveOptions,
  host: Host,
  signal: AbortSignal,
  accept: string,
  position?: string,
  parameters?: Record<string, unknown>,
): Promise<Response> {
  const headers = new Headers(await headersOf(options));
  headers.set('accept', accept);
  if (position) headers.set('last-event-id', position);
  const { select, mode, rate, maxAge, credentials } = options;
  const response = await host.fetch(withParameters(url, { select, mode, rate, 'max-age': maxAge, ...parameters }), {
    headers,
    cache: 'no-store',
    signal,
    ...(credentials && { credentials }),
  });
  const { status } = response;
  if (status < 400) return response;
  const problem = await response.json().catch(() => undefined);
  throw new LiveError('http', `${problem?.title ?? 'refused'} (${status})`, {
    final: isFinal(status),
    httpStatus: status,
    problem: isPlain(problem) ? problem : undefined,
    waitMs: retryAfter(response.headers.get('retry-after'), host.now()),
  });
}

/** The header fields that the options name, from their function where it is one. */
export async function headersOf({ headers }: SubscribeOptions): Promise<LiveHeaders> {
  try {
    return (await (typeof headers === 'function' ? headers() : headers)) ?? {};
  } catch (cause) {
    throw new LiveError('headers', 'the headers function threw', { cause });
  }
}

/** `url` with the gateway's own parameters; those without a value are left out. */
export function withParameters(url: string, parameters: Record<string, unknown>): string {
  let [target = ''] = url.split('#');
  for (const [name, value] of Object.entries(parameters)) {
    if (value) target += `${target.includes('?') ? '&' : '?'}tidegate.${name}=${encodeURIComponent(`${value}`)}`;
  }
  return target;
}
