/** All devices of one process: they arrive at a rate, and do what a scenario asks of them. */
import { countsOf, type Counts } from "./counts.js";
import { readIdentity, type Written } from "./identity.js";
import { Member, type MemberTimings, type Way } from "./member.js";
import type { Sighting } from "./sighting.js";
import { machineMs } from "./time.js";
import { Timing } from "./timings.js";

/** Devices that are on their way to their first lease at one time: more would only wait for each other. */
const AT_ONCE = 32;
/** A device that takes longer goes on by itself, and the next one may start. */
const LONGEST_START_MS = 15_000;

export class Crew {
  readonly timings: MemberTimings = { lease: new Timing(), publish: new Timing() };
  readonly #members = new Map<number, Member>();
  #started = 0;
  #underWay = 0;

  /** @throws SwarmError "bad-batch" */
  async add(line: string, way: Way): Promise<void> {
    const identity = await readIdentity(line);
    this.#members.set(identity.number, new Member(identity, way, this.timings));
  }

  /** Starts them, in order. @param perSecond - Infinity: as fast as they are leased. */
  start(perSecond: number): void {
    const waiting = [...this.#members.values()];
    const beganAtMs = machineMs();
    const pump = (): void => {
      while (this.#underWay < AT_ONCE && this.#started < waiting.length) {
        const waitMs = beganAtMs + (this.#started * 1_000) / perSecond - machineMs();
        if (waitMs > 0) return void setTimeout(pump, waitMs);
        void this.#start(waiting[this.#started++]).then(pump);
      }
    };
    pump();
  }

  publish(numbers: readonly number[], text: string): void {
    for (const number of numbers) this.#members.get(number)?.publish(text);
  }

  reconnect(numbers: readonly number[]): void {
    for (const number of numbers) this.#members.get(number)?.reconnect();
  }

  /** From now on what happens is counted anew. */
  mark(): void {
    for (const member of this.#members.values()) member.mark();
  }

  counts(): Counts {
    return countsOf(this.#started, this.sightings());
  }

  sightings(): readonly Sighting[] {
    return Array.from(this.#members.values(), ({ sighting }) => sighting);
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#members.values(), (member) => member.close()));
  }

  /** Those that are not revoked, for a batch. @param from - place in the order in which they were added. */
  async write(from: number, count: number): Promise<readonly Written[]> {
    const members = [...this.#members.values()].slice(from, from + count);
    const useful = members.filter(({ sighting }) => sighting.level !== "revoked");
    return Promise.all(useful.map((member) => member.write()));
  }

  async #start(member: Member | undefined): Promise<void> {
    this.#underWay += 1;
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => (timer = setTimeout(resolve, LONGEST_START_MS)));
    await Promise.race([member?.start(), tooLong]);
    clearTimeout(timer);
    this.#underWay -= 1;
  }
}
