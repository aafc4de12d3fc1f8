// `tidegate demo` at free ports: the market, the gateway, and the page with its controls.

import assert from 'node:assert/strict';
import { tidegate } from './gateway.mjs';

const ANY = '127.0.0.1:0';

export class Demo {
  #program;

  static async start(t, ...args) {
    const demo = new Demo();
    demo.#program = tidegate('demo', '--listen', ANY, '--market-listen', ANY, '--gateway-listen', ANY, ...args);
    t.after(() => demo.stop());
    const url = async (name) => (await demo.#program.wrote(new RegExp(`^${name}\\s+(http://[^/\\s]+)/`, 'm')))[1];
    demo.page = await url('Look at');
    demo.gateway = await url('Gateway');
    demo.market = await url('Market');
    return demo;
  }

  /** Does what the page's buttons do: `market/run`, `market/halt`, `market/error`, `market/hang`, `gateway/restart`. */
  async control(what) {
    const response = await fetch(`${this.page}/control/${what}`, { method: 'POST', headers: { Origin: this.page } });
    assert.ok(response.ok, `${what} answered ${response.status}`);
  }

  async stats() {
    return (await fetch(`${this.page}/stats`)).json();
  }

  stop(signal) {
    return this.#program.stop(signal);
  }
}
