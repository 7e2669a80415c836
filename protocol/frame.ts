/**
 * A frame carries a message that nobody signed: `[type, payload]`. Replies, errors and notices travel
 * so. What is inside proves itself or can only delay, so a forged frame gains nothing (P1).
 */
import { concatBytes } from "./bytes.js";
import { decodeCbor, encodeCbor } from "./codec.js";
import { ProtocolError } from "./errors.js";
import type { Message } from "./schema.js";
import { MAX_CBOR_BYTES } from "./strict.js";

const ARRAY_OF_TWO = 0x82;

/** @throws ProtocolError when the value breaks its own bounds, or "too-large". */
export function encodeFrame<T>(message: Message<T>, value: T): Uint8Array {
  const bytes = concatBytes(Uint8Array.of(ARRAY_OF_TWO), encodeCbor(message.type), message.encode(value));
  if (bytes.length > MAX_CBOR_BYTES)
    throw new ProtocolError("too-large", `a frame has at most ${MAX_CBOR_BYTES} bytes`);
  return bytes;
}

/** A frame's message type. @throws ProtocolError "malformed" */
export function frameType(bytes: Uint8Array): number {
  const item = decodeCbor(bytes);
  if (Array.isArray(item) && item.length === 2 && typeof item[0] === "number") return item[0];
  throw new ProtocolError("malformed", "neither an envelope nor a frame [type, payload]");
}

/** @throws ProtocolError "unknown-type" when the frame holds another message. */
export function decodeFrame<T>(message: Message<T>, bytes: Uint8Array): T {
  const type = frameType(bytes);
  if (type !== message.type) {
    throw new ProtocolError("unknown-type", `frame of type ${type} came where ${message.name} was expected`);
  }
  return message.decode(bytes.subarray(1 + encodeCbor(type).length));
}
