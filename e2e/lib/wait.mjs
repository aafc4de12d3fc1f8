// Waiting on conditions. Nothing here sleeps for a guessed time: a condition is looked at again and again until it
// holds, and a deadline that passes is a failure that says what was awaited.

const LOOK_AGAIN_MS = 25;
/** Far above what anything here takes on a slow machine; it only bounds a failure. */
export const DEADLINE_MS = 60_000;

/** Thrown by a condition that can no longer come true: the wait fails at once. */
export class Hopeless extends Error {}

/**
 * Resolves with the first value of `condition` that is neither `undefined` nor `false`.
 * What it throws counts as «not yet», and is told where the deadline passes; except `Hopeless`, which ends the wait.
 */
export async function eventually(what, condition, deadlineMs = DEADLINE_MS) {
  const end = performance.now() + deadlineMs;
  for (;;) {
    let failure;
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      failure = error;
    }
    if (performance.now() > end) {
      throw new Error(`${deadlineMs / 1000} s passed without: ${what}${failure ? ` (${failure.message})` : ''}`, { cause: failure });
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
