/**
 * What happened in a fleet: the facts that its log holds, and from which every table is rebuilt.
 * Plain JSON: bytes stand as base64url text, times as Unix seconds of fleet time.
 */
import type { FreshnessRules } from "../protocol/authority.js";
import type { HoldLevel, Level } from "../protocol/level.js";
import type { ActName, ActsDone } from "../protocol/vector.js";
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
  readonly advisories: Version;
  readonly removals: Version;
  readonly directive: Version;
  readonly release: Version;
  readonly level: Level;
  readonly done: ActsDone;
}

/** One rule of the advisory list; `match` in the language of protocol/predicate-text.ts. */
export interface AdvisoryFact {
  readonly id: number;
  readonly match: string;
  readonly level: HoldLevel;
  readonly reason: string;
}

/**
 * What an operator wants. `numbers`: the devices it is about; of an advisory, those that it matched when
 * it was asked for, or would free.
 */
export type Act = { readonly numbers: readonly number[]; readonly reason: string } & (
  | { readonly kind: "hold"; readonly level: Level }
  /** `freshness`: a table of its own, until its next release; absent: that of its model. */
  | { readonly kind: "release"; readonly level: Level; readonly freshness?: FreshnessRules }
  /** Two seemed to hold the same keys, and the operator says that there is one. */
  | { readonly kind: "vouch" }
  /** A device that came back may have its LDevID. */
  | { readonly kind: "readmit" }
  /** One device may replace its keys. `key`: Ed25519, of the ticket. */
  | { readonly kind: "ticket"; readonly key: Base64Url }
  /** Once more: a new key, a restart, a proof of what runs, a wipe. */
  | { readonly kind: "count"; readonly count: ActName }
  | { readonly kind: "advise"; readonly level: HoldLevel; readonly match: string }
  | { readonly kind: "unadvise"; readonly id: number }
  /** One device to another owner. `owner`: SHA-256 of the payload of version 1 of that fleet's Authority. */
  | { readonly kind: "give"; readonly owner: Base64Url }
);

/** Of a device that another owner gave: what is needed to show, to the owner after this one, whose it was. */
export interface OriginFact {
  /** Fleet ids. */
  readonly maker: Base64Url;
  readonly giver: Base64Url;
  /** As the maker's station gave them: DER chain of the IDevID, and envelopes. */
  readonly idevid: readonly Base64Url[];
  readonly voucher: Base64Url;
  readonly record: Base64Url;
  /** The links of the voucher after link 0; the last one names this fleet. */
  readonly links: readonly Base64Url[];
  /** The standing that was handed over. */
  readonly level: Level;
}

