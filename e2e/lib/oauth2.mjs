// An API behind OAuth 2.0, with its token endpoint: tokens come by client credentials, and can be revoked.

import { createServer } from 'node:http';

/**
 * Gives its `url`, the `tokens` that were given so far, the `number` that the API shows, `revoke`, which ends the tokens
 * that are there, and `refused`, how many requests came without a token that is valid.
 */
export async function protectedApi(t, { id, secret }) {
  const api = { number: 1, tokens: [], refused: 0, revoke: () => valid.clear() };
  const valid = new Set();
  // The two are coded as in a form first (RFC 6749 §2.3.1); letters and hyphens stay as they are.
  const basic = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const answer = (response, status, body) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  const server = createServer((request, response) => {
    if (request.method === 'POST' && request.url === '/token') {
      if (request.headers.authorization !== basic) return void answer(response, 401, { error: 'invalid_client' });
      const token = `token-${api.tokens.length + 1}`;
      api.tokens.push(token);
      valid.add(token);
      return void answer(response, 200, { access_token: token, token_type: 'Bearer', expires_in: 3600 });
    }
    const token = request.headers.authorization?.replace(/^Bearer /, '');
    if (!valid.has(token)) {
      api.refused += 1;
      return void answer(response, 401, { error: 'no valid token' });
    }
    return void answer(response, 200, { number: api.number });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return Object.assign(api, { url: `http://127.0.0.1:${server.address().port}` });
}
