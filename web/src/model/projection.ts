/**
 * What many viewers would cost a minute, from what one costs here.
 *
 * The formula, as the page states it: polling and refresh ask the API once for each viewer, so everything multiplies.
 * Live asks it once for all, so the API's side stays as measured, and what the gateway sends multiplies.
 */

import type { Way } from './market.ts';
import type { Counters } from './stats.ts';

/** Costs per minute. */
export interface Cost {
  readonly apiRequests: number;
  readonly apiBytes: number;
  readonly gatewayBytes: number;
}

/** The viewers one can choose from. */
export const VIEWERS = [1, 100, 1_000, 10_000] as const;

/** The cost of `viewers` reading in this way, from the counts that one viewer makes in a minute. */
export function project(way: Way, one: Counters, viewers: number): Cost {
  const api = way === 'live' ? 1 : viewers;
  return {
    apiRequests: one.market_requests * api,
    apiBytes: one.market_bytes * api,
    gatewayBytes: one.gateway_bytes * viewers,
  };
}
