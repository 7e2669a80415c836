/** When to try again: full jitter, so that a fleet that was cut off together does not come back together. */

export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

export const DEFAULT_BACKOFF: Backoff = { firstMs: 1_000, longestMs: 300_000 };

/** @param attempt - failures in a row, from 0. @param random - 4 fresh bytes. @returns milliseconds. */
export function retryDelayMs({ firstMs, longestMs }: Backoff, attempt: number, random: Uint8Array): number {
  const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(attempt, 30));
  const share = new DataView(random.buffer, random.byteOffset).getUint32(0) / 0x1_0000_0000;
  return Math.floor(ceiling * share);
}

/** After that many failures in a row the pauses grow no longer, and one more says nothing new. */
export function attemptsThatCount({ firstMs, longestMs }: Backoff): number {
  return Math.max(1, Math.ceil(Math.log2(longestMs / firstMs)) + 1);
}
