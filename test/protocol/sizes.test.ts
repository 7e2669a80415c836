/** The size targets of the design hold, and docs/benchmarks.md says what is true. */
import { describe, expect, test } from "vitest";
import { BYTES_DOCUMENT, bytesTable, missed } from "../bench/bytes.js";
import { exchanges, exchangeTable } from "../bench/exchanges.js";
import { sizes } from "../bench/sizes.js";
import { between, readDocument } from "../docs/markdown.js";

const SIZES = sizes();

describe.each(["ES256", "Ed25519"] as const)("P11: with %s keys", (algorithm) => {
  test.each([
    ["directive", 220],
    ["release", 220],
    ["lease", 220],
    ["beacon", 220],
    ["sync up", 340],
    ["sync down, nothing new", 340],
  ])("%s has at most %i bytes", (what, most) => {
    const size = SIZES.find((one) => one.what === what && one.algorithm === algorithm);
    expect(size?.target).toBe(most);
    expect(size?.young).toBeLessThanOrEqual(most);
    expect(size?.large).toBeLessThanOrEqual(most);
  });
});

test("a target that is missed is named", () => {
  const size = { what: "lease", algorithm: "ES256", young: 1, large: 221, signatureBytes: 64 } as const;
  expect(missed([size])).toEqual([]);
  expect(missed([{ ...size, target: 220 }])).toHaveLength(1);
  expect(missed([{ ...size, target: 221 }])).toEqual([]);
});

test("docs/benchmarks.md has the present numbers (npm run bench:bytes)", () => {
  const document = readDocument(BYTES_DOCUMENT);
  expect(between(document, "bytes")).toBe(bytesTable(SIZES));
  expect(between(document, "exchanges")).toBe(exchangeTable(exchanges()));
});
