// Writes through the gateway: routes are polled once an hour here, so that whatever is seen was seen for the write.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followersUntil, NodeFollower, PythonFollower } from '../lib/followers.mjs';
import { configFile, Gateway } from '../lib/gateway.mjs';
import { graphqlServer } from '../lib/graphql.mjs';
import { get, jsonServer, send } from '../lib/servers.mjs';
import { holds } from '../lib/truth.mjs';

const hourly = (t, url, settings = '') => Gateway.start(t, '--config', configFile(t, `
  [[origin]]
  name = "api"
  url = "${url}"
  [[route]]
  path = "/**"
  origin = "api"
  poll = "1h"
  ${settings}
`));

test('json-server: what is created, changed and deleted through the gateway is on every screen at once', async (t) => {
  const { url: api } = await jsonServer(t, { posts: [{ id: 1, title: 'first', price: 1.5 }, { id: 2, title: 'second', price: 2 }] });
  const gateway = await hourly(t, api);
  const list = new NodeFollower(t, `${gateway.url}/posts`);
  const one = new NodeFollower(t, `${gateway.url}/posts/2`);
  const other = new PythonFollower(t, `${gateway.url}/posts/2`);
  const all = [list, one, other];
  await followersUntil('all hold what there is', all, () => list.latest !== undefined && one.latest !== undefined && other.latest !== undefined);
  const bothHold = async (what) => {
    const truth = await get(`${api}/posts/2`);
    // The writer reads what it wrote, whoever watches.
    assert.deepEqual(JSON.parse(await get(`${gateway.url}/posts/2`)), JSON.parse(truth), what);
    await followersUntil(`${what} is seen`, all, () => holds(one, truth) && holds(other, truth));
  };

  const replaced = await send('PUT', `${gateway.url}/posts/2`, { title: 'replaced', price: 2.75 });
  assert.deepEqual(replaced, { id: 2, title: 'replaced', price: 2.75 }, 'the answer is the API\'s own');
  await bothHold('a PUT');
  for (let price = 3; price < 8; price += 1) {
    await send('PATCH', `${gateway.url}/posts/2`, { price });
    await bothHold(`a PATCH to ${price}`);
  }

  await send('POST', `${gateway.url}/posts`, { title: 'third', price: 30.25 });
  assert.equal(JSON.parse(await get(`${gateway.url}/posts`)).length, 3, 'whoever reads next reads it');
  await followersUntil('a POST is in the list', all, () => list.latest.data.length === 3);
  // The list has its rows as they are now, though only the item was written to.
  assert.ok(holds(list, await get(`${api}/posts`)));

  await send('DELETE', `${gateway.url}/posts/2`);
  await followersUntil('a DELETE is the end of the item', all, () => one.statuses.at(-1).state === 'gone' && other.statuses.at(-1).state === 'gone');
  assert.equal((await fetch(`${gateway.url}/posts/2`)).status, 404);
  // What names the item in its Location brings it back: as a snapshot, on the streams that were there all the time.
  const before = one.states.length;
  await send('POST', `${gateway.url}/posts`, { id: 2, title: 'again', price: 8 });
  await bothHold('the item that is back');
  assert.equal(one.states[before].event, 'snapshot');
  assert.deepEqual([one.connects, other.connects, list.connects], [1, 1, 1]);
  await followersUntil('it is live', all, () => one.statuses.at(-1).state === 'live');

  // A write that the API refuses changes nothing, and its answer is the API's.
  const held = one.states.length;
  assert.equal((await fetch(`${gateway.url}/posts/99`, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: '{}' })).status, 404);
  assert.equal(one.states.length, held);
});

test('GraphQL: a query is streamed by POST, and a mutation through the gateway is in it at once', async (t) => {
  const { url: api, operations } = await graphqlServer(t);
  const gateway = await hourly(t, api, 'graphql = true\npayload = "/data"\nexpect = { pointer = ["/data"] }');
  const url = `${gateway.url}/graphql`;
  const follow = (operation) => new NodeFollower(t, url, {
    fetch: (input, init) => fetch(input, { ...init, method: 'POST', headers: { ...init.headers, 'Content-Type': 'application/json' }, body: JSON.stringify(operation) }),
  });
  const mutate = (text, author) => send('POST', url, {
    operationName: 'Post',
    query: 'mutation Post($text: String!, $author: String!) { post(text: $text, author: $author) { id } }',
    variables: { text, author },
  });
  const board = { operationName: 'Board', query: 'query Board { count messages { id text author } }' };
  const screens = [follow(board), follow(board)];
  const hers = follow({ operationName: 'By', query: 'query By($author: String) { messages(author: $author) { text } }', variables: { author: 'ada' } });
  const all = [...screens, hers];
  await followersUntil('an empty board', all, () => all.every(({ latest }) => latest !== undefined));
  assert.equal(operations.filter((name) => name === 'Board').length, 1, 'one query for all who ask the same');

  assert.deepEqual(await mutate('high tide at noon', 'ada'), { data: { post: { id: '1' } } });
  await followersUntil('her message', all, () => screens.every(({ latest }) => latest.data.data.count === 1) && hers.latest.data.data.messages.length === 1);
  await mutate('low tide at six', 'bob');
  await followersUntil('his message', all, () => screens.every(({ latest }) => latest.data.data.count === 2));
  assert.deepEqual(screens[0].latest.data.data.messages.map(({ text, author }) => [text, author]), [['high tide at noon', 'ada'], ['low tide at six', 'bob']]);
  assert.equal(hers.latest.data.data.messages.length, 1);
  assert.equal(hers.states.length, 2, 'what the other wrote is nothing new to her query');
  assert.equal(operations.filter((name) => name === 'Post').length, 2, 'each mutation reached the API once');
  assert.ok(screens.every(({ states }) => states.slice(1).every(({ event }) => event === 'patch' || event === 'snapshot')));

  // One that the API refuses is answered by it, and a query that it does not understand never becomes a stream.
  assert.match((await mutate('', 'ada')).errors[0].message, /a message has a text/);
  const wrong = await fetch(url, {
    method: 'POST',
    headers: { Accept: 'text/event-stream', 'Content-Type': 'application/json' },
    body: JSON.stringify({ query: '{ nothing }' }),
    signal: AbortSignal.timeout(10_000),
  });
  assert.equal(wrong.status, 502);
  assert.equal((await wrong.json()).type, 'urn:tidegate:problem:origin-unexpected');
});
