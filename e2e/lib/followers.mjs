// Clients that we did not write, with nothing between the stream and the document but their own code.
// Both kinds are used alike: `url`, `states` seen so far, `stop()`.

import { EventSource } from 'eventsource';
import jsonpatch from 'fast-json-patch';
import { fileURLToPath } from 'node:url';
import { Program } from './program.mjs';
import { eventually, Hopeless } from './wait.mjs';

export const PYTHON = process.env.TIDEGATE_PYTHON ?? fileURLToPath(new URL('../.venv/bin/python', import.meta.url));
const FOLLOW = fileURLToPath(new URL('../python/follow.py', import.meta.url));

/** npm `eventsource` with `fast-json-patch`: reconnects and resumes by itself; holds JavaScript's numbers. */
export class NodeFollower {
  name = 'eventsource';
  /** Each state held, in order: `{ event, id, data }`. */
  states = [];
  statuses = [];
  /** The first thing that went wrong; a test has to look at it. */
  failure;
  connects = 0;
  #source;
  #data;

  /** `read` makes what is held of a snapshot's text; the other options are for `EventSource`. */
  constructor(t, url, { read = JSON.parse, ...options } = {}) {
    this.#source = new EventSource(url, options);
    this.#source.addEventListener('open', () => (this.connects += 1));
    this.#source.addEventListener('snapshot', (event) => this.#hold(event, () => read(event.data)));
    this.#source.addEventListener('patch', (event) => this.#hold(event, () => {
      // Validating: an operation that does not fit the document is an error. Not mutating: states are kept.
      return jsonpatch.applyPatch(this.#data, JSON.parse(event.data), true, false).newDocument;
    }));
    this.#source.addEventListener('status', (event) => this.statuses.push(JSON.parse(event.data)));
    this.#source.addEventListener('error', () => {
      if (this.#source.readyState === EventSource.CLOSED) this.failure ??= new Error('eventsource gave up');
    });
    t.after(() => this.stop());
  }

  #hold(event, read) {
    try {
      this.#data = read();
      this.states.push({ event: event.type, id: event.lastEventId, data: this.#data });
    } catch (error) {
      this.failure ??= error;
    }
  }

  get latest() {
    return this.states.at(-1);
  }

  stop() {
    this.#source.close();
  }
}

/** PyPI `httpx-sse` with `jsonpatch`: resumes by hand with `Last-Event-ID`; holds the numbers' texts. */
export class PythonFollower {
  name = 'httpx-sse';
  #program;
  #events = [];

  /** With `dropEvery`, it closes its connection after each so many states, and resumes. */
  constructor(t, url, { dropEvery = 0 } = {}) {
    this.#program = new Program('follow.py', PYTHON, [FOLLOW, url, String(dropEvery)]);
    t.after(() => this.stop());
  }

  /** All that it told, in order: `{ event, id, data }` for states, the document as JSON text; others have no data. */
  get events() {
    const { lines } = this.#program;
    while (this.#events.length < lines.length) this.#events.push(JSON.parse(lines[this.#events.length]));
    return this.#events;
  }

  get states() {
    return this.events.filter(({ data }) => data !== undefined);
  }

  get statuses() {
    return this.events.filter(({ event }) => event === 'status').map(({ status }) => status);
  }

  get failure() {
    const { end, stderr } = this.#program;
    return end === undefined ? undefined : new Error(`follow.py has ended: ${JSON.stringify(end)}\n${stderr}`);
  }

  get connects() {
    return this.events.filter(({ event }) => event === 'open').length;
  }

  get latest() {
    return this.states.at(-1);
  }

  stop() {
    return this.#program.stop('SIGKILL');
  }
}

/** Waits until `condition` holds; fails at once when one of the followers fails meanwhile. */
export function followersUntil(what, followers, condition, deadlineMs) {
  return eventually(what, () => {
    for (const { name, failure } of followers) {
      if (failure !== undefined) throw new Hopeless(`${name}: ${failure.message}`, { cause: failure });
    }
    return condition();
  }, deadlineMs);
}
