/** What leads to the newest ledger, cut into parts that a device can take. Pure. */
import type { Crypto } from "../protocol/crypto.js";
import { encodeFrame } from "../protocol/frame.js";
import { LedgerPart, type LedgerRequest } from "../protocol/ledger-part.js";
import { compareVersions, type Version } from "../protocol/version.js";
import { fromBase64Url } from "./events.js";
import { changeSince, type LedgerPath, pathFrom } from "./ledger-history.js";
import type { FleetView } from "./view.js";

/** Of one part on the wire: `ledger-part`. */
const MAX_PART_BYTES = 61_440;
/** What is sent to everyone has to fit everyone. */
const PUSHED_PART_BYTES = 1_024;
/** A larger change is not sent to everyone: who needs it asks. */
export const MAX_PUSHED_BYTES = 8_192;

/** The part at `offset`. @param maxBytes - of the change itself, without the part's own frame. */
export function partOf({ from, to, bytes }: LedgerPath, offset: number, maxBytes: number): LedgerPart {
  const part = bytes.slice(offset, offset + Math.min(maxBytes, MAX_PART_BYTES));
  const rest = { to, size: bytes.length, offset, bytes: part };
  return from ? { from, ...rest } : rest;
}

/** All parts, as frames: for a bundle, or for everyone. */
export function partFrames(path: LedgerPath, maxBytes: number = MAX_PART_BYTES): readonly Uint8Array[] {
  const count = Math.ceil(path.bytes.length / maxBytes);
  return Array.from({ length: count }, (_, i) =>
    encodeFrame(LedgerPart, partOf(path, i * maxBytes, maxBytes)),
  );
}

/** What leads from one Beacon to the newest, for whoever is connected; nothing when that is large. */
export function pushedParts({ ledger }: FleetView, from: Version | undefined): readonly Uint8Array[] {
  const { newest: to } = ledger;
  const bytes = from && to && changeSince(ledger, from[1], to[1]);
  if (!bytes || bytes.length > MAX_PUSHED_BYTES) return [];
  return partFrames({ from, to, bytes }, PUSHED_PART_BYTES);
}

/**
 * The part that was asked for. When the ledger has moved on, or the question fits to nothing: the newest
 * Beacon, and the first part of what leads there from what the device holds.
 */
export function ledgerAnswer(
  { ledger, beacon }: FleetView,
  { from, to, offset, maxPartBytes }: LedgerRequest,
  crypto: Crypto,
): readonly Uint8Array[] {
  const path = pathFrom(ledger, from && { version: from }, crypto);
  const frame = (at: number) => (path ? [encodeFrame(LedgerPart, partOf(path, at, maxPartBytes))] : []);
  const goesOn = path && isSame(path.to, to) && offset < path.bytes.length;
  if (goesOn && (offset === 0 || isSame(path.from, from))) return frame(offset);
  return [...(beacon?.signed === undefined ? [] : [fromBase64Url(beacon.signed)]), ...frame(0)];
}

function isSame(a: Version | undefined, b: Version | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && compareVersions(a, b) === 0);
}
