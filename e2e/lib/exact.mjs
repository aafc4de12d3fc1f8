// JSON compared to the last digit. `JSON.parse` makes 1.10 and 1.1 equal and rounds long numbers; the gateway promises
// to keep the origin's texts, so here each number becomes an object that holds its text.

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*/g;

/** The value of a JSON text, with `{ '#': text }` for each number. */
export function exact(text) {
  return JSON.parse(text.replace(STRING_OR_NUMBER, (token) => (token.startsWith('"') ? token : `{"#":"${token}"}`)));
}
