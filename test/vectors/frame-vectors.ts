/** Frames `[type, payload]`: who reads one says which message it expects. */
import { fromHex, toHex } from "../../protocol/bytes.js";
import { encodeFrame } from "../../protocol/frame.js";
import { PLAIN_MESSAGES } from "../../protocol/messages.js";
import type { Message } from "../../protocol/schema.js";
import { diag } from "./diag.js";
import { examples } from "./examples.js";
import { type FrameVector, toJson, type Vector } from "./json.js";

const bad: readonly (readonly [name: string, hex: string, want: string])[] = [
  ["not an array", "a2010302 06", "malformed"],
  ["payload alone", "a201020206", "malformed"],
  ["array of one", "811821", "malformed"],
  ["array of three", "831821a20102020600", "malformed"],
  ["array of no items", "80", "malformed"],
  ["type is a text", "826133a201020206", "malformed"],
  ["type in long form", "82190021a201020206", "malformed"],
  ["array in long form", "98021821a201020206", "malformed"],
  ["array of indefinite length", "9f1821a201020206ff", "malformed"],
  ["type after payload", "82a2010202061821", "malformed"],
  ["trailing byte", "821821a20102020600", "malformed"],
  ["truncated", "821821a2010202", "malformed"],
  ["nothing", "", "malformed"],
  ["tagged", "d2821821a201020206", "malformed"],
  ["payload is a byte string", "82182145a201020206", "malformed"],
  ["payload is an array", "821821820206", "malformed"],
  ["payload without a key", "821821a10102", "malformed"],
  ["payload with a key that is not known", "821821a301020206182000", "unknown-key"],
  ["payload out of range", "821821a20105 0206", "out-of-range"],
  ["another type that there is", "821820a10201", "unknown-type"],
  ["a type that there is not", "821863a201020206", "unknown-type"],
  ["a type that is only signed", "8203a201020206", "unknown-type"],
  ["a negative type", "823820a201020206", "unknown-type"],
];
const BAD_READ_AS = "role-notice";

export function frameVectors(): readonly FrameVector[] {
  const good = PLAIN_MESSAGES.map((message) => {
    const [name, value] = Object.entries(examples[message.name]).at(-1) as [string, unknown];
    const bytes = encodeFrame(message as Message<unknown>, value);
    return vector(`${message.name}, ${name}`, bytes, message.name, toJson(value));
  });
  const refused = bad.map(([name, hex, error]) =>
    vector(name, fromHex(hex.replaceAll(" ", "")), BAD_READ_AS, { error }),
  );
  return [...good, ...refused];
}

function vector(name: string, bytes: Uint8Array, message: string, want: Vector["want"]): FrameVector {
  return { name, hex: toHex(bytes), diag: diag(bytes), message, want };
}
