// An origin that remembers everything it served, so that a test can ask of any state: was that ever true?
//
// `GET /document`, whatever its query, changes the document by a seeded random walk before it answers, unless halted:
// some requests find nothing changed, others several changes at once. The document holds what breaks careless
// pipelines: decimals with trailing zeros, integers above 2^53, texts that need escapes, keys with `/` and `~`, arrays
// that grow, shrink and are reordered, members that come, go and change their type.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

export class Origin {
  /** The JSON text of each version that was served, by its number. */
  served = new Map();
  requests = 0;
  notModified = 0;
  halted = false;
  #random;
  #version = 0;
  #sockets = new Set();
  #text;
  #server;
  #rows = [];
  #tags = new Map();

  static async start(t, seed = 1) {
    const origin = new Origin();
    origin.#random = randomNumbers(seed);
    for (let row = 0; row < 40; row += 1) origin.#rows.push(origin.#row());
    origin.#change();
    await origin.open(0);
    t.after(() => origin.close());
    return origin;
  }

  /** Listens, at the same port as before where it listened before. */
  async open(port = Number(new URL(this.url).port)) {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await new Promise((resolve, reject) => this.#server.once('error', reject).listen(port, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Goes away as a crashed server does: nothing listens, and open connections are cut. */
  async close() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  get version() {
    return this.#version;
  }

  #answer(request, response) {
    if (request.url.split('?')[0] !== '/document') {
      response.writeHead(404).end();
      return;
    }
    this.requests += 1;
    if (!this.halted) {
      for (let changes = this.#below(4) - 1; changes > 0; changes -= 1) this.#change();
    }
    this.served.set(this.#version, this.#text);
    const etag = `"${createHash('sha256').update(this.#text).digest('hex').slice(0, 16)}"`;
    if (request.headers['if-none-match'] === etag) {
      this.notModified += 1;
      response.writeHead(304, { etag }).end();
    } else {
      response.writeHead(200, { etag, 'content-type': 'application/json', 'cache-control': 'max-age=0' }).end(this.#text);
    }
  }

  /** A whole number from 0 to `limit` - 1. */
  #below(limit) {
    return Math.floor(this.#random() * limit);
  }

  /** The JSON text of a number as real APIs print them. */
  #number() {
    const digits = String(1 + this.#below(9));
    return [
      () => `${this.#below(1000)}.${this.#below(10)}0`,
      () => `-${this.#below(1000)}.0`,
      () => `90071992547409${digits}${digits}${this.#below(10)}`,
      () => `0.${digits}00000000000000000000000${digits}`,
      () => `${digits}E+${20 + this.#below(9)}`,
      () => '0',
    ][this.#below(6)]();
  }

  #row() {
    const key = this.#below(1_000_000_000);
    return { key, price: this.#number(), note: TEXTS[this.#below(TEXTS.length)], extra: undefined };
  }

  #change() {
    const at = this.#below(this.#rows.length);
    const rows = this.#rows;
    const acts = [
      () => (rows[at].price = this.#number()),
      () => (rows[at].price = this.#number()),
      () => (rows[at].note = TEXTS[this.#below(TEXTS.length)]),
      () => (rows[at].extra = [undefined, 'null', '[]', '{"a":[1.10,{}]}', `[${this.#number()}]`, 'true'][this.#below(6)]),
      () => rows.length < 60 && rows.splice(at, 0, this.#row()),
      () => rows.length > 20 && rows.splice(at, 1),
      () => rows.push(...rows.splice(at, 1)),
      () => this.#tags.set(KEYS[this.#below(KEYS.length)], this.#number()),
      () => this.#tags.delete(KEYS[this.#below(KEYS.length)]),
    ];
    acts[this.#below(acts.length)]();
    this.#version += 1;
    this.#text = this.#write();
  }

  #write() {
    const rows = this.#rows.map((row) => {
      const extra = row.extra === undefined ? '' : `, "extra": ${row.extra}`;
      return `{"key": ${row.key}, "price": ${row.price}, "note": ${JSON.stringify(row.note)}${extra}}`;
    });
    const tags = [...this.#tags].map(([key, value]) => `${JSON.stringify(key)}: ${value}`);
    return `{"version": ${this.#version}, "rows": [\n${rows.join(',\n')}\n], "tags": {${tags.join(', ')}}}\n`;
  }
}

const TEXTS = ['', 'plain', 'a "quote" and a \\', 'two\nlines\r\n', 'tab\tand \u0001', 'ümläut €', '\u2028 \u2029', '👍🏽', '1.10'];
const KEYS = ['a', '', 'a/b', '~', '~1', '~0', 'a~1b', '0', '-', 'é', '__proto', 'constructor', 'event: data'];

/** Mulberry32: the same seed, the same numbers in [0, 1). */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
