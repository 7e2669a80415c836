/**
 * Packets in a stream of bytes: a length, then one frame and documents carried as they are, each with a length of
 * its own (4 bytes, big-endian). Documents stay outside the frame since one of 64 KB would not fit into it.
 */
import { concatBytes, uint32 } from "../protocol/bytes.js";
import { ProtocolError } from "../protocol/errors.js";

export interface Packet {
  /** `[type, fields]`, not decoded yet. */
  readonly frame: Uint8Array;
  readonly documents: readonly Uint8Array[];
}

/** Of one packet, without its own length: a device's largest message fits, and so do all parts of a Beacon's. */
export const MAX_PACKET_BYTES = 2 ** 20;
const MAX_DOCUMENTS = 16;
const LENGTH_BYTES = 4;

/** @throws ProtocolError "too-large" */
export function encodePacket(frame: Uint8Array, documents: readonly Uint8Array[] = []): Uint8Array {
  if (documents.length > MAX_DOCUMENTS) refuse("too-large", `${documents.length} documents in one packet`);
  const body = concatBytes(...[frame, ...documents].flatMap((item) => [uint32(item.length), item]));
  if (body.length > MAX_PACKET_BYTES) refuse("too-large", `a packet of ${body.length} bytes`);
  return concatBytes(uint32(body.length), body);
}

/** What is in bytes that end where a packet ends. @throws ProtocolError */
export function readPackets(bytes: Uint8Array): readonly Packet[] {
  const reader = new PacketReader();
  const packets = reader.feed(bytes);
  return reader.isBetween ? packets : refuse("malformed", "a packet that ends too soon");
}

/** Takes a stream in whatever pieces it comes; holds one unfinished packet at most. */
export class PacketReader {
  #held: Uint8Array = new Uint8Array();

  /** All that came was whole packets. */
  get isBetween(): boolean {
    return this.#held.length === 0;
  }

  /** @returns the packets that are whole now. @throws ProtocolError; after that the stream is worth nothing. */
  feed(chunk: Uint8Array): readonly Packet[] {
    this.#held = this.#held.length === 0 ? withoutPool(chunk) : concatBytes(this.#held, chunk);
    const packets: Packet[] = [];
    let at = 0;
    while (this.#held.length - at >= LENGTH_BYTES) {
      const length = lengthAt(this.#held, at);
      if (length > MAX_PACKET_BYTES) refuse("too-large", `a packet of ${length} bytes`);
      const end = at + LENGTH_BYTES + length;
      if (end > this.#held.length) break;
      packets.push(readPacket(this.#held.subarray(at + LENGTH_BYTES, end)));
      at = end;
    }
    this.#held = this.#held.slice(at); // a copy: what is held must not keep a larger piece alive
    return packets;
  }
}

function readPacket(body: Uint8Array): Packet {
  const items: Uint8Array[] = [];
  for (let at = 0; at < body.length;) {
    if (body.length - at < LENGTH_BYTES) refuse("malformed", "a packet that ends inside a length");
    const end = at + LENGTH_BYTES + lengthAt(body, at);
    if (end > body.length) refuse("malformed", "an item that runs past its packet");
    items.push(body.slice(at + LENGTH_BYTES, end));
    at = end;
    if (items.length > MAX_DOCUMENTS + 1) refuse("too-large", "too many documents in one packet");
  }
  const [frame, ...documents] = items;
  return frame ? { frame, documents } : refuse("malformed", "a packet with nothing in it");
}

/** The same bytes as no `Buffer`, whose `slice` would share memory: a document must not keep its chunk alive. */
function withoutPool({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, LENGTH_BYTES).getUint32(0);
}

function refuse(code: "malformed" | "too-large", what: string): never {
  throw new ProtocolError(code, `the link carries ${what}; it cannot be a Daymark link`);
}
