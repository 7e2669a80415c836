/** The Beacon: the signed head of the ledger, retained on the bus, so that a device sees what it misses. */
import { signedBy } from "./authority.js";
import { concatBytes, uint32 } from "./bytes.js";
import { seconds, sha256 } from "./common.js";
import type { Crypto } from "./crypto.js";
import { field, message, type TypeOf } from "./schema.js";
import { uint } from "./types.js";
import { version } from "./version.js";

/**
 * Fleet to all: how many numbers are denied at this epoch, and the digest that proves the list.
 * CDDL: `beacon`, type 2. Signed by `ledger`.
 */
export const Beacon = signedBy(
  "ledger",
  message(2, "beacon", {
    version: field(1, version, "[term, epoch]"),
    denied: field(2, uint(0xffff_ffff), "how many numbers are denied"),
    digest: field(3, sha256, "of the denied set and the lowest generations"),
    authority: field(4, uint(), "newest Authority version"),
    issuedAt: field(6, seconds, "fleet time"),
  }),
);
export type Beacon = TypeOf<typeof Beacon>;

/**
 * Digest of the ledger in canonical form: SHA-256 over the count of denied numbers, the numbers
 * ascending, then for each number with a lowest generation above 1 the number and that generation,
 * ascending by number; every value as 4 bytes, big-endian.
 */
export function ledgerDigest(
  denied: Iterable<number>,
  lowestGenerations: ReadonlyMap<number, number>,
  crypto: Crypto,
): Uint8Array {
  const numbers = [...denied].sort((a, b) => a - b);
  const generations = [...lowestGenerations].sort(([a], [b]) => a - b).flat();
  return crypto.sha256(concatBytes(...[numbers.length, ...numbers, ...generations].map(uint32)));
}
