/**
 * What may be done to a world or in it: plain data, so that a plan can be printed, cut down and played again. Nodes are
 * named by their place; a place beyond the last one begins again with the first.
 */
import type { HoldLevel } from "../../../protocol/level.js";
import type { ActName } from "../../../protocol/vector.js";

/** Places in the lists of the world. */
type Places = readonly number[];
/** Milliseconds from its beginning to its end. */
interface Lasting {
  readonly forMs: number;
}
interface OfDevice {
  readonly device: number;
}
interface OfGateway {
  readonly gateway: number;
}
/** Power that goes and comes back; what the machine's clock shows then: Unix milliseconds, absent: the truth. */
interface Dark extends OfDevice {
  readonly darkMs: number;
  readonly showsMs?: number;
  readonly driftPpm: number;
}

interface NetworkDeeds {
  /** Nothing passes between these; `fleet`: between the gateways and their service. `way`: absent: both ways. */
  readonly partition: Lasting & {
    readonly fleet: boolean;
    readonly devices: Places;
    readonly gateways: Places;
    readonly way?: "up" | "down";
  };
  readonly storm: Lasting & { readonly latencyMs: readonly [number, number]; readonly breaks: number };
  /** All connections of a device; who hears of it at once. */
  readonly break: OfDevice & { readonly knows: readonly ("device" | "gateway")[] };
}

interface ServiceDeeds {
  /** `offMs`: how wrong its clock is when it is back, and `wrongMs`: for how long. */
  readonly "gateway-stop": Lasting &
    OfGateway & { readonly how: "process" | "power"; readonly offMs: number; readonly wrongMs: number };
  readonly "gateway-clock": Lasting & OfGateway & { readonly byMs: number };
  /** At that append from then on. */
  readonly "fleet-kill": Lasting & { readonly appends: number };
  readonly "fleet-clock": Lasting & { readonly byMs: number };
  /** A backup that lacks up to so many of the newest records; only such as devices bring about by themselves. */
  readonly "fleet-restore": Lasting & { readonly records: number };
}

interface MachineDeeds {
  /** Before that step of the disk from then on. */
  readonly "power-cut": Dark & { readonly steps: number };
  readonly "power-off": Dark;
  /** All devices are off; the rest of the plan comes later by as much. */
  readonly night: Lasting;
  readonly "clock-jump": OfDevice & { readonly byMs: number };
  /** A bit turns in one of its files while it is off. `keys`: in one of its private keys. */
  readonly rot: OfDevice & { readonly file: number; readonly keys: boolean };
  /** All that it reads fails, or all that it writes; or its disk is full. */
  readonly "disk-fault": Lasting & OfDevice & { readonly fault: "reads" | "writes" | "full" };
  /** An image is taken, and put back later: of everything, or of the folder with its state. */
  readonly restore: OfDevice & { readonly ageMs: number; readonly whole: boolean };
}

interface OperatorDeeds {
  readonly hold: { readonly devices: Places; readonly level: HoldLevel };
  readonly release: { readonly devices: Places; readonly level: HoldLevel };
  readonly revoke: OfDevice;
  readonly advise: { readonly level: HoldLevel; readonly match: string };
  readonly unadvise: { readonly entry: number };
  readonly count: OfDevice & { readonly count: ActName };
  readonly authority: { readonly terms: readonly ("directive" | "advisory" | "ledger" | "time")[] };
  /** A new key for this role takes the place of the old one. */
  readonly rotate: { readonly role: "hold" | "release" | "lease" | "ledger" };
  readonly vouch: OfDevice;
  readonly readmit: OfDevice;
  /** `afterMs`: when the device gets it. */
  readonly ticket: OfDevice & { readonly afterMs: number };
}

interface PeopleDeeds {
  readonly birth: { readonly model: string };
  /** Known hardware with an empty disk; or only its state erased. */
  readonly rebirth: OfDevice & { readonly keepsKeys: boolean };
  readonly meeting: { readonly one: number; readonly other: number };
  /** A question out, and the answer back, by hand. */
  readonly stick: OfDevice & { readonly outMs: number; readonly backMs: number };
}

interface AttackDeeds {
  /** Recorded bytes, as they were, to a device that they may not be for. */
  readonly replay: OfDevice & { readonly items: number };
  /** The same, with bits turned. */
  readonly forge: OfDevice & { readonly items: number };
  /** Signed by keys of another fleet, or by ours for another fleet. */
  readonly foreign: OfDevice;
  /** By a key that an Authority has replaced. */
  readonly "old-key": OfDevice;
  /** With the hold key of now: it can only raise. `ahead`: how far beyond the fleet's own count. */
  readonly "stolen-hold": OfDevice & { readonly level: HoldLevel; readonly ahead: number };
  readonly clone: Lasting & OfDevice;
  readonly "bad-gateway": Lasting &
    OfGateway & { readonly tricks: readonly GatewayTrick[]; readonly often: number };
  readonly "bad-peer": OfDevice & { readonly says: "junk" | "old" | "huge" | "nothing" };
}

export const GATEWAY_TRICKS = ["withhold", "delay", "repeat", "reorder", "replay", "lie"] as const;
export type GatewayTrick = (typeof GATEWAY_TRICKS)[number];

export type Deeds = NetworkDeeds & ServiceDeeds & MachineDeeds & OperatorDeeds & PeopleDeeds & AttackDeeds;
export type Kind = keyof Deeds;

/** One thing that is to be done. */
export type Deed<K extends Kind = Kind> = {
  readonly [Each in K]: Deeds[Each] & {
    readonly kind: Each;
    /** Its kind and which of them: also the name of its luck. */
    readonly id: string;
    /** After the devices were switched on, true milliseconds. */
    readonly atMs: number;
  };
}[K];

/** @returns one line for a person. */
export function lineOf({ kind: _kind, id, atMs, ...about }: Deed): string {
  return `day ${(atMs / 86_400_000).toFixed(2).padStart(7)}  ${id.padEnd(17)} ${JSON.stringify(about)}`;
}
