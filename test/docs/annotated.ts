/** The first good envelope of test/vectors/envelope.json and what its signature covers, byte by byte. */
import { concatBytes, fromHex, toHex, utf8 } from "../../protocol/bytes.js";
import { encodeCbor } from "../../protocol/codec.js";
import { parseEnvelope } from "../../protocol/envelope.js";
import type { EnvelopeVector } from "../vectors/json.js";
import { readVectors } from "../vectors/read.js";

/** `[bytes, depth, what they are]`, in the order in which they stand. */
type Line = readonly [size: number, depth: number, meaning: string];

const ENVELOPE: readonly Line[] = [
  [1, 0, "tag 18: COSE_Sign1"],
  [1, 0, "an array of four"],
  [1, 1, "protected header, a byte string of 17:"],
  [1, 2, "a map of three"],
  [2, 2, "1 alg: -7, ES256"],
  [10, 2, "4 kid: 8 bytes of SHA-256 of the hold key"],
  [4, 2, "16 typ: 65003, a directive"],
  [1, 1, "unprotected header: an empty map"],
  [2, 1, "payload, a byte string of 51:"],
  [1, 2, "a map of six"],
  [4, 2, "1 subject: device 4711"],
  [4, 2, "2 version: term 1, seq 7"],
  [2, 2, "3 level: isolate"],
  [3, 2, "4 reason, a text of 29 bytes:"],
  [29, 3, '"reported stolen – dépôt 3"'],
  [2, 2, "5 lowest generation: 1"],
  [6, 2, "6 issued at: 1780000000"],
  [2, 1, "signature, a byte string of 64: r and s"],
  [64, 2, ""],
];
const TO_BE_SIGNED: readonly Line[] = [
  [1, 0, "an array of four"],
  [11, 1, '"Signature1"'],
  [1, 1, "protected header, as it stands in the envelope:"],
  [17, 2, ""],
  [2, 1, "external data, a byte string of 25:"],
  [9, 2, '"daymark/1"'],
  [16, 2, "the fleet id"],
  [2, 1, "payload, as it stands in the envelope:"],
  [51, 2, ""],
];
const BYTES_PER_LINE = 16;
const MEANING_COLUMN = 42;

export function annotatedEnvelope(): string {
  const vector = readVectors<EnvelopeVector>("envelope.json")[0]!;
  const bytes = fromHex(vector.hex);
  const { protectedHeader, payload } = parseEnvelope(bytes);
  const externalData = concatBytes(utf8("daymark/1"), fromHex(vector.fleetId.hex));
  const signed = encodeCbor(["Signature1", protectedHeader, externalData, payload]);
  return [
    `The envelope, ${bytes.length} bytes:`,
    fenced(annotated(bytes, ENVELOPE)),
    `What its signature covers (Sig_structure, RFC 9052 §4.4), ${signed.length} bytes:`,
    fenced(annotated(signed, TO_BE_SIGNED)),
  ].join("\n\n");
}

/** @throws RangeError when the lines do not add up to the bytes. */
function annotated(bytes: Uint8Array, lines: readonly Line[]): readonly string[] {
  let at = 0;
  const out = lines.flatMap(([size, depth, meaning]) => {
    const part = bytes.subarray(at, at + size);
    at += size;
    return wrapped(part).map((hex, i) => {
      const text = "  ".repeat(depth) + hex;
      return i === 0 && meaning !== "" ? `${text.padEnd(MEANING_COLUMN)}; ${meaning}` : text;
    });
  });
  if (at !== bytes.length) throw new RangeError(`${at} bytes are explained, and there are ${bytes.length}`);
  return out;
}

function wrapped(bytes: Uint8Array): readonly string[] {
  const lines = Math.ceil(bytes.length / BYTES_PER_LINE);
  return Array.from({ length: lines }, (_, i) =>
    toHex(bytes.subarray(i * BYTES_PER_LINE, (i + 1) * BYTES_PER_LINE)),
  );
}

function fenced(lines: readonly string[]): string {
  return `\`\`\`text\n${lines.join("\n")}\n\`\`\``;
}
