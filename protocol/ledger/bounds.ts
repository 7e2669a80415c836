/** What a ledger may hold, so that no few bytes cost a reader much memory or time. */

/** Largest coded content or change, in bytes. */
export const MAX_LEDGER_BYTES = 1_048_576;
/**
 * Most numbers in one list: as many as the largest content has bits. Runs name any range of numbers in a
 * few bytes, so bytes alone are no bound; the digest hashes 4 bytes for each.
 */
export const MAX_LEDGER_NUMBERS = 8 * MAX_LEDGER_BYTES;
/** Largest device number; the smallest is 1. */
export const MAX_NUMBER = 0xffff_ffff;
/** Largest parameter of a Golomb code: its remainders then fit 31 bits. */
export const MAX_GOLOMB_PARAMETER = 0x8000_0000;
