/** Envelopes, frames and payloads byte by byte: cut along the heads of CBOR, named by the declarations. */
import { concatBytes, utf8 } from "../../protocol/bytes.js";
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from "../../protocol/codec.js";
import { parseEnvelope, signedBytes, type SignatureParts, TYP_BASE } from "../../protocol/cose.js";
import type { Message } from "../../protocol/schema.js";
import { fenced, headOf, line, type Line } from "./lines.js";
import { type Named, namedPayload } from "./names.js";

/** How much is shown. */
interface Cut {
  /** Longer byte strings are cut. */
  readonly bytes: number;
  /** Of longer arrays only the first item is shown. */
  readonly items: number;
}
const WHOLE: Cut = { bytes: Infinity, items: Infinity };
const SHORT: Cut = { bytes: 32, items: 3 };
/** Of a byte string that is cut; and longer ones have a line of their own. */
const SHOWN_OF_CUT = 8;
const LONGEST_BESIDE_ITS_KEY = 15;

/** As in protocol/cose.ts, where it is nobody else's business. */
const CO_SIGNATURES = -65_537;
const EMPTY = new Uint8Array();

type AnyMessage = Pick<Message<unknown>, "name" | "type" | "fields" | "decode">;

export function annotatedPayload(message: AnyMessage, payload: Uint8Array): string {
  return fenced(lines(namedPayload(message, payload), "", 0, EMPTY, SHORT), payload);
}

export function annotatedFrame(message: AnyMessage, frame: Uint8Array): string {
  const type = encodeCbor(message.type);
  const payload = namedPayload(message, frame.subarray(1 + type.length));
  const head = [
    line(frame.subarray(0, 1), 0, "an array of 2"),
    line(type, 1, `number ${message.type}: ${message.name}`),
  ];
  return fenced([...head, ...lines(payload, "payload", 1, EMPTY, SHORT)], frame);
}

/** @param role - whose keys signed it. @param shown - "whole": nothing is cut, so that it can be tried. */
export function annotatedEnvelope(
  message: AnyMessage,
  envelope: Uint8Array,
  role: string,
  shown: "whole" | "cut",
): string {
  return fenced(envelopeLines(message, envelope, role, shown === "whole" ? WHOLE : SHORT), envelope);
}

/** What the first signature of an envelope covers (RFC 9052 §4.4), and how many bytes that is. */
export function annotatedToBeSigned(envelope: Uint8Array, fleetId: Uint8Array): readonly [string, number] {
  const { payload, signatures } = parseEnvelope(envelope);
  const [{ protectedHeader }] = signatures;
  const signed = signedBytes(protectedHeader, payload, fleetId);
  const domain = utf8("daymark/1");
  const external = concatBytes(domain, fleetId);
  const parts = [
    line(Uint8Array.of(0x84), 0, "an array of 4"),
    line(encodeCbor("Signature1"), 1, '"Signature1"'),
    line(headOf(protectedHeader), 1, "protected header, as it stands in the envelope:"),
    line(protectedHeader, 2, ""),
    line(headOf(external), 1, `external data, a byte string of ${external.length}:`),
    line(domain, 2, '"daymark/1"'),
    line(fleetId, 2, "the fleet id"),
    line(headOf(payload), 1, "payload, as it stands in the envelope:"),
    line(payload, 2, ""),
  ];
  return [fenced(parts, signed), signed.length];
}

function envelopeLines(message: AnyMessage, envelope: Uint8Array, role: string, cut: Cut): readonly Line[] {
  const { payload, signatures } = parseEnvelope(envelope);
  const [first, ...others] = signatures;
  return [
    line(Uint8Array.of(0xd2), 0, "tag 18: COSE_Sign1"),
    line(Uint8Array.of(0x84), 0, "an array of 4"),
    ...headerLines(first, 1, message, role),
    ...furtherLines(others, message, role, cut),
    line(headOf(payload), 1, `payload, a byte string of ${payload.length}:`),
    ...lines(namedPayload(message, payload), "", 2, EMPTY, cut),
    ...stringLines(first.signature, "signature", 1, EMPTY, cut),
  ];
}

