/** Requests to a gateway, and how a wish is written in them. */

import type { Host } from './host.ts';
import { LiveError, type LiveHeaders, type LiveOptions, type SubscribeOptions } from './types.ts';

/**
 * Asks for `url` as the options wish.
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
  return host.fetch(withParameters(url, { select, mode, rate, 'max-age': maxAge, ...parameters }), {
    headers,
    // A stream is nothing to be kept. A read is asked for as it is: «no-store» would send `Cache-Control: no-cache`
    // (Fetch §4.6), and the API would be asked for each.
    cache: parameters ? 'default' : 'no-store',
    signal,
    ...(credentials && { credentials }),
  });
}

/** What to throw for an answer that is not what was asked for. */
export async function refused(response: Response, host: Host): Promise<LiveError> {
  const { refusal } = await import('./refusal.ts');
  return refusal(response, host.now());
}

/** The header fields that the options name, from their function where it is one. */
export async function headersOf({ headers }: SubscribeOptions): Promise<LiveHeaders> {
  try {
    return (await (typeof headers === 'function' ? headers() : headers)) ?? {};
  } catch (cause) {
    throw new LiveError('headers', undefined, { cause });
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
