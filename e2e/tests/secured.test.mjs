// Origins behind TLS and tokens: an authority of their own, a certificate asked of the gateway, OAuth 2.0, HTTP/2, and
// several addresses.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { test } from 'node:test';
import { authority } from '../lib/certificate.mjs';
import { followersUntil, NodeFollower } from '../lib/followers.mjs';
import { configFile, Gateway } from '../lib/gateway.mjs';
import { protectedApi } from '../lib/oauth2.mjs';
import { nginx } from '../lib/servers.mjs';

const STREAM = { headers: { Accept: 'text/event-stream' } };

const before = (t, url, settings, route = '') => Gateway.start(t, '--config', configFile(t, `
  [[origin]]
  name = "api"
  url = "${url}"
  ${settings}
  [[route]]
  path = "/**"
  origin = "api"
  poll = "50ms"
  ${route}
`));

/** Waits until the stream has what was put there. */
const seen = (follower, number) => followersUntil(`number ${number} is seen`, [follower], () => follower.latest?.data.number === number);

test('nginx over TLS with an authority of its own, and over HTTP/2', async (t) => {
  const { ca, server: { cert, key } } = await authority(t);
  const server = await nginx(t, { tls: { cert, key } });
  server.put('a.json', '{"number":1}');
  const gateway = await before(t, server.tlsUrl, `ca = "${ca}"`);
  const follower = new NodeFollower(t, `${gateway.url}/a.json`);
  await seen(follower, 1);
  server.put('a.json', '{"number":22}');
  await seen(follower, 22);
  assert.ok(server.requests('/a.json').every(({ protocol }) => protocol === 'HTTP/2.0'));

  // By HTTP/1.1 where the operator wants that, and not at all where nobody vouches for it.
  const older = await before(t, server.tlsUrl, `ca = "${ca}"\nhttp2 = "never"`);
  await seen(new NodeFollower(t, `${older.url}/a.json?older`), 22);
  assert.ok(server.requests('/a.json?older').every(({ protocol }) => protocol === 'HTTP/1.1'));
  const strict = await before(t, server.tlsUrl, '');
  const refused = await fetch(`${strict.url}/a.json?strict`, STREAM);
  assert.equal(refused.status, 502);
  assert.equal((await refused.json()).type, 'urn:tidegate:problem:origin-tls');
  assert.deepEqual(server.requests('/a.json?strict'), []);
});

test('nginx that asks for a certificate of the gateway', async (t) => {
  const { ca, server: { cert, key }, client } = await authority(t);
  const server = await nginx(t, { tls: { cert, key, lines: `ssl_client_certificate ${ca}; ssl_verify_client on;` } });
  server.put('a.json', '{"number":1}');
  const gateway = await before(t, server.tlsUrl, `ca = "${ca}"\nclient_certificate = "${client.cert}"\nclient_key = "${client.key}"`);
  const follower = new NodeFollower(t, `${gateway.url}/a.json`);
  await seen(follower, 1);
  server.put('a.json', '{"number":22}');
  await seen(follower, 22);
  assert.ok(server.requests('/a.json').every(({ client }) => client === 'CN=gateway'));
  const unknown = await before(t, server.tlsUrl, `ca = "${ca}"`);
  assert.equal((await fetch(`${unknown.url}/a.json`, STREAM)).status, 400, 'nginx\'s own answer to those without');
});

test('an API behind OAuth 2.0, whose clients need no token', async (t) => {
  const api = await protectedApi(t, { id: 'gateway', secret: 'of-the-gateway' });
  const settings = (secret) => `oauth2_token_url = "${api.url}/token"\noauth2_client_id = "gateway"\noauth2_client_secret = "${secret}"`;
  const gateway = await before(t, api.url, settings('of-the-gateway'));
  const follower = new NodeFollower(t, `${gateway.url}/orders`);
  await seen(follower, 1);
  assert.deepEqual([api.tokens.length, api.refused], [1, 0], 'one token serves all polls');
  api.number = 22;
  await seen(follower, 22);

  // Whoever comes with a token of their own reads the same: it is not theirs that is sent.
  const read = await fetch(`${gateway.url}/orders`, { headers: { Authorization: 'Bearer another' } });
  assert.equal((await read.json()).number, 22);
  assert.equal(api.tokens.length, 1);

  // A secret that the issuer does not take is said without being shown.
  const wrong = await before(t, api.url, settings('guessed-wrongly'));
  const refused = await fetch(`${wrong.url}/orders`);
  const text = await refused.text();
  assert.equal(refused.status, 502);
  assert.ok(text.includes('invalid_client') && !text.includes('guessed-wrongly'), text);
});

test('many feeds share a few connections to an HTTP/2 server, also after it went away in order', async (t) => {
  const { ca, server: { cert, key } } = await authority(t);
  let [number, sessions, most] = [1, 0, 0];
  const open = new Set();
  const server = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
    assert.equal(request.httpVersion, '2.0');
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ number, path: request.url }));
  });
  server.on('session', (session) => {
    open.add(session);
    sessions += 1;
    most = Math.max(most, open.size);
    session.on('close', () => open.delete(session));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const session of open) session.destroy();
  });
  const gateway = await before(t, `https://localhost:${server.address().port}`, `ca = "${ca}"`);
  const followers = Array.from({ length: 40 }, (_, at) => new NodeFollower(t, `${gateway.url}/${at}`));
  const all = (what) => followersUntil(`${what} is on all streams`, followers, () => followers.every(({ latest }) => latest?.data.number === number));
  await all('the first number');
  number = 2;
  await all('the second number');
  assert.ok(most <= 8, `${most} connections at a time for 40 feeds`);
  assert.ok(followers.every(({ latest }, at) => latest.data.path === `/${at}`), 'each has its own answers');
  // GOAWAY: what is under way is answered, and what comes next goes elsewhere.
  const former = sessions;
  for (const session of open) session.close();
  number = 3;
  await all('what came after it');
  assert.ok(sessions > former);
  assert.ok(followers.every(({ connects, statuses }) => connects === 1 && statuses.every(({ state }) => state === 'live')), 'nobody noticed');
});

test('an origin at two addresses stays fresh when one of them stops answering', async (t) => {
  const instances = [await nginx(t), await nginx(t)];
  const put = (number) => instances.forEach((instance) => instance.put('a.json', JSON.stringify({ number })));
  put(1);
  const hosts = instances.map(({ url }) => new URL(url).host);
  const gateway = await before(t, instances[0].url, `addresses = ${JSON.stringify(hosts)}`);
  const followers = Array.from({ length: 8 }, (_, at) => new NodeFollower(t, `${gateway.url}/a.json?${at}`));
  const all = (number) => {
    put(number);
    return followersUntil(`number ${number} is on all streams`, followers, () => followers.every(({ latest }) => latest?.data.number === number));
  };
  await all(22);
  const asked = (instance) => followers.reduce((sum, _, at) => sum + instance.requests(`/a.json?${at}`).length, 0);
  assert.ok(instances.every((instance) => asked(instance) > 0), 'both are asked');
  await instances[0].program.stop('SIGKILL');
  await all(333);
  await instances[0].start();
  const before_ = asked(instances[0]);
  await all(4444);
  assert.ok(followers.every(({ connects }) => connects === 1));
  assert.ok(asked(instances[0]) >= before_);
});