function furtherLines(
  others: readonly SignatureParts[],
  message: AnyMessage,
  role: string,
  cut: Cut,
): readonly Line[] {
  if (others.length === 0) return [line(Uint8Array.of(0xa0), 1, "unprotected header: an empty map")];
  const label = concatBytes(encodeCbor(CO_SIGNATURES), headOf(others));
  return [
    line(Uint8Array.of(0xa1), 1, "unprotected header: a map of 1"),
    line(label, 2, `${CO_SIGNATURES} further signatures, an array of ${others.length}`),
    ...others.flatMap((other) => [
      line(Uint8Array.of(0x82), 3, "an array of 2"),
      ...headerLines(other, 4, message, role),
      ...stringLines(other.signature, "signature", 4, EMPTY, cut),
    ]),
  ];
}

function headerLines(
  { protectedHeader, algorithm }: SignatureParts,
  depth: number,
  { name, type }: AnyMessage,
  role: string,
): readonly Line[] {
  const parameters = [...(decodeCbor(protectedHeader) as CborMap)];
  const meanings: Readonly<Record<number, string>> = {
    1: `alg: ${algorithm}`,
    4: `kid: 8 bytes of SHA-256 of a ${role} key`,
    16: `typ: ${TYP_BASE} + ${type}, ${name}`,
  };
  return [
    line(headOf(protectedHeader), depth, `protected header, a byte string of ${protectedHeader.length}:`),
    line(protectedHeader.subarray(0, 1), depth + 1, `a map of ${parameters.length}`),
    ...parameters.map(([key, value]) =>
      line(concatBytes(encodeCbor(key), encodeCbor(value)), depth + 1, `${key} ${meanings[key]}`),
    ),
  ];
}

/** @param label - what it is called. @param before - the key that stands before it. */
function lines(value: Named, label: string, depth: number, before: Uint8Array, cut: Cut): readonly Line[] {
  const said = label === "" ? "" : `${label}, `;
  if (value.kind === "map") {
    const { members } = value;
    const head = headOf(new Map(members.map(({ key }) => [key, 0])));
    return [
      line(concatBytes(before, head), depth, `${said}a map of ${members.length}`),
      ...members.flatMap(({ key, name, value: inner }) =>
        lines(inner, `${key} ${name}`, depth + 1, encodeCbor(key), cut),
      ),
    ];
  }
  if (value.kind === "array") {
    const { items } = value;
    const numbers = items.length > 0 && items.every(isNumber);
    if (numbers)
      return [line(concatBytes(before, encodeCbor(cborOf(value))), depth, `${label}: ${wordOf(value)}`)];
    const shown = items.length > cut.items ? items.slice(0, 1) : items;
    const rest = items.slice(shown.length);
    const left = rest.reduce((sum, item) => sum + encodeCbor(cborOf(item)).length, 0);
    return [
      line(concatBytes(before, headOf(items)), depth, `${said}an array of ${items.length}`),
      ...shown.flatMap((item) => lines(item, "", depth + 1, EMPTY, cut)),
      ...(left > 0 ? [line(EMPTY, depth + 1, `${rest.length} more, ${left} bytes`, left)] : []),
    ];
  }
  if (value.cbor instanceof Uint8Array) return stringLines(value.cbor, label, depth, before, cut);
  return [line(concatBytes(before, encodeCbor(value.cbor)), depth, `${label}: ${wordOf(value)}`)];
}

function stringLines(
  bytes: Uint8Array,
  label: string,
  depth: number,
  before: Uint8Array,
  cut: Cut,
): readonly Line[] {
  const said = `${label === "" ? "" : `${label}, `}a byte string of ${bytes.length}`;
  if (bytes.length <= LONGEST_BESIDE_ITS_KEY)
    return [line(concatBytes(before, encodeCbor(bytes)), depth, said)];
  const head = line(concatBytes(before, headOf(bytes)), depth, `${said}:`);
  if (bytes.length <= cut.bytes) return [head, line(bytes, depth + 1, "")];
  const left = bytes.length - SHOWN_OF_CUT;
  return [head, line(bytes.subarray(0, SHOWN_OF_CUT), depth + 1, `and ${left} bytes more`, left)];
}

function isNumber(value: Named): boolean {
  return value.kind === "leaf" && typeof value.cbor === "number";
}

function wordOf(value: Named): string {
  if (value.kind === "array") return `[${value.items.map(wordOf).join(", ")}]`;
  if (value.kind === "map") throw new RangeError("a map has a line for each member");
  return value.says ?? JSON.stringify(value.cbor); // a number, a text, false or true
}

function cborOf(value: Named): CborValue {
  switch (value.kind) {
    case "map":
      return new Map(value.members.map(({ key, value: inner }) => [key, cborOf(inner)]));
    case "array":
      return value.items.map(cborOf);
    case "leaf":
      return value.cbor;
  }
}
