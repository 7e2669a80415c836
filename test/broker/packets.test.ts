/** The meter in front of the parser: what it lets pass, and that it does not matter how the bytes are cut. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_FIRST_PACKET_BYTES, MAX_PACKET_BYTES, PacketMeter } from "../../broker/packets.js";
import { concatBytes } from "../../protocol/bytes.js";

const CONNECT = 0x10;
const PUBLISH = 0x30;

/** A packet of `size` bytes in all. */
function packet(type: number, size: number): Uint8Array {
  for (let lengthBytes = 1; ; lengthBytes++) {
    const body = size - 1 - lengthBytes;
    if (body < 128 ** lengthBytes) return concatBytes(header(type, body), new Uint8Array(body));
  }
}
function header(type: number, length: number): Uint8Array {
  const digits: number[] = [];
  for (let left = length; digits.length === 0 || left > 0; left = Math.floor(left / 128))
    digits.push(left % 128);
  return Uint8Array.from([type, ...digits.map((digit, i) => (i < digits.length - 1 ? digit | 0x80 : digit))]);
}
function admitted(): PacketMeter {
  const meter = new PacketMeter();
  meter.feed(packet(CONNECT, 20));
  meter.admit();
  return meter;
}

test.each<[string, Uint8Array, string | undefined]>([
  ["nothing", Uint8Array.of(), undefined],
  ["a CONNECT", packet(CONNECT, 20), undefined],
  ["the largest CONNECT", packet(CONNECT, MAX_FIRST_PACKET_BYTES), undefined],
  ["a larger one", packet(CONNECT, MAX_FIRST_PACKET_BYTES + 1), "packet-size"],
  ["one that only declares more", header(CONNECT, MAX_FIRST_PACKET_BYTES), "packet-size"],
  ["the longest length", header(CONNECT, 268_435_455), "packet-size"],
  ["a length of five bytes", Uint8Array.of(CONNECT, 0x80, 0x80, 0x80, 0x80, 0x01), "packet-order"],
  ["a PUBLISH first", packet(PUBLISH, 20), "packet-order"],
  ["HTTP", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), "packet-order"],
  [
    "a large packet sent before the answer",
    concatBytes(packet(CONNECT, 20), packet(PUBLISH, 4097)),
    "packet-size",
  ],
])("before it is let in: %s", (_name, bytes, want) => {
  expect(new PacketMeter().feed(bytes)).toBe(want);
});

test.each<[string, Uint8Array, string | undefined]>([
  ["the largest packet", packet(PUBLISH, MAX_PACKET_BYTES), undefined],
  ["a larger one", packet(PUBLISH, MAX_PACKET_BYTES + 1), "packet-size"],
  [
    "one behind others",
    concatBytes(packet(PUBLISH, 300), packet(0xc0, 2), header(PUBLISH, 70_000)),
    "packet-size",
  ],
])("a session: %s", (_name, bytes, want) => {
  expect(admitted().feed(bytes)).toBe(want);
});

describe("however the bytes are cut", () => {
  const sizes = fc.array(fc.integer({ min: 2, max: MAX_PACKET_BYTES }), { minLength: 1, maxLength: 4 });
  test("packets within bounds pass, and the one that is not is seen", () => {
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.integer({ min: 1, max: 5_000 }), (packets, tooLarge, step) => {
        const last = tooLarge ? [header(PUBLISH, MAX_PACKET_BYTES)] : [];
        const stream = concatBytes(...packets.map((size) => packet(PUBLISH, size)), ...last);
        const meter = admitted();
        let fault: string | undefined;
        for (let at = 0; at < stream.length && !fault; at += step)
          fault = meter.feed(stream.subarray(at, at + step));
        expect(fault).toBe(tooLarge ? "packet-size" : undefined);
      }),
      { numRuns: 100 },
    );
  });
});
