/**
 * What the folder of a device that was killed must still hold, by what the fleet's log says of it and by
 * what the folder held before (P3, P4). Pure, and knows nothing of how a device comes to its state.
 */
import type { FleetEvent, HeldFact } from "../../fleet/events.js";
import { higherLevel, type Level, LEVELS } from "../../protocol/level.js";
import type { ActsDone, HeldVector } from "../../protocol/vector.js";
import { compareVersions, NO_VERSION, type Version } from "../../protocol/version.js";

const KINDS = ["ledger", "advisories", "removals", "directive", "release"] as const;

/** What stands in a device's folder. */
export interface Kept {
  readonly holds: HeldVector;
  /** The release in force. */
  readonly freed: { readonly version: Version; readonly level: Level };
  /** Newest signed fleet time, Unix seconds. */
  readonly signedSeconds: number;
  /** Why the device would not take its own word for it; "none" is all that a kill may leave. */
  readonly doubt: string;
}

/** Versions in the order of `KINDS`, and what else only grows. */
interface Least {
  readonly authority: number;
  readonly versions: readonly Version[];
  readonly done: ActsDone;
  readonly freed: Version;
  readonly signedSeconds: number;
}

const NOTHING: Least = {
  authority: 0,
  versions: KINDS.map(() => NO_VERSION),
  done: {},
  freed: NO_VERSION,
  signedSeconds: 0,
};

/** Follows one device by the fleet's log, and compares its folder with that whenever somebody looks. */
export class Witness {
  readonly #number: number;
  #least = NOTHING;
  /** What it told the fleet that it holds, and need not have held when it was last looked at. */
  #claims: HeldFact[] = [];
  /** What directives ask for, by version. */
  readonly #asked = new Map<string, Level>();
  /** Directives that the device was seen to hold. */
  readonly #held = new Map<string, Version>();
  /** Releases that a lease has named. */
  readonly #leased = new Set([dotted(NO_VERSION)]);
  /** What the fleet thinks of it that no kill gives a reason for. */
  readonly #slander: string[] = [];

  constructor(number: number) {
    this.#number = number;
  }

  /** Of the fleet's log, in order; those about other devices too. */
  hear(event: FleetEvent): void {
    if (!("number" in event) || event.number !== this.#number) return;
    if (event.type === "directive-issued") this.#asked.set(dotted(event.version), event.level);
    if (event.type === "clone-suspected") this.#slander.push("the fleet takes it for two");
    if (event.type === "alarm-reported") this.#slander.push(`it told the fleet of an alarm: ${event.kind}`);
    if (event.type === "lease-issued") this.#leased.add(dotted(event.required.release));
    if (event.type !== "lease-issued" && event.type !== "receipt-received") return;
    this.#claims.push(event.held);
  }

  /** Whatever it has told the fleet in what was heard until now, it has to hold when it is looked at from now on. */
  settle(): void {
    for (const { authority, done, ...held } of this.#claims.splice(0))
      this.#raise({ ...NOTHING, authority, versions: KINDS.map((kind) => held[kind]), done });
  }

  /** @returns what must not be, each as a sentence; none where all is as it should be. */
  look({ holds, freed, signedSeconds, doubt }: Kept): readonly string[] {
    const authority = holds.authority.version;
    const versions = KINDS.map((kind) => holds[kind]?.version ?? NO_VERSION);
    const { done = {}, level } = holds;
    const now: Least = { authority, versions, done, freed: freed.version, signedSeconds };
    const complaints = [...this.#slander.splice(0), ...olderThan(this.#least, now)];
    if (doubt !== "none") complaints.push(`the folder is in doubt: ${doubt}`);
    if (!this.#leased.has(dotted(freed.version)))
      complaints.push(`release ${dotted(freed.version)} is in force, and no lease has named it`);
    this.#raise(now);
    const least = this.#leastLevel(freed);
    if (LEVELS[level] < LEVELS[least])
      complaints.push(`the level is ${level}, and ${least} was never lifted`);
    return complaints;
  }

  /** What the directives that it held add up to, those aside that the release in force has lifted. */
  #leastLevel(freed: Kept["freed"]): Level {
    const counting = [...this.#held.values()].filter(
      (version) => compareVersions(version, freed.version) > 0,
    );
    return counting.reduce<Level>(
      (level, version) => higherLevel(level, this.#asked.get(dotted(version)) ?? "none"),
      freed.level,
    );
  }

  #raise(seen: Least): void {
    const directive = seen.versions[KINDS.indexOf("directive")] ?? NO_VERSION;
    this.#held.set(dotted(directive), directive);
    const before = this.#least;
    this.#least = {
      authority: Math.max(before.authority, seen.authority),
      versions: before.versions.map((version, i) => newer(version, seen.versions[i] ?? NO_VERSION)),
      done: mostOf(before.done, seen.done),
      freed: newer(before.freed, seen.freed),
      signedSeconds: Math.max(before.signedSeconds, seen.signedSeconds),
    };
  }
}

/** As a word: `1.7`. */
export function dotted(version: Version): string {
  return version.join(".");
}

function* olderThan(least: Least, now: Least): Generator<string> {
  const older = (what: string, had: number | Version, has: number | Version) =>
    `${what} is ${written(has)}, and was ${written(had)}`;
  const written = (value: number | Version) => (typeof value === "number" ? String(value) : dotted(value));
  if (now.authority < least.authority) yield older("the Authority", least.authority, now.authority);
  for (const [i, kind] of KINDS.entries()) {
    const [had = NO_VERSION, has = NO_VERSION] = [least.versions[i], now.versions[i]];
    if (compareVersions(has, had) < 0) yield older(kind, had, has);
  }
  for (const act of ACTS) {
    const [had = 0, has = 0] = [least.done[act], now.done[act]];
    if (has < had) yield older(`the count of ${act}`, had, has);
  }
  if (compareVersions(now.freed, least.freed) < 0)
    yield older("the release in force", least.freed, now.freed);
  if (now.signedSeconds < least.signedSeconds)
    yield older("signed time", least.signedSeconds, now.signedSeconds);
}

const ACTS = ["rekey", "reboot", "attest", "wipe"] as const;

function mostOf(a: ActsDone, b: ActsDone): ActsDone {
  return Object.fromEntries(ACTS.map((act) => [act, Math.max(a[act] ?? 0, b[act] ?? 0)]));
}

function newer(a: Version, b: Version): Version {
  return compareVersions(a, b) >= 0 ? a : b;
}
