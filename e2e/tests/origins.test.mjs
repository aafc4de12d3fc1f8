// Origins that we did not write: a change made through their own interface is seen by a subscriber as a patch.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { followersUntil, NodeFollower, PythonFollower } from '../lib/followers.mjs';
import { folder, Gateway } from '../lib/gateway.mjs';
import { freePort, Program } from '../lib/program.mjs';
import { assertHolds, holds } from '../lib/truth.mjs';
import { eventually } from '../lib/wait.mjs';

const JSON_SERVER = fileURLToPath(new URL('../node_modules/json-server/lib/cli/bin.js', import.meta.url));
const PROMETHEUS = process.env.TIDEGATE_PROMETHEUS ?? 'prometheus';
const get = async (url) => (await fetch(url)).text();
const send = async (method, url, body) => {
  const response = await fetch(url, { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${url} answered ${response.status}`);
  return response.json();
};

/** Starts a program that serves HTTP at a port of our choice, and waits until it answers at `path`. */
async function serving(t, name, path, command, args) {
  const port = await freePort();
  const program = new Program(name, command, args(port));
  t.after(() => program.stop());
  const url = `http://127.0.0.1:${port}`;
  await eventually(`${name} answers`, async () => {
    if (program.end !== undefined) await program.wrote(/$never/);
    return (await fetch(url + path)).ok;
  });
  return url;
}

test('json-server: what its REST interface changes reaches subscribers', async (t) => {
  const file = join(folder(t), 'db.json');
  const posts = [{ id: 1, title: 'first', price: 1.5 }, { id: 2, title: 'second', price: 2 }];
  writeFileSync(file, JSON.stringify({ posts }));
  const api = await serving(t, 'json-server', '/posts', process.execPath, (port) => [JSON_SERVER, '--quiet', '--host', '127.0.0.1', '--port', String(port), file]);
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
  const files = folder(t);
  const targets = (...addresses) => {
    // As its documentation asks: written beside, then moved, so that it never reads half a file.
    writeFileSync(join(files, 'next'), JSON.stringify([{ targets: addresses }]));
    renameSync(join(files, 'next'), join(files, 'targets.json'));
  };
  const configuration = (interval) => writeFileSync(join(files, 'prometheus.yml'), `
global:
  scrape_interval: ${interval}
scrape_configs:
  - job_name: files
    file_sd_configs:
      - files: ['${join(files, 'targets.json')}']
`);
  let own = '';
  targets();
  configuration('1s');
  const api = await serving(t, 'prometheus', '/-/ready', PROMETHEUS, (port) => {
    own = `127.0.0.1:${port}`;
    return [`--config.file=${join(files, 'prometheus.yml')}`, `--storage.tsdb.path=${join(files, 'data')}`, `--web.listen-address=${own}`, '--web.enable-lifecycle'];
  });
  targets(own);
  const gateway = await Gateway.start(t, '--origin', api, '--poll', '200ms');

  const active = new NodeFollower(t, `${gateway.url}/api/v1/targets?state=active`);
  const up = new PythonFollower(t, `${gateway.url}/api/v1/query?query=up`);
  const config = new NodeFollower(t, `${gateway.url}/api/v1/status/config`);
  const followers = [active, up, config];
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
});
