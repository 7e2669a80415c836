/**
 * What a document says, for people: an envelope, a frame, or each item of a bundle, in diagnostic notation
 * with names, before anything about it is trusted. New messages appear here once they are in messages.ts.
 */
import { splitBundle } from "./bundle.js";
import { toHex } from "./bytes.js";
import { type CborMap, type CborValue, decodeCbor } from "./codec.js";
import { type EnvelopeParts, looksSigned, parseEnvelope, type SignatureParts } from "./cose.js";
import type { Algorithm } from "./crypto.js";
import { diagnostic } from "./diagnostic.js";
import { ProtocolError, type ProtocolErrorCode } from "./errors.js";
import { decodeFrame, frameType } from "./frame.js";
import { PLAIN_MESSAGES, SIGNED_MESSAGES } from "./messages.js";
import {
  block,
  type Embedded,
  embedding,
  type Lines,
  notationOf,
  notationOfBytes,
  notationOfHeader,
  prefixed,
} from "./notation.js";
import { orRefusal } from "./refusal.js";
import type { Message } from "./schema.js";

/** Envelopes inside envelopes are shown as such down to here; further ones are bytes. */
export const MAX_SHOWN_NESTING = 3;

export interface Description {
  readonly kind: "envelope" | "frame" | "unreadable";
  readonly sizeBytes: number;
  /** Number of the message; absent when it cannot be read. */
  readonly type?: number;
  /** Name of the message; absent when no message has that number. */
  readonly message?: string;
  /** Who claims to have signed it: `kid` in hex. A frame has none. */
  readonly signatures: readonly { readonly algorithm: Algorithm; readonly kid: string }[];
  /** In diagnostic notation. */
  readonly notation: Lines;
  /** Why a reader would refuse it, before it looks at signatures. */
  readonly error?: { readonly code: ProtocolErrorCode; readonly reason: string };
}

/**
 * Describes a file: one document, or a bundle of them, in their order.
 * Bytes that are no bundle are one unreadable item.
 */
export function inspect(bytes: Uint8Array): readonly Description[] {
  const items = orRefusal(() => splitBundle(bytes));
  return items instanceof ProtocolError ? [unreadable(bytes, items)] : items.map(inspectItem);
}

/** Describes one envelope or frame. Never throws for what is in the bytes. */
export function inspectItem(bytes: Uint8Array): Description {
  const described = orRefusal(() => (looksSigned(bytes) ? inspectEnvelope(bytes) : inspectFrame(bytes)));
  return described instanceof ProtocolError ? unreadable(bytes, described) : described;
}

function inspectEnvelope(bytes: Uint8Array): Description {
  const parts = parseEnvelope(bytes);
  const message = messageOf(parts.type, SIGNED_MESSAGES);
  return {
    kind: "envelope",
    sizeBytes: bytes.length,
    type: parts.type,
    ...(message && { message: message.name }),
    signatures: parts.signatures.map(({ algorithm, kid }) => ({ algorithm, kid: toHex(kid) })),
    notation: envelopeLines(bytes, parts, 0),
    ...errorOf(orRefusal(() => known(message, parts.type).decode(parts.payload))),
  };
}

function inspectFrame(bytes: Uint8Array): Description {
  const type = frameType(bytes);
  const message = messageOf(type, PLAIN_MESSAGES);
  const [, payload] = decodeCbor(bytes) as [number, CborValue];
  const name = message ? `/ ${message.name} / ` : "";
  const inside = notationOf(payload, message?.fields ?? {}, nestedEnvelope(0));
  return {
    kind: "frame",
    sizeBytes: bytes.length,
    type,
    ...(message && { message: message.name }),
    signatures: [],
    notation: block("[", [[`${name}${type}`], inside], "]"),
    ...errorOf(orRefusal(() => decodeFrame(known(message, type), bytes))),
  };
}

function unreadable(bytes: Uint8Array, refusal: ProtocolError): Description {
  const described = { kind: "unreadable", sizeBytes: bytes.length, signatures: [] } as const;
  return { ...described, notation: [diagnostic(bytes)], ...errorOf(refusal) };
}

function errorOf(read: unknown): Pick<Description, "error"> {
  return read instanceof ProtocolError ? { error: { code: read.code, reason: read.message } } : {};
}

/** The message with this number. */
function messageOf(type: number, all: readonly Message<unknown>[]): Message<unknown> | undefined {
  return all.find((message) => message.type === type);
}

function known(message: Message<unknown> | undefined, type: number): Message<unknown> {
  if (message) return message;
  throw new ProtocolError("unknown-type", `no message that this version knows has the number ${type}`);
}

/** @param depth - how many envelopes this one is in. */
function envelopeLines(bytes: Uint8Array, parts: EnvelopeParts, depth: number): Lines {
  const { type, payload, signatures } = parts;
  const message = messageOf(type, SIGNED_MESSAGES);
  const [first, ...others] = signatures;
  const [, unprotected] = decodeCbor(bytes.subarray(1)) as [CborValue, CborMap];
  const further = [...unprotected.keys()].map((key) => {
    const entries = others.map((other) =>
      block("[", [headerLines(other, message), notationOfBytes(other.signature)], "]"),
    );
    return prefixed(`/ further signatures / ${key}: `, block("[", entries, "]"));
  });
  const inside = payloadLines(payload, message, depth);
  return block(
    "18([",
    [
      prefixed("/ protected / ", headerLines(first, message)),
      prefixed("/ unprotected / ", block("{ ", further, " }")),
      prefixed(`/ ${message?.name ?? "payload"} / `, inside),
      prefixed("/ signature / ", notationOfBytes(first.signature)),
    ],
    "])",
  );
}

/** RFC 9052 §3.1, RFC 9596: alg, kid and typ, with the words for their numbers. */
function headerLines(
  { protectedHeader, algorithm, kid }: SignatureParts,
  message: Message<unknown> | undefined,
): Lines {
  const header = decodeCbor(protectedHeader) as CborMap;
  return embedding(notationOfHeader(header, { alg: algorithm, kid, typ: message?.name }));
}

/** A payload that is no strict CBOR is shown as the byte string that it is. */
function payloadLines(payload: Uint8Array, message: Message<unknown> | undefined, depth: number): Lines {
  const value = orRefusal(() => decodeCbor(payload));
  if (value instanceof ProtocolError) return notationOfBytes(payload);
  return embedding(notationOf(value, message?.fields ?? {}, nestedEnvelope(depth)));
}

/** Shows the byte strings that are envelopes themselves, such as a voucher in an enroll request. */
function nestedEnvelope(depth: number): Embedded {
  return (bytes) => {
    if (depth >= MAX_SHOWN_NESTING || !looksSigned(bytes)) return undefined;
    const parts = orRefusal(() => parseEnvelope(bytes));
    return parts instanceof ProtocolError ? undefined : envelopeLines(bytes, parts, depth + 1);
  };
}
