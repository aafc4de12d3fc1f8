// A bad proxy: it stands between a client and a gateway and does to streams what a scenario says. The same as
// `crates/testkit/src/proxy.rs`; `testdata/scenarios/README.md` says how scenarios are written.

import { createServer, request as ask } from 'node:http';

export class BadProxy {
  /** How many streams were asked for, and how many updates came from gateways, so far. */
  streams = 0;
  updates = 0;
  #target;
  #scripts;
  #server;

  /** Listens on a free port of loopback, for the gateway at `target`. */
  static async start(t, target, scripts) {
    const proxy = new BadProxy();
    proxy.#target = target;
    proxy.#scripts = scripts;
    proxy.#server = createServer((request, response) => proxy.#carry(request, response));
    await new Promise((resolve, reject) => proxy.#server.once('error', reject).listen(0, '127.0.0.1', resolve));
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}`;
    t.after(() => {
      proxy.#server.close();
      proxy.#server.closeAllConnections();
    });
    return proxy;
  }

  #carry(request, response) {
    const isStream = (request.headers.accept ?? '').includes('text/event-stream');
    const script = isStream ? (this.#scripts[this.streams++] ?? []) : [];
    const whole = script.filter(({ update }) => update === undefined);
    const refuse = whole.find((rule) => rule.do === 'refuse');
    if (refuse !== undefined) {
      response.writeHead(refuse.status, { 'Retry-After': refuse.retry_after, Connection: 'close' }).end();
      return;
    }
    const headers = { ...request.headers, connection: 'close' };
    delete headers['accept-encoding'];
    const asked = ask(new URL(request.url, this.#target), { method: request.method, headers, agent: false });
    // Whoever goes takes the other side along.
    asked.on('error', () => response.destroy());
    response.on('close', () => asked.destroy());
    asked.on('response', (answer) => {
      // A stream has no length, so that its end is that of the connection, whatever it was for the gateway.
      response.writeHead(answer.statusCode, { ...answer.headers, connection: 'close' });
      response.flushHeaders();
      const events = isStream ? new Events(script, this) : undefined;
      const gathered = [];
      answer.on('data', (bytes) => {
        if (whole.some((rule) => rule.do === 'gather')) gathered.push(bytes);
        else response.write(events ? events.pass(bytes) : bytes);
        if (events?.isCut) {
          asked.destroy();
          response.end(() => response.destroy());
        }
      });
      answer.on('end', () => {
        for (const bytes of gathered) response.write(bytes);
        response.end();
      });
      answer.on('error', () => response.destroy());
    });
    asked.end();
  }
}

const END = Buffer.from('\n\n');
const HEARTBEAT = Buffer.from(':\n');

/** The events of one stream, on their way. */
class Events {
  isCut = false;
  #proxy;
  #rules;
  #rest = Buffer.alloc(0);
  #seen = [];
  #held = [];
  #isStalled = false;

  constructor(script, proxy) {
    this.#proxy = proxy;
    this.#rules = new Map(script.filter(({ update }) => update !== undefined).map((rule) => [rule.update, rule]));
  }

  /** What of the bytes goes on. */
  pass(bytes) {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const out = [];
    while (!this.isCut) {
      // Heartbeats are no part of an event, and not to be kept waiting.
      const end = this.#rest.subarray(0, 2).equals(HEARTBEAT) ? 2 : this.#rest.indexOf(END) + 2;
      if (end < 2) break;
      out.push(...this.#event(this.#rest.subarray(0, end)));
      this.#rest = this.#rest.subarray(end);
    }
    return Buffer.concat(out);
  }

  #event(event) {
    const isUpdate = /^id:/m.test(event.toString('latin1'));
    const rule = isUpdate ? this.#rules.get(this.#seen.length) : undefined;
    if (isUpdate) {
      this.#seen.push(event);
      this.#proxy.updates += 1;
    }
    if (this.#isStalled) return [];
    if (!isUpdate) return [event];
    const held = this.#held.splice(0);
    switch (rule?.do) {
      case 'repeat':
        return [event, event, ...held];
      case 'swap':
        this.#held.push(event);
        return held;
      case 'drop':
        return held;
      case 'replace':
        return [Buffer.from(event.toString().replace(rule.text, rule.by)), ...held];
      case 'cut':
        this.isCut = true;
        return [event.subarray(0, rule.bytes)];
      case 'stall':
        this.#isStalled = true;
        return [];
      case 'replay':
        return [event, this.#seen[rule.earlier], ...held];
      default:
        return [event, ...held];
    }
  }
}
