// A GraphQL API by `graphql` and `graphql-http` over node:http: a board of messages, which a mutation adds to.

import { buildSchema, GraphQLError } from 'graphql';
import { createHandler } from 'graphql-http/lib/use/http';
import { createServer } from 'node:http';

const SCHEMA = buildSchema(`
  type Message { id: ID!, text: String!, author: String! }
  type Query { messages(author: String): [Message!]!, count: Int! }
  type Mutation { post(text: String!, author: String!): Message! }
`);

/** Gives its `url`, and `operations`: the names of those that it was asked for, in order. */
export async function graphqlServer(t) {
  const messages = [];
  const operations = [];
  const rootValue = {
    messages: ({ author }) => messages.filter((message) => author === undefined || message.author === author),
    count: () => messages.length,
    post: ({ text, author }) => {
      if (text === '') throw new GraphQLError('a message has a text');
      messages.push({ id: String(messages.length + 1), text, author });
      return messages.at(-1);
    },
  };
  const handler = createHandler({
    schema: SCHEMA,
    rootValue,
    onOperation: (_request, { operationName }) => void operations.push(operationName),
  });
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, operations };
}