/** What shows that a log has lost its end, or is another. */
export type FenceProof =
  /** A device showed a sync token that only a later state of this service can have sealed. */
  | { readonly kind: "token"; readonly number: number; readonly shown: number; readonly issued: number }
  /** A document, signed with a key that this service alone holds, is newer than any that the log has. */
  | { readonly kind: "document"; readonly name: string; readonly version: Version; readonly number?: number }
  /** A worker's copy of the log goes further than the stream, or says something else at this position. */
  | { readonly kind: "copy"; readonly worker: string; readonly position: number };

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
      /** Number of the station where it was born, where that is known. */
      readonly station?: number;
      /** Absent: it was born in this fleet. */
      readonly origin?: OriginFact;
    }
  /** It is another fleet's from now on: the next link of its voucher. */
  | {
      readonly type: "device-transferred";
      readonly number: number;
      readonly hardwareId: Base64Url;
      /** SHA-256: of the IDevID's public key, of the payload of the link before, of the owner's Authority. */
      readonly deviceKey: Base64Url;
      readonly previous: Base64Url;
      readonly owner: Base64Url;
      readonly index: number;
      readonly level: Level;
      readonly act: string;
    }
  /** The Authorities of an earlier owner of some device, verified; from version 1 on. */
  | { readonly type: "owner-known"; readonly fleet: Base64Url; readonly links: readonly Base64Url[] }
  | {
      readonly type: "certificate-issued";
      readonly number: number;
      readonly generation: number;
      readonly via: "enroll" | "renew" | "return" | "reenroll";
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
      /** How often each must have been done; a wipe is asked for by a release. */
      readonly counts: Omit<ActsDone, "wipe">;
      readonly act?: string;
    }
  | {
      readonly type: "release-issued";
      readonly number: number;
      readonly version: Version;
      readonly level: Level;
      readonly reason: string;
      readonly clearedAlarms: readonly number[];
      /** 0: none. */
      readonly wipe: number;
      readonly freshness?: FreshnessRules;
      readonly act?: string;
    }
  /** The whole list, ascending by id. */
  | {
      readonly type: "advisories-issued";
      readonly version: Version;
      readonly entries: readonly AdvisoryFact[];
      readonly act?: string;
    }
  /** All ids removed in this term, ascending. */
  | {
      readonly type: "advisories-removed";
      readonly version: Version;
      readonly ids: readonly number[];
      readonly act?: string;
    }
  /** The next link of the chain of Authorities, signed by the root keys elsewhere. */
  | {
      readonly type: "authority-issued";
      readonly version: number;
      /** It begins a new term: of directives and releases; of time. */
      readonly newDirectives: boolean;
      readonly newTime: boolean;
    }
  | {
      readonly type: "lease-issued";
      readonly number: number;
      readonly nonce: Base64Url;
      readonly goodUntil: number;
      readonly nextSyncSeconds: number;
      readonly required: Omit<HeldFact, "done">;
      /** One-shot acts that it has given a receipt for. */
      readonly done: ActsDone;
      /** For the next sync; and `n` of the one that this sync showed, 0: none. */
      readonly token: { readonly n: number; readonly after: number };
      readonly shown: number;
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
  /**
   * Signed after `newest` had been shown by somebody: a sync that shows an older token, or none (0). Two hold
   * these keys, or one of them an older image.
   */
  | {
      readonly type: "clone-suspected";
      readonly number: number;
      readonly shown: number;
      readonly newest: number;
    }
  /** Suspicion ends: tokens begin anew with the next sync. */
  | { readonly type: "device-vouched"; readonly number: number; readonly act: string }
  /** It came back after its LDevID ended, and an operator has to agree; asked for once. */
  | { readonly type: "return-requested"; readonly number: number }
  | { readonly type: "return-approved"; readonly number: number; readonly act: string }
  | {
      readonly type: "ticket-issued";
      readonly number: number;
      readonly key: Base64Url;
      readonly expiresAt: number;
      readonly act: string;
    }
  /** By the ticket of this act: `key` takes the place of every key of before. */
  | {
      readonly type: "device-reenrolled";
      readonly number: number;
      readonly key: KeyFact;
      readonly act: string;
    }
  | { readonly type: "alarm-reported"; readonly number: number; readonly id: number; readonly kind: string }
  | {
      readonly type: "beacon-issued";
      readonly version: Version;
      readonly denied: number;
      readonly digest: Base64Url;
      readonly authority: number;
      readonly advisories: Version;
      readonly removals: Version;
    }
  /** Somebody showed what this log does not know, though only this fleet can have said it: nobody signs from now on. */
  | { readonly type: "fence-raised"; readonly proof: FenceProof }
  /** An operator: the log is whole again, or a new term of everything stands above what was lost. */
  | {
      readonly type: "fence-lifted";
      readonly how: "refilled" | "new-terms";
      readonly reason: string;
      /** Why it was raised, where the record that raised it was put aside. */
      readonly fence?: FenceProof;
      /** Ids of workers whose copies were left out: they never come back. */
      readonly without?: readonly string[];
    }
  /** The first `size` records. `root`: RFC 6962 tree over their hashes; `note`: signed, C2SP tlog-checkpoint. */
  | {
      readonly type: "checkpoint-signed";
      readonly size: number;
      readonly root: Base64Url;
      readonly note: string;
    }
  /** A worker that keeps a copy of the log began its work; once for each copy. `id`: 16 hex digits. */
  | { readonly type: "worker-joined"; readonly id: string; readonly name: string }
  /** In the place of a decision that came too late for the log's order. Nobody was told of it, and nothing follows from it. */
  | { readonly type: "decision-overtaken" }
  | { readonly type: "act-requested"; readonly id: string; readonly act: Act; readonly expiresAt?: number }
  | { readonly type: "act-approved"; readonly id: string; readonly digest: Base64Url };

/** A fact to be recorded. `signed`: the envelope that states it, where somebody has signed it already. */
export type DecidedFact = Fact & { readonly signed?: Base64Url };

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
