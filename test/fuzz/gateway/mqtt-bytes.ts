/** MQTT 3.1.1 packets as bytes, right or wrong: written here, since a client library refuses to send bad ones. */
import { concatBytes } from "../../../protocol/bytes.js";

export const PACKET = {
  connect: 0x10,
  connack: 0x20,
  publish: 0x30,
  puback: 0x40,
  subscribe: 0x82,
  suback: 0x90,
  unsubscribe: 0xa2,
  pingreq: 0xc0,
  pingresp: 0xd0,
  disconnect: 0xe0,
} as const;

export const PINGREQ = Uint8Array.of(PACKET.pingreq, 0);

/** Fixed header and body (§2.2). */
export function packet(first: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...parts);
  return concatBytes(Uint8Array.of(first), remainingLength(body.length), body);
}

/** @param connectFlags - clean session unless told otherwise (§3.1.2.3). */
export function connect(clientId: Uint8Array, connectFlags = 2, keepaliveSeconds = 60): Uint8Array {
  const head = Uint8Array.of(0, 4, ...Buffer.from("MQTT"), 4, connectFlags, 0, keepaliveSeconds);
  return packet(PACKET.connect, head, prefixed(clientId));
}

/** @param flags - QoS in bits 1 and 2, retain in bit 0, duplicate in bit 3 (§3.3.1). */
export function publish(topic: Uint8Array, payload: Uint8Array, flags = 2, id = 1): Uint8Array {
  const identifier = flags & 6 ? uint16(id) : new Uint8Array();
  return packet(PACKET.publish | (flags & 15), prefixed(topic), identifier, payload);
}

export function subscribe(filter: Uint8Array, qos = 0, id = 1): Uint8Array {
  return packet(PACKET.subscribe, uint16(id), prefixed(filter), Uint8Array.of(qos));
}

export function unsubscribe(filter: Uint8Array, id = 1): Uint8Array {
  return packet(PACKET.unsubscribe, uint16(id), prefixed(filter));
}

/** @returns the whole packets at the front of `bytes`, and how many bytes they are. */
export function readPackets(bytes: Uint8Array): {
  readonly packets: readonly Uint8Array[];
  readonly length: number;
} {
  const packets: Uint8Array[] = [];
  let at = 0;
  for (let end = endOf(bytes, at); end !== undefined; end = endOf(bytes, at)) {
    packets.push(bytes.slice(at, end));
    at = end;
  }
  return { packets, length: at };
}

function endOf(bytes: Uint8Array, from: number): number | undefined {
  let length = 0;
  for (let i = 1; i <= 4; i++) {
    const byte = bytes[from + i];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 128 ** (i - 1);
    if (byte < 0x80) return from + 1 + i + length <= bytes.length ? from + 1 + i + length : undefined;
  }
  throw new RangeError("a gateway sends no such length");
}

function remainingLength(length: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = length; ; rest >>= 7) {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    if (rest <= 0x7f) return Uint8Array.from(bytes);
  }
}

function prefixed(bytes: Uint8Array): Uint8Array {
  return concatBytes(uint16(bytes.length), bytes);
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of((value >> 8) & 0xff, value & 0xff);
}
