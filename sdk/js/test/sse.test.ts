import { describe, expect, test } from 'vitest';
import { sseParser } from '../src/sse.ts';

interface SseEvent {
  type: string;
  data: string;
  id: string | undefined;
}

interface Parsed {
  events: SseEvent[];
  retries: number[];
}

function parse(chunks: Uint8Array[], limit = 1024): Parsed {
  const parsed: Parsed = { events: [], retries: [] };
  const parser = sseParser(
    (type, data, id) => parsed.events.push({ type, data, id }),
    (ms) => parsed.retries.push(ms),
    limit,
  );
  for (const chunk of chunks) parser(chunk);
  return parsed;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const event = (type: string, data: string, id?: string): SseEvent => ({ type, data, id });

const cases: [name: string, stream: string, events: SseEvent[], retries?: number[]][] = [
  ['an event', 'event: patch\nid: a.1\ndata: []\n\n', [event('patch', '[]', 'a.1')]],
  ['no event name', 'data: x\n\n', [event('message', 'x')]],
  ['CRLF', 'event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n', [event('a', '1'), event('message', '2')]],
  ['CR', 'event: a\rdata: 1\r\rdata: 2\r\r', [event('a', '1'), event('message', '2')]],
  ['mixed line ends', 'data: 1\r\ndata: 2\rdata: 3\n\r\n', [event('message', '1\n2\n3')]],
  ['lines of data', 'data: a\ndata:\ndata:  b\n\n', [event('message', 'a\n\n b')]],
  ['one leading space only', 'data:x\n\ndata:  x\n\n', [event('message', 'x'), event('message', ' x')]],
  ['a colon in the value', 'data: {"a":1}\n\n', [event('message', '{"a":1}')]],
  ['a field without a colon', 'data\ndata\n\n', [event('message', '\n')]],
  ['heartbeats between and inside events', ':\n:\ndata: 1\n: hello\ndata: 2\n\n:\n', [event('message', '1\n2')]],
  ['no data is no event', 'event: a\n\nid: 4\n\n:\n\ndata: x\n\n', [event('message', 'x')]],
  ['empty data is one', 'event: a\ndata:\n\ndata\n\n', [event('a', ''), event('message', '')]],
  ['the id belongs to its event', 'id: 1\ndata: a\n\ndata: b\n\n', [event('message', 'a', '1'), event('message', 'b')]],
  ['an empty id', 'id\ndata: a\n\n', [event('message', 'a', '')]],
  ['an id with NUL is ignored', 'id: 1\nid: 2\0\ndata: a\n\n', [event('message', 'a', '1')]],
  ['retry takes digits only', 'retry: 10\nretry: 1e3\nretry: -5\nretry:\nretry:250\ndata: a\n\n', [event('message', 'a')], [10, 250]],
  ['unknown fields', 'evil: 1\nDATA: 2\ndata: a\n\n', [event('message', 'a')]],
  ['a byte order mark, once', '\uFEFFdata: a\n\n\uFEFFdata: b\n\ndata: c\n\n', [event('message', 'a'), event('message', 'c')]],
  ['an unfinished event', 'data: a\n\ndata: b\n', [event('message', 'a')]],
  ['text beyond ASCII', 'data: é€𝄞\n\n', [event('message', 'é€𝄞')]],
];

describe('the parser, under every chunking', () => {
  test.each(cases)('%s', (_name, stream, events, retries = []) => {
    const whole = bytes(stream);
    const expected = { events, retries };
    expect(parse([whole])).toEqual(expected);
    expect(parse([...whole].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
    for (let first = 0; first <= whole.length; first++) {
      for (let second = first; second <= whole.length; second++) {
        const chunks = [whole.subarray(0, first), whole.subarray(first, second), whole.subarray(second)];
        expect(parse(chunks)).toEqual(expected);
      }
    }
  });
});

test('invalid UTF-8 is replaced', () => {
  const stream = [...bytes('data: a'), 0xff, ...bytes('b\n\n')];
  expect(parse([Uint8Array.from(stream)]).events).toEqual([event('message', 'a\uFFFDb')]);
});

test('a CR at the end of a chunk ends its line at once', () => {
  expect(parse([bytes('data: a\r\r')]).events).toEqual([event('message', 'a')]);
});

describe('the limit', () => {
  test('one long line, finished or not', () => {
    expect(() => parse([bytes(`data: ${'x'.repeat(20)}\n`)], 10)).toThrow('too large');
    expect(() => parse([bytes(`data: ${'x'.repeat(20)}`)], 10)).toThrow('too large');
  });
  test('many short lines', () => {
    expect(() => parse([bytes('data: xxxx\n'.repeat(5))], 20)).toThrow('too large');
  });
  test('is for one event, not for the stream', () => {
    expect(parse([bytes('data: xxxx\n\n'.repeat(50))], 20).events).toHaveLength(50);
  });
});
