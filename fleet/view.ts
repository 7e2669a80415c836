/** What the events add up to: the one table that decisions look at. Rebuilt from the log at every start. */
import { type HoldLevel, isDenied, type Level } from "../protocol/level.js";
import type { Freed, Hold } from "../protocol/standing.js";
import type { ActsDone } from "../protocol/vector.js";
import { compareVersions, NO_VERSION, type Version } from "../protocol/version.js";
import { type AdvisoriesView, NO_ADVISORIES } from "./advisories.js";
import type { Act, Base64Url, EventOf, HeldFact, KeyFact } from "./events.js";
import type { Since } from "./held.js";
import { emptyLedger, type LedgerHistory } from "./ledger-history.js";

export interface DeviceView {
  readonly number: number;
  readonly hardwareId: Base64Url;
  readonly model: string;
  /** That says who it is: of its IDevID, or since a re-enrollment of that. */
  readonly key: KeyFact;
  readonly birth: EventOf<"device-imported">;
  /** What the fleet has decided, by documents about it and by advisories: the higher of the next two. */
  readonly level: Level;
  readonly standing: Level;
  readonly advised: HoldLevel;
  /** Advisories that matched once and still count: ids, ascending. */
  readonly latched: readonly number[];
  readonly holds: readonly Hold<HoldLevel>[];
  readonly freed?: Freed;
  /** The newest of each, also of an earlier term. */
  readonly directive?: EventOf<"directive-issued">;
  readonly release?: EventOf<"release-issued">;
  /** The LDevID in use, newest last; the one before it counts until the newest was used. */
  readonly certificates: readonly EventOf<"certificate-issued">[];
  /** Nonces of the newest requests by its base key that got an LDevID, oldest first. */
  readonly answered: readonly Base64Url[];
  readonly lowestGeneration: number;
  readonly lease?: EventOf<"lease-issued">;
  /**
   * `n` of the newest sync token issued to it, and of the newest that it showed, 0: none. `begun`: of the newest
   * issued when the chain last began anew; what shows that older ones were shown counts no more.
   */
  readonly tokens: { readonly issued: number; readonly shown: number; readonly begun: number };
  /** Since when two seem to hold its keys; it gets no lease and no certificate. */
  readonly suspectedAt?: number;
  /** It wants to come back: asked for, or approved. */
  readonly comingBack?: "asked" | "approved";
  /** Good for one re-enrollment. */
  readonly ticket?: EventOf<"ticket-issued">;
  /** Keys that re-enrollments replaced, as many as there were: what they sign is refused, and told why. */
  readonly superseded?: readonly KeyFact[];
  /** When a lease first asked for what the newest one asks for. */
  readonly toldSince: Since;
  /** What the device last signed that it holds, and when it first said so of each version in it. */
  readonly held?: HeldFact;
  readonly heldSince: Since;
  readonly lastContactAt?: number;
  /**
   * How often each one-shot act is asked for in the present term of directives, and has to be said by its
   * first document; and how often it was done: the most that the device ever signed for in this term.
   */
  readonly asked: ActsDone;
  readonly done: ActsDone;
  /** Newest signed fleet time that the device has shown to know. */
  readonly heldTime: number;
  readonly receiptCounter: number;
  readonly alarms: readonly { readonly id: number; readonly kind: string; readonly at: number }[];
  readonly lastAlarmId: number;
  /** Given to another owner for good; if its hardware comes back, it gets another number. */
  readonly transferred?: EventOf<"device-transferred">;
}

export interface ActView {
  readonly id: string;
  readonly act: Act;
  readonly requestedBy: string;
  readonly requestedAt: number;
  /** Present when more than one person is needed, and until when they may approve or sign. */
  readonly expiresAt?: number;
  readonly approvedBy?: string;
  readonly approvedAt?: number;
  /** Devices whose directive or release was issued, or that the advisory list or removal speaks of. */
  readonly done: ReadonlySet<number>;
  /** Nothing is left to be done. */
  readonly finished: boolean;
}

