// A scenario of `testdata/scenarios`, played with one client: its README says what the members mean.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { configFile, Gateway } from './gateway.mjs';
import { BadProxy } from './proxy.mjs';
import { eventually, Hopeless } from './wait.mjs';

const FOLDER = new URL('../../testdata/scenarios/', import.meta.url);

/** All of them, by name. */
export const scenarios = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json'))
  .map((file) => ({ name: file.slice(0, -'.json'.length), ...JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) }));

/** The document of this version. */
const documentOf = (version) =>
  `{"version":${version},"step":{"fill":"${'s'.repeat(120)}","n${version}":${version}.10},"fixed":"${'f'.repeat(200)}"}`;

/** An API with one document, in versions. */
class Api {
  version = 1;
  isFailing = false;
  served = new Set();

  static async start(t) {
    const api = new Api();
    const server = createServer((_, response) => api.#answer(response));
    await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    api.url = `http://127.0.0.1:${server.address().port}`;
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    return api;
  }

  #answer(response) {
    if (this.isFailing) return response.writeHead(500).end();
    this.served.add(this.version);
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(documentOf(this.version));
  }
}

/**
 * Plays a scenario. `follow(url)` begins a client: it has `states` (`{ event, data }`, `data` parsed), and `isStale` and
 * `failure` as of now.
 */
export async function play(t, scenario, follow) {
  const api = await Api.start(t);
  const gateway = await Gateway.start(t, '--config', configFile(t, `
    [[origin]]
    name = "api"
    url = "${api.url}"
    [[route]]
    path = "/**"
    origin = "api"
    poll = "50ms"
    heartbeat = "1s"
  `));
  const proxy = await BadProxy.start(t, gateway.url, scenario.streams);
  const client = follow(`${proxy.url}/q`);
  let checked = 0;
  let held = 0;
  const check = () => {
    if (client.failure !== undefined) throw new Hopeless(`the client has failed: ${client.failure.message}`, { cause: client.failure });
    for (; checked < client.states.length; checked += 1) {
      const { data } = client.states[checked];
      try {
        assert.deepEqual(data, JSON.parse(documentOf(data.version)), 'never wrong');
        assert.ok(data.version >= held, `never backwards: ${data.version} after ${held}`);
      } catch (error) {
        throw new Hopeless(error.message, { cause: error });
      }
      held = data.version;
    }
  };
  let before = 0;
  const steps = {
    change() {
      before = proxy.updates;
      api.version += 1;
      return () => api.served.has(api.version);
    },
    seen: () => () => proxy.updates > before,
    held: () => () => held === api.version,
    stale: () => () => client.isStale,
    fail() {
      api.isFailing = true;
      return () => true;
    },
    recover() {
      api.isFailing = false;
      return () => true;
    },
    async restart() {
      await gateway.restart('SIGTERM');
      return () => true;
    },
    async crash() {
      await gateway.restart('SIGKILL');
      return () => true;
    },
  };
  for (const [at, step] of scenario.steps.entries()) {
    const condition = await steps[step]();
    await eventually(`${scenario.name}, step ${at}, ${step}`, () => {
      check();
      return condition();
    }, 30_000);
  }
  const snapshots = client.states.filter(({ event }) => event === 'snapshot').length;
  assert.ok(snapshots <= (scenario.snapshots ?? Infinity), `${snapshots} snapshots`);
}
