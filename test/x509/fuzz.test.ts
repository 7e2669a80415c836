/** Whatever the bytes: a verdict or a ProtocolError, and never a verdict that another fleet member did not sign. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { ProtocolError } from "../../protocol/errors.js";
import { decodeCertificate } from "../../protocol/x509/certificate.js";
import { verifyChain } from "../../protocol/x509/verify.js";
import { NOW, testFleet } from "./helpers.js";

/** "accepted", or the code of the refusal; any other exception fails the test. */
function outcome(act: () => unknown): string {
  try {
    act();
    return "accepted";
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

describe.each(["ES256", "Ed25519"] as const)("%s", (algorithm) => {
  const fleet = testFleet(algorithm);
  const verify = (...chain: Uint8Array[]) => outcome(() => verifyChain(chain, fleet.trust, NOW, nodeCrypto));
  const leaf = fleet.ldevid.certificate;
  const station = fleet.station.certificate;

  test("every byte of a leaf and of a station matters", () => {
    const position = fc.nat({ max: leaf.length - 1 });
    fc.assert(
      fc.property(position, fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const flipped = leaf.map((byte, i) => (i === at ? byte ^ flip : byte));
        const issuer = station.map((byte, i) => (i === at % station.length ? byte ^ flip : byte));
        expect(verify(flipped)).toBe("bad-certificate");
        expect(verify(fleet.idevid.certificate, issuer)).toBe("bad-certificate");
      }),
      { numRuns: 400 },
    );
  });

  test("so does every one of its bits, in turn", () => {
    const accepted = Array.from({ length: leaf.length * 8 }, (_, bit) => bit).filter((bit) => {
      const flipped = leaf.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return verify(flipped) !== "bad-certificate";
    });
    expect(accepted).toEqual([]);
  });

  test("a leaf cut off anywhere is refused", () => {
    for (let size = 0; size < leaf.length; size++) {
      expect(verify(leaf.subarray(0, size))).toBe("bad-certificate");
    }
  });

  test("parts moved, doubled and overwritten: no other exception than ours", () => {
    const edit = fc.record({ from: fc.nat(leaf.length), to: fc.nat(leaf.length), size: fc.nat(64) });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const mixed = leaf.slice();
        for (const { from, to, size } of edits) mixed.copyWithin(to, from, from + size);
        const same = mixed.every((byte, i) => byte === leaf[i]);
        expect(verify(mixed)).toBe(same ? "accepted" : "bad-certificate");
      }),
      { numRuns: 800 },
    );
  });
});

test("random bytes, bare and behind a good header: no other exception than ours", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(outcome(() => decodeCertificate(bytes))).toBe("bad-certificate");
      const framed = Uint8Array.of(0x30, 0x82, bytes.length >> 8, bytes.length & 0xff, ...bytes);
      expect(outcome(() => decodeCertificate(framed))).toBe("bad-certificate");
    }),
    { numRuns: 3000 },
  );
});

test("what comes in a Buffer is copied: changing it later changes nothing", () => {
  const fleet = testFleet("ES256");
  const buffer = Buffer.from(fleet.ldevid.certificate);
  const { fields, tbs } = decodeCertificate(buffer);
  const before = structuredClone({ fields, tbs });
  buffer.fill(0);
  expect({ fields, tbs }).toEqual(before);
  expect(fields.serial.constructor).toBe(Uint8Array);
});
