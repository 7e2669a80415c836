/**
 * What happened in a fleet: the facts that its log holds, and from which every table is rebuilt.
 * Plain JSON: bytes stand as base64url text, times as Unix seconds of fleet time.
 */
import type { HoldLevel, Level } from "../protocol/level.js";
import type { Version } from "../protocol/version.js";
import type { Algorithm } from "../protocol/crypto.js";

/** Bytes in JSON. */
export type Base64Url = string;
export const toBase64Url = (bytes: Uint8Array): Base64Url => Buffer.from(bytes).toString("base64url");
export const fromBase64Url = (text: Base64Url): Uint8Array => new Uint8Array(Buffer.from(text, "base64url"));

export interface KeyFact {
  readonly algorithm: Algorithm;
  readonly bytes: Base64Url;
}

/** A device's vector as it signed it: the newest versions it has stored. */
export interface HeldFact {
  readonly authority: number;
  readonly ledger: Version;
  readonly directive: Version;
  readonly release: Version;
  readonly level: Level;
}

/** What an operator wants: `hold` raises devices to a level, `release` leaves them at one. */
export interface Act {
  readonly kind: "hold" | "release";
  readonly numbers: readonly number[];
  readonly level: Level;
  readonly reason: string;
}

export type Fact =
  | { readonly type: "fleet-created"; readonly name: string }
  | {
      readonly type: "holder-certified";
      readonly number: number;
      readonly profile: "gateway" | "service" | "station";
      /** Of a gateway: the names and addresses at which it is reached. */
      readonly hosts: readonly string[];
      readonly key: KeyFact;
    }
  | {
      readonly type: "device-imported";
      readonly number: number;
      readonly hardwareId: Base64Url;
      readonly model: string;
      readonly key: KeyFact;
      /** Birth record and voucher (envelopes), and the IDevID (DER): what the station gave it. */
      readonly record: Base64Url;
      readonly voucher: Base64Url;
      readonly idevid: Base64Url;
      readonly index: number;
    }
  | {
      readonly type: "certificate-issued";
      readonly number: number;
      readonly generation: number;
      readonly via: "enroll" | "renew" | "return";
      readonly key: KeyFact;
      readonly nonce: Base64Url;
      readonly notBefore: number;
      readonly notAfter: number;
    }
  | {
      readonly type: "directive-issued";
      readonly number: number;
      readonly version: Version;
      readonly level: HoldLevel;
      readonly reason: string;
      readonly lowestGeneration: number;
      readonly act?: string;
    }
  | {
      readonly type: "release-issued";
      readonly number: number;
      readonly version: Version;
      readonly level: Level;
      readonly reason: string;
      readonly clearedAlarms: readonly number[];
      readonly act?: string;
    }
  | {
      readonly type: "lease-issued";
      readonly number: number;
      readonly nonce: Base64Url;
      readonly goodUntil: number;
      readonly nextSyncSeconds: number;
      readonly required: HeldFact;
      /** What the device signed that it holds, and the newest signed time that it knew. */
      readonly held: HeldFact;
      readonly time: number;
      readonly key: Base64Url;
    }
  | {
      readonly type: "receipt-received";
      readonly number: number;
      readonly counter: number;
      readonly held: HeldFact;
    }
  | { readonly type: "alarm-reported"; readonly number: number; readonly id: number; readonly kind: string }
  | {
      readonly type: "beacon-issued";
      readonly version: Version;
      readonly denied: number;
      readonly digest: Base64Url;
      readonly authority: number;
    }
  | { readonly type: "act-requested"; readonly id: string; readonly act: Act; readonly expiresAt?: number }
  | { readonly type: "act-approved"; readonly id: string; readonly digest: Base64Url };

/** A fact as the log keeps it: who caused it, when, and what was signed on the strength of it. */
export type FleetEvent = Fact & {
  readonly at: number;
  /** An operator's name, `device/<number>`, or `fleet` for what follows by itself. */
  readonly actor: string;
  /** The envelope or certificate that states this fact to others. */
  readonly signed?: Base64Url;
};
export type FactOf<T extends Fact["type"]> = Extract<Fact, { readonly type: T }>;
export type EventOf<T extends Fact["type"]> = FactOf<T> & FleetEvent;
