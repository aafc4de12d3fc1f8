// What the gateway says of itself, and what `tidegate init` makes of what an API says of itself, before validators that
// others wrote.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Parser } from '@asyncapi/parser';
import { Validator } from '@seriousme/openapi-schema-validator';
import { configFile, folder, Gateway, tidegate } from '../lib/gateway.mjs';
import { Origin } from '../lib/origin.mjs';

const ERROR = 0;

/** Patterns of all kinds, some of which match the same paths, on hosts of their own and in the open mode. */
const routes = (origin) => `
  cors_origins = ["https://app.example.com"]
  [[origin]]
  name = "own"
  url = "${origin.url}"
  ${[
    'path = "/**"',
    'path = "/document"',
    'path = "/quotes/**"\nsafe_methods = ["POST", "QUERY"]',
    'path = "/quotes/{symbol}"',
    'path = "/quotes/*/trades"',
    'path = "/{tenant}/*/**"',
    'path = "/reports/**"\nlive = false',
    'path = "/only"\nhost = "api.example.com"',
    'path = "/below/{it}"\nhost = "*.example.com"',
  ].map((lines) => `[[route]]\norigin = "own"\n${lines}`).join('\n')}
  [open]
  allow = ["https://api.example.com/**"]
`;

const json = async (url) => {
  const response = await fetch(url);
  assert.equal(response.status, 200);
  return response.json();
};

test('the OpenAPI document is one, and what it says is there', async (t) => {
  const origin = await Origin.start(t, 21);
  const gateway = await Gateway.start(t, '--config', configFile(t, routes(origin)));
  const document = await json(`${gateway.url}/.tidegate/openapi.json`);
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors, null, 2));
  assert.equal(validator.version, '3.1');
  // Resolving throws where a reference leads nowhere.
  const paths = Object.keys(validator.resolveRefs().paths);
  for (const path of ['/', '/document', '/quotes', '/quotes/{symbol}', '/{tenant}/{segment2}/{rest}', '/~/{url}', '/.tidegate/openapi.json', '/.tidegate/asyncapi.json']) {
    assert.ok(paths.includes(path), `${path} in ${paths}`);
  }
  for (const path of ['/reports', '/reports/{rest}', '/only', '/below/{it}']) assert.ok(!paths.includes(path), path);

  // What it says of a read is so: media types, and the header fields of a plain answer.
  const read = document.components.responses.Read;
  for (const media of Object.keys(read.content)) {
    const leave = new AbortController();
    const response = await fetch(`${gateway.url}/document`, { headers: { Accept: media }, signal: leave.signal });
    assert.equal(response.headers.get('content-type'), media);
    const told = Object.keys(read.headers).map((name) => name.toLowerCase());
    for (const name of ['etag', 'age', 'cache-status', 'tidegate-content-type']) {
      assert.ok(!response.headers.has(name) || told.includes(name), name);
    }
    leave.abort();
  }
  // Each parameter that it names is known, and any other is refused with a problem of a code that it lists.
  const parameters = Object.values(document.components.parameters).filter((parameter) => parameter.in === 'query');
  assert.ok(parameters.length >= 3);
  const refused = await fetch(`${gateway.url}/document?tidegate.nothing=1`);
  assert.equal(refused.status, 400);
  const problem = await refused.json();
  for (const { name } of parameters) assert.match(problem.detail, new RegExp(`\`${name.replaceAll('.', '\\.')}\``));
  const codes = document.components.schemas.ProblemType.anyOf[0].oneOf.map((kind) => kind.const);
  assert.ok(codes.includes(problem.type), problem.type);
});

test('the AsyncAPI document is one, with a channel for each live route', async (t) => {
  const origin = await Origin.start(t, 22);
  const gateway = await Gateway.start(t, '--config', configFile(t, routes(origin)));
  const text = await (await fetch(`${gateway.url}/.tidegate/asyncapi.json`)).text();
  const { document, diagnostics } = await new Parser().parse(text);
  assert.deepEqual(diagnostics.filter(({ severity }) => severity === ERROR), []);
  const server = document.servers().get('gateway');
  assert.equal(`${server.protocol()}://${server.host()}`, gateway.url);
  const addresses = document.channels().all().map((channel) => channel.address());
  for (const address of ['/document', '/quotes/{rest}', '/quotes/{symbol}', '/quotes/{segment1}/trades', '/{tenant}/{segment2}/{rest}', '/{rest}', '/~/{url}', '/.tidegate/ws', '/.tidegate/events']) {
    assert.ok(addresses.includes(address), `${address} in ${addresses}`);
  }
  assert.ok(!addresses.some((address) => /reports|only|below/.test(address)), String(addresses));
  const channel = document.channels().all().find((found) => found.address() === '/document');
  const names = channel.messages().all().map((message) => message.name());
  for (const name of ['snapshot', 'patch', 'status']) assert.ok(names.includes(name), String(names));
  assert.ok(channel.operations().all().every((operation) => operation.isSend()), 'the application is the gateway');
});

test('a gateway that does not describe itself, and paths that are nobody’s', async (t) => {
  const origin = await Origin.start(t, 23);
  const gateway = await Gateway.start(t, '--config', configFile(t, `describe = false\n${routes(origin)}`));
  for (const path of ['openapi.json', 'asyncapi.json', 'nothing']) {
    const response = await fetch(`${gateway.url}/.tidegate/${path}`);
    assert.equal(response.status, 404);
    assert.equal((await response.json()).type, 'urn:tidegate:problem:no-route');
  }
});

const documents = fileURLToPath(new URL('../../testdata/openapi/', import.meta.url));

for (const name of ['market.json', 'shop.yaml', 'legacy.json', 'empty.json', 'broken.json']) {
  test(`tidegate init makes a configuration of ${name}`, async (t) => {
    const from = join(documents, name);
    if (name !== 'broken.json') {
      // Our own examples are documents to others, too.
      const { valid, errors } = await new Validator().validate(readFileSync(from, 'utf8'));
      assert.ok(valid, JSON.stringify(errors, null, 2));
    }
    const out = join(folder(t), 'tidegate.toml');
    const run = async (...args) => {
      const program = tidegate(...args);
      return { end: await program.ended(), program };
    };
    const made = await run('init', '--from', from, '--out', out);
    assert.equal(made.end.code, 0, made.program.stderr);
    const checked = await run('check', '--config', out);
    assert.equal(checked.end.code, 0, checked.program.stderr);
    const again = await run('init', '--from', from, '--out', out);
    assert.equal(again.end.code, 1);
    assert.match(again.program.stderr, /is there already\n {2}help: add --force/);
    const shown = await run('init', '--from', from);
    assert.equal(shown.program.stdout, readFileSync(out, 'utf8'));
  });
}

test('a document of the gateway is one to begin with', async (t) => {
  const origin = await Origin.start(t, 24);
  const gateway = await Gateway.start(t, '--config', configFile(t, routes(origin)));
  const path = join(folder(t), 'openapi.json');
  writeFileSync(path, await (await fetch(`${gateway.url}/.tidegate/openapi.json`)).text());
  const out = join(folder(t), 'tidegate.toml');
  const made = tidegate('init', '--from', path, '--origin', origin.url, '--out', out);
  assert.equal((await made.ended()).code, 0, made.stderr);
  // Ours are the gateway's own: the next one in front has its own.
  const next = await Gateway.start(t, '--config', out);
  assert.deepEqual(await json(`${next.url}/document`), JSON.parse(origin.served.get(origin.version)));
});
