/**
 * I6 Durable, the logs of the fleets: what somebody was told of is in the log after every crash, and what the
 * service knows is what its log adds up to. Other invariants are told from here what the logs say, in order.
 */
import { emptyFold, foldEvent } from "../../../fleet/fold.js";
import type { FleetEvent } from "../../../fleet/events.js";
import type { LogRecord, Position } from "../../../fleet/ports.js";
import { toHex } from "../../../protocol/bytes.js";
import type { FleetNode } from "../fleet-node.js";
import type { World } from "../world.js";
import { type Invariant, InvariantBroken } from "./invariant.js";

export interface LogFollower {
  /** This log is told from its beginning: what was known of it counts no more. */
  began(fleet: FleetNode): void;
  took(fleet: FleetNode, event: FleetEvent): void;
}

/** Told events that are looked for after a crash. */
const MAX_TOLD = 1_000;
/** The whole log is folded again each time that it has grown by so many records. */
const RECORDS_A_FOLD = 5_000;

interface Told {
  readonly position: Position;
  readonly event: FleetEvent;
}

/** What is known of one fleet. */
interface Known {
  /** Followers were told of all records up to this one. */
  position: Position;
  foldedAt: Position;
  /** How often its log had been put back. */
  restores: number;
  /** Heard of since its last start, newest last. */
  told: Told[];
  /** The log is being read: what is told meanwhile waits. */
  waiting: Told[] | undefined;
  /** What was read, or why not. */
  read: readonly LogRecord[] | Error | undefined;
}

export class FleetLogs implements Invariant {
  readonly name = "I6 Durable";
  readonly #fleets = new Map<FleetNode, Known>();
  readonly #followers: LogFollower[] = [];

  follow(follower: LogFollower): void {
    this.#followers.push(follower);
  }

  async begins({ fleets }: World): Promise<void> {
    for (const fleet of fleets) this.#began(fleet, await fleet.log.records());
  }

  fleetEvent(fleet: FleetNode, event: FleetEvent, position: Position): void {
    const known = this.#of(fleet);
    if (known.told.push({ position, event }) > 2 * MAX_TOLD) known.told = known.told.slice(-MAX_TOLD);
    if (known.waiting) known.waiting.push({ position, event });
    else this.#took(fleet, known, event, position);
    if (position >= known.foldedAt + RECORDS_A_FOLD) this.#read(fleet, known);
  }

  fleetRuns(fleet: FleetNode, runs: boolean): void {
    if (runs) this.#read(fleet, this.#of(fleet));
  }

  afterStep(): void {
    for (const [fleet, known] of this.#fleets) if (known.read) this.#taken(fleet, known, known.read);
  }

  async ends({ fleets }: World): Promise<void> {
    for (const fleet of fleets) this.#folded(fleet, await fleet.log.records());
  }

  /** It takes no time in the world: it is there before the step is over. */
  #read(fleet: FleetNode, known: Known): void {
    known.waiting ??= [];
    void fleet.log.records().then(
      (records) => (known.read = records),
      (error: unknown) => (known.read = error instanceof Error ? error : new Error(String(error))),
    );
  }

  #taken(fleet: FleetNode, known: Known, read: readonly LogRecord[] | Error): void {
    const { waiting = [] } = known;
    known.read = known.waiting = undefined;
    if (read instanceof Error) throw read;
    const isRestored = fleet.log.restores !== known.restores;
    if (isRestored) this.#began(fleet, read);
    else {
      this.#keeps(fleet, known, read);
      for (const { position, events } of read.slice(known.position))
        for (const event of events) this.#took(fleet, known, event, position);
    }
    const upTo = known.position;
    const after = waiting.filter(({ position }) => position > upTo);
    for (const { position, event } of after) this.#took(fleet, known, event, position);
    known.foldedAt = known.position;
    if (after.length === 0) this.#folded(fleet, read);
  }

  /** Followers are told all of it. */
  #began(fleet: FleetNode, records: readonly LogRecord[]): void {
    const known = this.#of(fleet);
    Object.assign(known, { position: 0, restores: fleet.log.restores, told: [] });
    for (const follower of this.#followers) follower.began(fleet);
    for (const { position, events } of records)
      for (const event of events) this.#took(fleet, known, event, position);
  }

  #took(fleet: FleetNode, known: Known, event: FleetEvent, position: Position): void {
    known.position = position;
    for (const follower of this.#followers) follower.took(fleet, event);
  }

  /** Nothing that was told is gone or another. */
  #keeps(fleet: FleetNode, known: Known, records: readonly LogRecord[]): void {
    for (const { position, event } of known.told) {
      const kept = records[position - 1]?.events ?? [];
      const text = canonical(event);
      if (!kept.some((each) => canonical(each) === text))
        throw this.#broken(fleet, `its log has lost ${event.type} at ${position}, which it had told of`);
    }
    known.told = [];
  }

  #folded(fleet: FleetNode, records: readonly LogRecord[]): void {
    if (!fleet.isRunning) return;
    const { crypto } = fleet.service.options;
    const folded = records
      .flatMap(({ events }) => events)
      .reduce((before, event) => foldEvent(before, event, crypto), emptyFold());
    const [known, said] = [canonical(fleet.view), canonical(folded.view)];
    if (known !== said)
      throw this.#broken(fleet, `its view is not what its log says: ${difference(known, said)}`);
  }

  #broken(fleet: FleetNode, sentence: string): InvariantBroken {
    return new InvariantBroken(this.name, fleet.name, sentence);
  }

  #of(fleet: FleetNode): Known {
    const known = this.#fleets.get(fleet);
    if (known) return known;
    const fresh = { position: 0, foldedAt: 0, restores: fleet.log.restores, told: [] };
    const begun: Known = { ...fresh, waiting: undefined, read: undefined };
    this.#fleets.set(fleet, begun);
    return begun;
  }
}

/** One text for one value, in whatever order its members and entries were put in. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (key, member: unknown) => {
    if (key === "composed") return undefined; // what the ledger's history keeps for speed
    if (member instanceof Uint8Array) return toHex(member);
    if (member instanceof Map) return ["map", ...sorted([...member].map(([key, each]) => [key, each]))];
    if (member instanceof Set) return ["set", ...sorted([...member])];
    const isPlain = typeof member === "object" && member !== null && !Array.isArray(member);
    return isPlain
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member;
  });
}

function sorted(entries: readonly unknown[]): readonly unknown[] {
  const named = entries.map((entry) => ({
    entry,
    name: JSON.stringify(Array.isArray(entry) ? entry[0] : entry),
  }));
  return named.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ entry }) => entry);
}

const SHOWN_CHARACTERS = 80;

/** Where two texts part. */
function difference(known: string, said: string): string {
  let at = 0;
  while (known[at] === said[at]) at++;
  const show = (text: string) => text.slice(Math.max(0, at - SHOWN_CHARACTERS), at + SHOWN_CHARACTERS);
  return `${show(known)} | ${show(said)}`;
}
