/**
 * I1 Monotone: nothing that a device has stored falls behind what it had stored before. A device whose disk was
 * put back and whose counter can tell, says so and isolates itself before it sends anything; where the counter
 * was put back too, tokens.ts looks on.
 */
import { AdvisoryList, AdvisoryRemoval } from "../../../protocol/advisory.js";
import { Authority } from "../../../protocol/authority.js";
import { Beacon } from "../../../protocol/beacon.js";
import { Directive } from "../../../protocol/directive.js";
import { Release } from "../../../protocol/release.js";
import { compareVersions, type Version } from "../../../protocol/version.js";
import type { DeviceNode } from "../device-node.js";
import type { DeviceDisks, DiskFollower } from "./device-disks.js";
import { type Found, said, type State, type StoredRecord } from "./disk-files.js";
import { type Invariant, InvariantBroken } from "./invariant.js";

/** Versions by what they are versions of. */
type Versions = ReadonlyMap<string, Version>;

interface Memory {
  /** The highest that was ever stored, of each. */
  highest: Map<string, Version>;
  /** The counter tells that the disk was put back: it has to say so first. */
  owesAlarm: boolean;
}

/** How a device says that its memory is not what it should be. */
const OF_MEMORY = ["rollback", "tamper", "lost"];

export class Monotone implements Invariant, DiskFollower {
  readonly name = "I1 Monotone";
  readonly #memories = new WeakMap<DeviceNode, Memory>();

  constructor(disks: DeviceDisks) {
    disks.follow(this);
  }

  saved(node: DeviceNode, { record }: State): void {
    const memory = this.#of(node);
    const versions = versionsOf(record);
    const isSaid = record.alarms.some(({ kind }) => OF_MEMORY.includes(kind));
    if (memory.owesAlarm && !isSaid)
      throw this.#broken(node, "its counter tells that its disk was put back, and it raises no alarm");
    if (memory.owesAlarm) memory.highest.clear();
    memory.owesAlarm = false;
    for (const [what, version] of versions) {
      const before = memory.highest.get(what) ?? [0, 0];
      if (compareVersions(version, before) < 0)
        throw this.#broken(node, `${what} falls from ${before.join(":")} to ${version.join(":")}`);
      memory.highest.set(what, version);
    }
  }

  changed(node: DeviceNode, { state, agrees }: Found): void {
    const memory = this.#of(node);
    memory.owesAlarm = !agrees;
    if (agrees) memory.highest = new Map(state ? versionsOf(state.record) : []);
  }

  counted(node: DeviceNode, now: number, before: number): void {
    throw this.#broken(node, `its counter goes from ${before} to ${now}`);
  }

  sent(node: DeviceNode): void {
    if (this.#of(node).owesAlarm)
      throw this.#broken(node, "its disk was put back, and it sends before it is isolated");
  }

  #broken(node: DeviceNode, sentence: string): InvariantBroken {
    return new InvariantBroken(this.name, node.name, sentence);
  }

  #of(node: DeviceNode): Memory {
    const known = this.#memories.get(node);
    if (known) return known;
    const memory: Memory = { highest: new Map(), owesAlarm: false };
    this.#memories.set(node, memory);
    return memory;
  }
}

/** Of all that a record holds. What is about one number, or one fleet, is named so. */
export function versionsOf(record: StoredRecord): Versions {
  const { fleetId, number, authority, beacon, ledger, advisories, removals, directive, release } = record;
  const fleet = fleetId.$bytes;
  const { version, terms } = said(Authority, authority);
  const versions = new Map<string, Version>();
  const add = (what: string, of: Version | undefined) => of && versions.set(`${fleet} ${what}`, of);
  add("authority", [1, version]);
  add("time", [terms.time, record.signedSeconds]);
  add("beacon", beacon && said(Beacon, beacon).version);
  add("ledger", ledger && said(Beacon, ledger.beacon).version);
  add("advisories", advisories && said(AdvisoryList, advisories).version);
  add("removals", removals && said(AdvisoryRemoval, removals).version);
  add(`directive of ${number}`, directive && said(Directive, directive).version);
  add(`release of ${number}`, release && said(Release, release).version);
  return versions;
}
