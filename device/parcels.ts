/** What a device hands on: all that it verified and that proves itself to whoever gets it (P1). Pure. */
import { encodeFrame } from "../protocol/frame.js";
import { EMPTY_CONTENT } from "../protocol/ledger/content.js";
import { LedgerPart } from "../protocol/ledger-part.js";
import { equalBytes } from "../protocol/bytes.js";
import type { LedgerHolding, ProvenLedger } from "./ledger.js";
import type { DeviceState } from "./state.js";

/** Bytes of ledger in one part: small enough for the smallest peer. The largest ledger then has 1,076 parts. */
const PART_BYTES = 975;

/**
 * Links first, since all else is opened by what they say; a Beacon before the parts that it proves. What
 * answers a question of this device alone, such as its lease, is not among them.
 */
export function parcels({ record, held }: DeviceState): readonly Uint8Array[] {
  const { list, removal } = held.advisories;
  const links = held.trust.authority.value.version > 1 ? [...(record.earlier ?? []), record.authority] : [];
  const documents = [removal, list, held.directive, held.release].flatMap((found) => found?.bytes ?? []);
  return [...links, ...ledgerItems(held.ledger), ...documents];
}

/** The Beacon of the set that is held, the whole set, then the newest Beacon if it is another one. */
function ledgerItems({ head, set }: LedgerHolding): readonly Uint8Array[] {
  const proven = set ? [set.beacon.bytes, ...partsOf(set)] : [];
  return head && head !== set?.beacon ? [...proven, head.bytes] : proven;
}

function partsOf({ beacon, content }: ProvenLedger): readonly Uint8Array[] {
  if (equalBytes(content, EMPTY_CONTENT)) return []; // its Beacon proves it by itself
  const [to, size] = [beacon.value.version, content.length];
  return Array.from({ length: Math.ceil(size / PART_BYTES) }, (_, i) => {
    const offset = i * PART_BYTES;
    const bytes = content.slice(offset, offset + PART_BYTES);
    return encodeFrame(LedgerPart, { to, size, offset, bytes });
  });
}
