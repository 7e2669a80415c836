/**
 * Ledger data on the wire: what leads from one epoch's denied set to a later one's, or from nothing. Nobody
 * signs it: the Beacon's digest proves the result, so any holder can compose it for another, and a wrong
 * one is found out. How the bytes are coded is in ledger/.
 */
import { MAX_LEDGER_BYTES } from "./ledger/bounds.js";
import { field, map, message, optional, type Type, type TypeOf, type ValueOf } from "./schema.js";
import { bytes as byteString, uint } from "./types.js";
import { version } from "./version.js";

const MAX_PART_BYTES = 61_440;
const ledgerSize = uint(MAX_LEDGER_BYTES, 1);

const partFields = {
  from: optional(1, version, "[term, epoch] it changes; absent: it is the whole ledger"),
  to: field(2, version, "[term, epoch] of the Beacon that proves the result"),
  size: field(3, ledgerSize, "bytes of the whole change"),
  offset: field(4, uint(MAX_LEDGER_BYTES), "where this part begins"),
  bytes: field(5, byteString({ min: 1, max: MAX_PART_BYTES }), "the part"),
};
export const ledgerPart: Type<ValueOf<typeof partFields>> = map(partFields, "ledger-part");
export type LedgerPart = ValueOf<typeof partFields>;

/** Anyone to anyone: a part of a change of the ledger. CDDL: `ledger-part`, frame 37. */
export const LedgerPart = message(37, "ledger-part", partFields);

/**
 * Device to whoever may hold it: the next part, please. Answered by a `ledger-part`, or by a newer Beacon
 * and the first part of what leads there. CDDL: `ledger-request`, frame 38.
 */
export const LedgerRequest = message(38, "ledger-request", {
  from: optional(1, version, "[term, epoch] of the ledger that it holds; absent: none, or send all"),
  to: field(2, version, "[term, epoch] that it wants to reach"),
  offset: field(3, uint(MAX_LEDGER_BYTES), "where to go on"),
  maxPartBytes: field(4, uint(65_536, 64), "the largest part it can take"),
});
export type LedgerRequest = TypeOf<typeof LedgerRequest>;
