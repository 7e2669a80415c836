/** What a device must not forget: plain data, saved whole. Private keys are in the `KeyStore`, never here. */
import type { PublicKey } from "../protocol/crypto.js";
import type { Level } from "../protocol/level.js";
import type { Hold } from "../protocol/standing.js";
import type { ALARM_KINDS } from "../protocol/sync.js";
import type { SyncToken } from "../protocol/sync-token.js";
import type { ActsDone } from "../protocol/vector.js";
import type { Latch } from "./advisories.js";

export interface Alarm {
  /** Counted from 1; a release clears alarms by id. */
  readonly id: number;
  readonly kind: keyof typeof ALARM_KINDS;
}

/** A request on its way. Saved before it is sent, so that a retry after a power cut is the same request. */
export interface OpenRequest {
  readonly kind: "enroll" | "renew" | "return" | "reenroll";
  /** 16 bytes. */
  readonly nonce: Uint8Array;
  /** Name of the new key in the `KeyStore`. */
  readonly key: string;
  /** New keys were asked for that often when this one was made: its certificate settles that count. */
  readonly rekey?: number;
  /** Of a re-enrollment: the ticket, a secret of 32 bytes, until it is answered. */
  readonly ticket?: Uint8Array;
}

export interface DeviceRecord {
  readonly number: number;
  readonly hardwareId: Uint8Array;
  readonly model: string;
  /** 16 bytes. */
  readonly fleetId: Uint8Array;
  /** Papers from the factory, or from who owns it now: DER chain, and envelopes. */
  readonly idevid: readonly Uint8Array[];
  readonly voucher: Uint8Array;
  readonly birth: Uint8Array;
  /** Since the first change of owner: the IDevID of its birth, which names its maker. */
  readonly maker?: readonly Uint8Array[];
  /** Earlier owners. */
  readonly former?: readonly Former[];
  /** Newest Authority. */
  readonly authority: Uint8Array;
  /** Those before it, oldest first: proof of a fork, and links for peers that missed them. */
  readonly earlier?: readonly Uint8Array[];
  /**
   * Since a re-enrollment: the key that says who it is to its fleet, in place of the IDevID's. The LDevID may
   * be of the same key, so it is not removed with that.
   */
  readonly base?: { readonly key: string; readonly publicKey: PublicKey };
  /** Its operational identity: DER chain, leaf first, and the name of its key. */
  readonly ldevid?: { readonly chain: readonly Uint8Array[]; readonly key: string };
  /** Newest envelopes of each kind; `freed` is the release that a lease has put in force. */
  readonly directive?: Uint8Array;
  readonly release?: Uint8Array;
  readonly freed?: Uint8Array;
  readonly lease?: Uint8Array;
  /** Of the newest lease that followed on the token before it; shown in the next sync. */
  readonly token?: SyncToken;
  /** Newest Beacon; and the denied set, in canonical form, with the Beacon that proves it. */
  readonly beacon?: Uint8Array;
  readonly ledger?: { readonly beacon: Uint8Array; readonly content: Uint8Array };
  /** Newest advisory list and removals; the removals that a lease has put in force; entries that matched. */
  readonly advisories?: Uint8Array;
  readonly removals?: Uint8Array;
  readonly freedRemovals?: Uint8Array;
  readonly latched?: readonly Latch[];
  /** Holds that no release in force has lifted. */
  readonly holds: readonly Hold[];
  readonly alarms: readonly Alarm[];
  readonly lastAlarmId: number;
  /** One-shot acts done in the present term of directives. */
  readonly done?: ActsDone;
  /**
   * The fleet asked for a probe, so this may be an older image of a state: what is asked for may be done
   * already. Until a lease tells, only a wipe is.
   */
  readonly actsWait?: true;
  /** Newest signed fleet time, Unix seconds; 0: none yet. Within a term it never falls. */
  readonly signedSeconds: number;
  /** Powered seconds counted since then, up to the last save. */
  readonly poweredSeconds: number;
  /**
   * While a new term of time has left it without a lease: when the last one ended, in the time of that term,
   * so that the term makes no device fresher than it was. May be negative.
   */
  readonly lapsedSeconds?: number;
  readonly request?: OpenRequest;
  /** Nonce of a sync request that was handed out to be carried, until a lease answers it; 16 bytes. */
  readonly challenge?: Uint8Array;
  /** Keys that were given up with this very save; removed after it, or at the next boot. */
  readonly discarded?: readonly string[];
  /** Grow with each receipt, and with each key made. */
  readonly receiptCounter: number;
  readonly keyCounter: number;
}

/** Beside the record, and not bound to the counter: flash and NV memory wear with each write. */
export interface SessionRecord {
  /** Newest signed time that `poweredSeconds` counts from; with another one in the record it counts no more. */
  readonly signedSeconds: number;
  /** Powered seconds since, up to now: the higher of this and the record's counts. */
  readonly poweredSeconds: number;
  /** Connections that ended in a row without a sync: the next pause is as long as if nothing had been off. */
  readonly attempts: number;
}

/**
 * What is kept of an earlier owner, so that a device that comes back accepts nothing older than it held
 * there. At most one for each transfer of the voucher.
 */
export interface Former extends Pick<
  DeviceRecord,
  | "fleetId"
  | "authority"
  | "beacon"
  | "advisories"
  | "removals"
  | "freedRemovals"
  | "latched"
  | "done"
  | "signedSeconds"
  | "poweredSeconds"
  | "lapsedSeconds"
> {
  /** That the device has had there. None is given again, or documents for it would count again. */
  readonly numbers: readonly number[];
  /** Its standing when it left. */
  readonly level: Level;
}
