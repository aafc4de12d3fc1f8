/** Options are checked when they are given: a mistake in them is an exception there, not a refusal later. */

import type { LiveOptions } from './types.ts';

/** How each is written; what more there is to say (is the JSONPath one, is the rate too high) the gateway knows. */
const RULES: Record<string, RegExp> = {
  select: /^($|[/$])/,
  mode: /^(patch|merge|snapshot|first)$/,
  rate: /^\d+(\.\d+)?(ms|[smh])$/,
  maxAge: /^[1-9]\d*$/,
  hidden: /^(keep|pause)$/,
};

/** Throws a TypeError where an option cannot be what the gateway accepts. */
export function checkOptions(options: LiveOptions): void {
  for (const [name, rule] of Object.entries(RULES)) {
    const value = options[name as keyof LiveOptions] as string | undefined;
    if (value !== undefined && !rule.test(value)) throw new TypeError(`${name} ${value}: ${rule}`);
  }
}
