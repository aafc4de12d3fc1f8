// Origins that we did not write: a change made through their own interface is seen by a subscriber as a patch.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { followersUntil, NodeFollower, PythonFollower } from '../lib/followers.mjs';
import { configFile, Gateway } from '../lib/gateway.mjs';
import { get, jsonServer, nats, prometheus, replaceFile, send } from '../lib/servers.mjs';
import { assertHolds, holds } from '../lib/truth.mjs';

test('json-server: what its REST interface changes reaches subscribers', async (t) => {
  const { url: api } = await jsonServer(t, { posts: [{ id: 1, title: 'first', price: 1.5 }, { id: 2, title: 'second', price: 2 }] });
  const gateway = await Gateway.start(t, '--origin', api, '--poll', '100ms');

  const list = `${gateway.url}/posts`;
  const followers = [new NodeFollower(t, list), new PythonFollower(t, list)];
  const one = new NodeFollower(t, `${gateway.url}/posts?title=second`);
  const all = [...followers, one];
  const agree = async (what) => {
    const truth = await get(`${api}/posts`);
    await followersUntil(`${what} is seen`, all, () => followers.every((follower) => follower.latest !== undefined && holds(follower, truth)));
    assert.deepEqual(JSON.parse(truth), JSON.parse(await get(list)), 'plain readers see it too');
  };
  await agree('the file');
  await followersUntil('the filtered list is held', all, () => one.latest?.data.length === 1);

  await send('POST', `${api}/posts`, { title: 'third', price: 30.25 });
  await agree('a POST to the API');
  await send('PATCH', `${gateway.url}/posts/2`, { price: 2.75 });
  await agree('a PATCH through the gateway');
  await followersUntil('the filtered list has it too', all, () => one.latest.data[0].price === 2.75);
  await send('DELETE', `${gateway.url}/posts/1`);
  await agree('a DELETE through the gateway');
  assert.deepEqual(followers[0].latest.data.map(({ id, price }) => [id, price]), [[2, 2.75], [3, 30.25]]);
  for (const follower of followers) {
    const kinds = follower.states.map(({ event }) => event);
    assert.equal(kinds[0], 'snapshot', follower.name);
    assert.ok(kinds.slice(1).includes('patch'), `${follower.name} was sent ${kinds}`);
  }
  // What is gone ends as such, and an error before a stream begins is the API's own.
  assert.equal((await fetch(`${gateway.url}/posts/1`, { headers: { Accept: 'text/event-stream' } })).status, 404);
});

test('Prometheus: a new target and a reload reach subscribers', async (t) => {
  let own, targets, configuration;
  const { url: api } = await prometheus(t, (address, files) => {
    own = address;
    targets = (...addresses) => replaceFile(join(files, 'targets.json'), JSON.stringify([{ targets: addresses }]));
    configuration = (interval) => writeFileSync(join(files, 'prometheus.yml'), `
global:
  scrape_interval: ${interval}
scrape_configs:
  - job_name: files
    file_sd_configs:
      - files: ['${join(files, 'targets.json')}']
`);
    targets();
    configuration('1s');
  });
  targets(own);
  const gateway = await Gateway.start(t, '--origin', api, '--poll', '200ms');

  const active = new NodeFollower(t, `${gateway.url}/api/v1/targets?state=active`);
  const up = new PythonFollower(t, `${gateway.url}/api/v1/query?query=up`);
  const config = new NodeFollower(t, `${gateway.url}/api/v1/status/config`);
  // Its own metrics are text, which is sent whole.
  const metrics = new NodeFollower(t, `${gateway.url}/metrics`, { read: String });
  const followers = [active, up, config, metrics];
  const health = () => active.latest?.data.data.activeTargets.map(({ labels, health }) => `${labels.instance} ${health}`) ?? [];
  await followersUntil('it scrapes itself', followers, () => health().includes(`${own} up`));
  await followersUntil('its query says so', followers, () => up.latest?.data.includes(`"${own}"`));

  // Nothing listens at port 1: the new target is down.
  targets(own, '127.0.0.1:1');
  await followersUntil('the new target is seen, and that it is down', followers, () => health().includes('127.0.0.1:1 down'));
  await followersUntil('the query has it too', followers, () => up.latest.data.includes('"127.0.0.1:1"'));

  configuration('2s');
  const reload = await fetch(`${gateway.url}/-/reload`, { method: 'POST' });
  assert.equal(reload.status, 200, 'the reload passes through the gateway');
  await followersUntil('the reloaded configuration is seen', followers, () => config.latest.data.data.yaml.includes('scrape_interval: 2s'));
  assertHolds(config, await get(`${api}/api/v1/status/config`));
  for (const follower of [active, up]) assert.ok(follower.states.some(({ event }) => event === 'patch'), `${follower.name} was sent patches`);
  const reloads = () => Number(metrics.latest.data.match(/^prometheus_config_last_reload_success_timestamp_seconds (\S+)$/m)[1]);
  const first = reloads();
  configuration('3s');
  await fetch(`${gateway.url}/-/reload`, { method: 'POST' });
  await followersUntil('the metrics say when it was reloaded', followers, () => reloads() > first);
  assert.ok(metrics.states.every(({ event }) => event === 'snapshot'));
});

test('NATS: a client that comes and goes is seen in its monitoring, without its noise', async (t) => {
  const server = await nats(t);
  const config = (ignore) => configFile(t, `
    [[origin]]
    name = "nats"
    url = "${server.url}"
    [[route]]
    path = "/**"
    origin = "nats"
    poll = "50ms"
    ${ignore}
  `);
  const noise = 'ignore = ["$.now", "$.connections[*].uptime", "$.connections[*].idle", "$.connections[*].last_activity", "$.connections[*].rtt", "$.uptime", "$.cpu", "$.mem"]';
  const noisy = await Gateway.start(t, '--config', config(''));
  const quiet = await Gateway.start(t, '--config', config(noise));
  const all = new NodeFollower(t, `${noisy.url}/connz`);
  const connections = new NodeFollower(t, `${quiet.url}/connz?subs=1`);
  const variables = new PythonFollower(t, `${quiet.url}/varz`);
  const followers = [all, connections, variables];
  const open = () => connections.latest?.data.connections.length;
  await followersUntil('nobody is connected', followers, () => open() === 0 && variables.latest?.data.includes('"total_connections"'));
  // Each answer has another time: everybody is told of each, unless the route says that it is no news.
  await followersUntil('the time goes by', followers, () => all.states.length >= 10);
  assert.equal(connections.states.length, 1, `only what counts is told: ${JSON.stringify(connections.states.slice(1))}`);

  const client = connect(server.port, '127.0.0.1');
  t.after(() => client.destroy());
  client.write('CONNECT {"verbose":false,"name":"tidegate-e2e"}\r\nSUB tides 1\r\nPING\r\n');
  await followersUntil('the client and what it subscribed to', followers, () => open() === 1 && connections.latest.data.connections[0].subscriptions_list?.includes('tides'));
  assert.equal(connections.latest.data.connections[0].name, 'tidegate-e2e');
  await followersUntil('the variables count it', followers, () => JSON.parse(variables.latest.data).total_connections === 1);
  // What is told is whole: the time in it is that of an answer of the server's, and not the first one's.
  assert.ok(connections.latest.data.now > connections.states[0].data.now);
  client.destroy();
  await followersUntil('it has left', followers, () => open() === 0);
  assert.ok(variables.states.slice(1).every(({ event }) => event === 'patch'), 'a change of the big document is a patch');
});
