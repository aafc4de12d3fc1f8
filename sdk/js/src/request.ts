/** Requests to a gateway: how a wish is written, and what an answer that is none means. */

import { isTemporary, retryAfter } from './backoff.ts';
import type { Host } from './host.ts';
import { isPlain } from './share.ts';
import { LiveError, type LiveHeaders, type LiveOptions, type SubscribeOptions } from './types.ts';

/** Asks for `url` as the options wish. Throws what an answer means that is no success. */
export async function request(
  url: string,
  options: LiveOptions,
  host: Host,
  signal: AbortSignal,
  accept: string,
  more: Record<string, string | undefined> = {},
): Promise<Response> {
  const headers = new Headers(await headersOf(options));
  const { select, mode, rate, maxAge, credentials } = options;
  const plain = !select || /^[!-~]+$/.test(select);
  const fields = {
    accept,
    'tidegate-select': plain ? select : '',
    'tidegate-mode': mode,
    'tidegate-rate': rate,
    'cache-control': maxAge && `max-age=${maxAge}`,
    ...more,
  };
  for (const [name, value] of Object.entries(fields)) if (value) headers.set(name, value);
  const response = await host.fetch(
    // A header field holds no more than ASCII, and no white space at its ends.
    plain ? url : withParameters(url, { select }),
    { headers, cache: 'no-store', signal, ...(credentials && { credentials }) },
  );
  const { status } = response;
  if (status < 400) return response;
  const problem = await response.json().catch(() => undefined);
  throw new LiveError('http', `${problem?.title ?? 'refused'} (${status})`, {
    final: !isTemporary(status),
    httpStatus: status,
    problem: isPlain(problem) ? problem : undefined,
    waitMs: status === 429 || status === 503 ? retryAfter(response.headers.get('retry-after'), host.now()) : undefined,
  });
}

/** The header fields that the options name, from their function where it is one. */
export async function headersOf({ headers }: SubscribeOptions): Promise<LiveHeaders> {
  try {
    return (await (typeof headers === 'function' ? headers() : headers)) ?? {};
  } catch (cause) {
    throw new LiveError('headers', 'the headers function failed', { cause });
  }
}

/** `url` with the gateway's own parameters; those without a value are left out. */
export function withParameters(url: string, parameters: Record<string, string | undefined>): string {
  let [target = ''] = url.split('#');
  for (const [name, value] of Object.entries(parameters)) {
    if (value) target += `${target.includes('?') ? '&' : '?'}tidegate.${name}=${encodeURIComponent(value)}`;
  }
  return target;
}

/** The answer's body is not wanted; it may have failed already, and that is nobody's concern any more. */
export function discard(body: ReadableStream<Uint8Array> | null | undefined): void {
  body?.cancel().catch(() => undefined);
}

/** The media type without its parameters, in lower case. */
export function mediaType(field: string | null): string {
  return (field ?? '').split(';')[0]!.trim().toLowerCase();
}
