/** What a device must not forget: plain data, saved whole. Private keys are in the `KeyStore`, never here. */
import type { Hold } from "../protocol/standing.js";
import type { ALARM_KINDS } from "../protocol/sync.js";

export interface Alarm {
  /** Counted from 1; a release clears alarms by id. */
  readonly id: number;
  readonly kind: keyof typeof ALARM_KINDS;
}

/** A request on its way. Saved before it is sent, so that a retry after a power cut is the same request. */
export interface OpenRequest {
  readonly kind: "enroll" | "renew" | "return";
  /** 16 bytes. */
  readonly nonce: Uint8Array;
  /** Name of the new key in the `KeyStore`. */
  readonly key: string;
}

export interface DeviceRecord {
  readonly number: number;
  readonly hardwareId: Uint8Array;
  readonly model: string;
  /** 16 bytes. */
  readonly fleetId: Uint8Array;
  /** Papers from the factory: DER chain, and envelopes. */
  readonly idevid: readonly Uint8Array[];
  readonly authority: Uint8Array;
  readonly voucher: Uint8Array;
  readonly birth: Uint8Array;
  /** Its operational identity: DER chain, leaf first, and the name of its key. */
  readonly ldevid?: { readonly chain: readonly Uint8Array[]; readonly key: string };
  /** Newest envelopes of each kind; `freed` is the release that a lease has put in force. */
  readonly directive?: Uint8Array;
  readonly release?: Uint8Array;
  readonly freed?: Uint8Array;
  readonly beacon?: Uint8Array;
  readonly lease?: Uint8Array;
  /** Holds that no release in force has lifted. */
  readonly holds: readonly Hold[];
  readonly alarms: readonly Alarm[];
  readonly lastAlarmId: number;
  /** Newest signed fleet time, Unix seconds; 0: none yet. Never falls. */
  readonly signedSeconds: number;
  /** Powered seconds counted since then, up to the last save. */
  readonly poweredSeconds: number;
  readonly request?: OpenRequest;
  /** Grow with each receipt, and with each key made. */
  readonly receiptCounter: number;
  readonly keyCounter: number;
}
