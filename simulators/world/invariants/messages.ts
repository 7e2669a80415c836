/** What goes over the network, taken apart: whose signature is good, is not looked at here. */
import { parseEnvelope } from "../../../protocol/cose.js";
import { ProtocolError } from "../../../protocol/errors.js";
import { decodeFrame, frameType } from "../../../protocol/frame.js";
import type { Message } from "../../../protocol/schema.js";

/** An envelope of any type. */
export interface Signed {
  readonly type: number;
  readonly payload: Uint8Array;
}

const opened = new WeakMap<Uint8Array, Signed | "none">();
const values = new WeakMap<Signed, unknown>();

/** Undefined for what is no envelope. Several look at the same bytes: they are read once. */
export function signedIn(bytes: Uint8Array): Signed | undefined {
  const known = opened.get(bytes) ?? attempt(() => parseEnvelope(bytes)) ?? "none";
  opened.set(bytes, known);
  return known === "none" ? undefined : known;
}

/** Undefined unless that is this message. */
export function signedAs<T>(message: Message<T>, signed: Signed | undefined): T | undefined {
  if (signed?.type !== message.type) return undefined;
  if (!values.has(signed))
    values.set(
      signed,
      attempt(() => message.decode(signed.payload)),
    );
  return values.get(signed) as T | undefined;
}

/** Undefined unless it is a frame with this message. */
export function frameAs<T>(message: Message<T>, bytes: Uint8Array): T | undefined {
  return attempt(() => (frameType(bytes) === message.type ? decodeFrame(message, bytes) : undefined));
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
