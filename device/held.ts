/** The documents of a record, opened: what a device holds, in memory. */
import { AdvisoryList, AdvisoryRemoval } from "../protocol/advisory.js";
import type { Trust } from "../protocol/authority.js";
import { reopenAuthority } from "../protocol/authority-chain.js";
import { Beacon } from "../protocol/beacon.js";
import type { Crypto, PublicKey } from "../protocol/crypto.js";
import { Directive } from "../protocol/directive.js";
import { type Opened, reopenEnvelope } from "../protocol/envelope.js";
import { Lease } from "../protocol/lease.js";
import { Release } from "../protocol/release.js";
import type { Message } from "../protocol/schema.js";
import { Voucher } from "../protocol/voucher.js";
import { decodeCertificate } from "../protocol/x509/certificate.js";
import type { AdvisoryHolding } from "./advisories.js";
import type { LedgerHolding } from "./ledger.js";
import type { DeviceRecord } from "./record.js";

export interface Held {
  readonly trust: Trust;
  /** Who owns it: the newest link. */
  readonly voucher: Opened<Voucher>;
  readonly directive?: Opened<Directive>;
  readonly release?: Opened<Release>;
  /** The release that a lease has put in force. */
  readonly freed?: Opened<Release>;
  readonly lease?: Opened<Lease>;
  readonly ledger: LedgerHolding;
  readonly advisories: AdvisoryHolding;
  readonly ldevid?: Ldevid;
}

/** Dates are Unix seconds. */
export interface Ldevid {
  readonly publicKey: PublicKey;
  readonly generation: number;
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * Opens a record at boot. No signature is checked: each document was verified before it was saved, and the
 * keys that signed it may have been rotated since.
 * @throws ProtocolError when the disk holds something that cannot be read.
 */
export function openRecord(record: DeviceRecord, crypto: Crypto): Held {
  const open = <T>(message: Message<T>, bytes: Uint8Array | undefined) =>
    bytes && reopenEnvelope(message, bytes, crypto);
  const directive = open(Directive, record.directive);
  const release = open(Release, record.release);
  const freed = open(Release, record.freed);
  const lease = open(Lease, record.lease);
  const [leaf] = record.ldevid?.chain ?? [];
  return {
    trust: reopenAuthority(record.authority, record.fleetId, crypto),
    voucher: reopenEnvelope(Voucher, record.voucher, crypto),
    ...(directive && { directive }),
    ...(release && { release }),
    ...(freed && { freed }),
    ...(lease && { lease }),
    ledger: ledgerOf(record, crypto),
    advisories: advisoriesOf(record, crypto),
    ...(leaf && { ldevid: readLdevid(leaf) }),
  };
}

function ledgerOf({ beacon, ledger }: DeviceRecord, crypto: Crypto): LedgerHolding {
  const head = beacon && reopenEnvelope(Beacon, beacon, crypto);
  const proven = ledger && {
    beacon: reopenEnvelope(Beacon, ledger.beacon, crypto),
    content: ledger.content,
  };
  return { ...(head && { head }), ...(proven && { set: proven }) };
}

function advisoriesOf(record: DeviceRecord, crypto: Crypto): AdvisoryHolding {
  const { advisories, removals, freedRemovals, latched = [] } = record;
  const list = advisories && reopenEnvelope(AdvisoryList, advisories, crypto);
  const removal = removals && reopenEnvelope(AdvisoryRemoval, removals, crypto);
  const freed = freedRemovals && reopenEnvelope(AdvisoryRemoval, freedRemovals, crypto);
  return { ...(list && { list }), ...(removal && { removal }), ...(freed && { freed }), latched };
}

/** @param leaf - DER. */
export function readLdevid(leaf: Uint8Array): Ldevid {
  const { fields } = decodeCertificate(leaf);
  const generation = "holder" in fields ? fields.holder.generation : 0;
  const { publicKey, notBeforeSeconds: notBefore, notAfterSeconds: notAfter } = fields;
  return { publicKey, generation, notBefore, notAfter };
}