export interface FleetView {
  readonly name: string;
  /** Newest time in any event: fleet time never falls. */
  readonly lastAt: number;
  readonly devices: ReadonlyMap<number, DeviceView>;
  readonly numberByHardware: ReadonlyMap<Base64Url, readonly number[]>;
  readonly acts: ReadonlyMap<string, ActView>;
  readonly advisories: AdvisoriesView;
  /** Devices below the level that advisories give to another number of their hardware. */
  readonly laggards: ReadonlySet<number>;
  /** Numbers at `isolate` or above, and those given away; `ledger` knows how that came. */
  readonly denied: ReadonlySet<number>;
  readonly ledger: LedgerHistory;
  /** How often something changed that the Beacon speaks of. */
  readonly epoch: number;
  readonly beacon?: EventOf<"beacon-issued">;
  /** The links of the chain of Authorities, by version; each with its envelope. */
  readonly authorities: ReadonlyMap<number, EventOf<"fleet-created" | "authority-issued">>;
  /** Version of the Authority that began the present term of directives: counts of acts begin with it. */
  readonly countsSince: number;
  readonly births: number;
  readonly lastBirth?: EventOf<"device-imported">;
  /** Highest number of a holder that is no device, the newest station's certificate, and all by number. */
  readonly holders: number;
  readonly station?: EventOf<"holder-certified">;
  readonly stations: ReadonlyMap<number, EventOf<"holder-certified">>;
  /** Chains of Authorities of earlier owners, by fleet id: envelopes. */
  readonly owners: ReadonlyMap<Base64Url, readonly Base64Url[]>;
  /** Why nobody signs: the log has lost its end, or is another. */
  readonly fence?: EventOf<"fence-raised">;
  /** How often new terms were begun above a time that the log has lost. */
  readonly era: number;
  /** The newest. */
  readonly checkpoint?: EventOf<"checkpoint-signed">;
  /** Who keeps a copy of the log, by id. */
  readonly workers: ReadonlyMap<string, EventOf<"worker-joined">>;
  /** Of those, and others, the ids that were left out when the log was mended: what they have counts no more. */
  readonly leftOut: ReadonlySet<string>;
}

/** The view of an empty log. A new one for each fold: `apply` changes the maps inside. */
export function emptyView(): FleetView {
  return {
    name: "",
    lastAt: 0,
    devices: new Map(),
    numberByHardware: new Map(),
    acts: new Map(),
    advisories: NO_ADVISORIES,
    laggards: new Set(),
    denied: new Set(),
    ledger: emptyLedger(),
    epoch: 0,
    authorities: new Map(),
    countsSince: 1,
    births: 0,
    holders: 0,
    stations: new Map(),
    leftOut: new Set(),
    owners: new Map(),
    era: 0,
    workers: new Map(),
  };
}

/** True when no peer may trust its certificates: it belongs into the denied set. */
export function isOut({ level, transferred }: DeviceView): boolean {
  return isDenied(level) || transferred !== undefined;
}

/** The newest directive's version, or [0, 0]. */
export function directiveVersion(device: DeviceView): Version {
  return device.directive?.version ?? NO_VERSION;
}

export function releaseVersion(device: DeviceView): Version {
  return device.release?.version ?? NO_VERSION;
}

/** One counter numbers a device's directives and releases, so no two documents share a version. */
export function nextVersion(device: DeviceView, term: number): Version {
  const [directive, release] = [directiveVersion(device), releaseVersion(device)];
  return versionAfter(compareVersions(directive, release) > 0 ? directive : release, term);
}

/** The next version of a document, in the term that the Authority names. */
export function versionAfter(newest: Version, term: number): Version {
  return newest[0] === term ? [term, newest[1] + 1] : [term, 1];
}

/** A version counts only in the term that the Authority names; else there is none. */
export function inTerm(version: Version | undefined, term: number): Version {
  return version?.[0] === term ? version : NO_VERSION;
}

/** All numbers of the same hardware, this one too: standing belongs to the hardware (P7). */
export function numbersOfHardware(view: FleetView, number: number): readonly number[] {
  const hardwareId = view.devices.get(number)?.hardwareId;
  return (hardwareId !== undefined && view.numberByHardware.get(hardwareId)) || [];
}
