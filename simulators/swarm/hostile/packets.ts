/** The few MQTT 3.1.1 packets that a stranger needs, written and read without a library that would mend them. Pure. */
import { concatBytes, utf8 } from "../../../protocol/bytes.js";

const CONNECT = 0x10;
const CONNACK = 0x20;
const PUBLISH_QOS_1 = 0x32;
const PUBACK = 0x40;
const PROTOCOL_LEVEL = 4;
const CLEAN_SESSION = 2;
const KEEPALIVE_SECONDS = 60;
/** Of a packet whose length fits one byte (MQTT 3.1.1 §2.2.3), which all of these do. */
const MAX_BODY_BYTES = 127;

/** MQTT 3.1.1 §3.1. @throws RangeError for a client id of more than 115 bytes. */
export function connectPacket(clientId: string): Uint8Array {
  const flags = Uint8Array.of(PROTOCOL_LEVEL, CLEAN_SESSION, 0, KEEPALIVE_SECONDS);
  return packet(CONNECT, text("MQTT"), flags, text(clientId));
}

/** MQTT 3.1.1 §3.3, QoS 1, packet id 1. @throws RangeError for more than 123 bytes of topic and payload. */
export function publishPacket(topic: string, payload: Uint8Array): Uint8Array {
  return packet(PUBLISH_QOS_1, text(topic), Uint8Array.of(0, 1), payload);
}

/** What a gateway said, as far as it matters here. */
export interface Said {
  /** It accepted the CONNECT (§3.2.2.3). */
  readonly accepted: boolean;
  /** It acknowledged the message: it was heard. */
  readonly acknowledged: boolean;
}

/** @param bytes - all that came down; short packets only, the rest is not looked at. */
export function saidIn(bytes: Uint8Array): Said {
  let accepted = false;
  let acknowledged = false;
  for (let at = 0; at + 1 < bytes.length;) {
    const [type = 0, length = 0] = bytes.subarray(at, at + 2);
    if (length > MAX_BODY_BYTES) break;
    if (type === CONNACK && bytes[at + 3] === 0) accepted = true;
    if (type === PUBACK) acknowledged = true;
    at += 2 + length;
  }
  return { accepted, acknowledged };
}

function packet(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...parts);
  if (body.length > MAX_BODY_BYTES) throw new RangeError(`a packet of at most ${MAX_BODY_BYTES} bytes`);
  return concatBytes(Uint8Array.of(type, body.length), body);
}

function text(value: string): Uint8Array {
  const bytes = utf8(value);
  return concatBytes(Uint8Array.of(0, bytes.length), bytes);
}
