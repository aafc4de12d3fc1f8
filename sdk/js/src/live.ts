/** The package's one verb. */

import { hostOf } from './host.ts';
import { type Live, store } from './store.ts';
import { stream } from './stream.ts';
import type { LiveOptions } from './types.ts';

/** Opens `url` as a live resource and keeps it current until it is closed. Throws where an option is not valid. */
export function live<T = unknown>(url: string | URL, options: LiveOptions = {}): Live<T> {
  return store<T>(options, stream(`${url}`, options, hostOf(options)));
}
