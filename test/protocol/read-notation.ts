/**
 * Diagnostic notation back to bytes (RFC 8949 §8, RFC 8610 appendix G), as far as documents need it: what
 * is shown must be what is there. Encodes with cborg, which shares no code with ours.
 */
import { Tagged } from "cborg";
import { concatBytes, fromHex } from "../../protocol/bytes.js";
import { cbor } from "../vectors/forge.js";

/** What stands in one place: blanks and comments, a bracket, a string, a number or a word. */
const TOKEN = /(?:\s|\/[^/]*\/)*(<<|>>|18\(|[[\]{}(),:]|h'[0-9a-f]*'|"(?:[^"\\]|\\.)*"|-?\d+|true|false|$)/y;

/** The items of a sequence, one behind the other. @throws SyntaxError */
export function readNotation(text: string): Uint8Array {
  const tokens: string[] = [];
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const [, token] = TOKEN.exec(text) ?? [];
    if (token === undefined) throw new SyntaxError(`no notation: ${text.slice(at, at + 40)}`);
    tokens.push(token);
  }
  tokens.push("");
  return concatBytes(...items(tokens, "", item).map(cbor));
}

function item(tokens: string[]): unknown {
  const token = tokens.shift() ?? "";
  if (token === "[") return items(tokens, "]", item);
  if (token === "{") return new Map(items(tokens, "}", entry));
  if (token === "<<") return concatBytes(...items(tokens, ">>", item).map(cbor));
  if (token === "18(") return new Tagged(18, items(tokens, ")", item)[0]);
  return token.startsWith("h'") ? fromHex(token.slice(2, -1)) : JSON.parse(token);
}

function entry(tokens: string[]): [unknown, unknown] {
  const key = item(tokens);
  if (tokens.shift() !== ":") throw new SyntaxError("a key without a value");
  return [key, item(tokens)];
}

function items<T>(tokens: string[], end: string, next: (tokens: string[]) => T): T[] {
  const read: T[] = [];
  while (tokens[0] !== end) {
    read.push(next(tokens));
    if (tokens[0] === ",") tokens.shift();
    else if (tokens[0] !== end) throw new SyntaxError(`${tokens[0]} where , or ${end} belongs`);
  }
  tokens.shift();
  return read;
}
