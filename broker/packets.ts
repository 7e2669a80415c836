/**
 * Counts MQTT packets in a byte stream, in front of the parser, which would buffer whatever length a
 * packet declares (up to 256 MB). Reads fixed headers only (MQTT 3.1.1 §2.2) and keeps no bytes.
 */

/** Largest packet of a session, its fixed header included: one envelope of 64 KB, its topic, and room. */
export const MAX_PACKET_BYTES = 70_000;
/** Largest packet of who is not let in yet: a CONNECT with the longest client id is far smaller. */
export const MAX_FIRST_PACKET_BYTES = 4_096;

const CONNECT = 1;
/** Bytes of "remaining length" (MQTT 3.1.1 §2.2.3). */
const MAX_LENGTH_BYTES = 4;

export type PacketFault = "packet-size" | "packet-order";

export class PacketMeter {
  #limit = MAX_FIRST_PACKET_BYTES;
  #first = true;
  /** Bytes of the packet's body still to come. */
  #left = 0;
  /** Bytes of its fixed header seen: 0 between packets. */
  #header = 0;
  #length = 0;

  /** From the next header on, packets may have MAX_PACKET_BYTES. */
  admit(): void {
    this.#limit = MAX_PACKET_BYTES;
  }

  /** @returns what is wrong with a packet that begins here; after that the stream is worth nothing. */
  feed(chunk: Uint8Array): PacketFault | undefined {
    for (let at = 0; at < chunk.length;) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, chunk.length - at);
        this.#left -= skipped;
        at += skipped;
        continue;
      }
      const fault = this.#readHeader(chunk[at] ?? 0);
      if (fault) return fault;
      at += 1;
    }
    return undefined;
  }

  #readHeader(byte: number): PacketFault | undefined {
    if (this.#header === 0) {
      if (this.#first && byte >> 4 !== CONNECT) return "packet-order";
      this.#first = false;
      this.#header = 1;
      this.#length = 0;
      return undefined;
    }
    this.#length += (byte & 0x7f) * 128 ** (this.#header - 1);
    this.#header += 1;
    if (byte & 0x80) return this.#header > MAX_LENGTH_BYTES ? "packet-order" : undefined;
    if (this.#header + this.#length > this.#limit) return "packet-size";
    this.#left = this.#length;
    this.#header = 0;
    return undefined;
  }
}
