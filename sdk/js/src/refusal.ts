/** What an answer means that is not what was asked for. Loaded only when there is one. */

import { isFinal, retryAfter } from './backoff.ts';
import { isPlain } from './share.ts';
import { LiveError } from './types.ts';

/** The error that an answer stands for: the gateway's or the API's refusal, or a success of another kind. */
export async function refusal(response: Response, now: number): Promise<LiveError> {
  const { status, headers } = response;
  if (status < 400) {
    const message = `the answer is no event stream: ${status} ${headers.get('content-type') ?? ''}`;
    return new LiveError('not-a-stream', message, { final: true, httpStatus: status });
  }
  const problem: unknown = await response.json().catch(() => undefined); // where it is none, the status says enough
  const title = isPlain(problem) && typeof problem.title === 'string' ? problem.title : 'the gateway refused';
  return new LiveError('http', `${title} (${status})`, {
    final: isFinal(status),
    httpStatus: status,
    problem: isPlain(problem) ? problem : undefined,
    waitMs: retryAfter(headers.get('retry-after'), now),
  });
}
