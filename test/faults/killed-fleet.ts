/**
 * A whole fleet under load, one of its processes killed at random in each round and started again. After each kill
 * the log is held against what devices and operators were told; after each start, the API against the log.
 */
import { setTimeout } from "node:timers/promises";
import { type Draw, drawAt, pick } from "../fuzz/draw.js";
import { type FleetLayout, isEnduring, type Reached } from "./fleet-layout.js";
import { FleetJudge } from "./fleet-judge.js";
import { FleetLoad } from "./fleet-load.js";
import { Sailors } from "./sailors.js";

export interface KilledFleet {
  /** How often, by the name of the part, or of the partition. */
  readonly killed: Readonly<Record<string, number>>;
  /** How often nobody signed any more, by what then mended it. */
  readonly mended: Readonly<Record<string, number>>;
  /** Why, each time. */
  readonly fences: readonly string[];
  readonly devices: number;
  /** Facts that devices and operators got an answer for, by their first word. */
  readonly told: Readonly<Record<string, number>>;
  readonly records: number;
  /** With the round; empty when all held. */
  readonly complaints: readonly string[];
}

export interface KillingFleet {
  readonly seed: number;
  readonly rounds: number;
  /** That sail all the time; more are born meanwhile. */
  readonly devices: number;
  readonly layout: FleetLayout;
}

/** When to kill: after some milliseconds, or right when somebody got the k-th answer. */
const MOMENTS = ["milliseconds", "answer"] as const;
const LONGEST_MS = 2_500;
const MOST_TOLD = 40;
/** Of a server that is gone, or a partition: a client takes a silent server for lost after 10 s. Most are shorter. */
const LONGEST_GONE_MS = 14_000;
const OFTEN_GONE_MS = 1_500;
const ONE_LONG_IN = 4;
/** One round in so many is a partition, where there are any. */
const ONE_CUT_IN = 3;
/** After so many mendings in one round, one more fence is a fault. */
const MOST_MENDED = 2;

/** @param onRound - called after each, with what does not hold. */
export async function killedFleet(
  { seed, rounds, devices, layout }: KillingFleet,
  onRound: (round: number, complaints: readonly string[]) => void = () => undefined,
): Promise<KilledFleet> {
  const complaints: string[] = [];
  try {
    const reached = await layout.start();
    const sailors = await Sailors.of(reached, devices);
    try {
      const storm = new Storm(layout, sailors, reached);
      await storm.begin();
      let when = "";
      try {
        for (let round = 1; round <= rounds; round++) {
          when = `round ${round}`;
          const said = await storm.round(drawAt(seed, round));
          complaints.push(...said.map((complaint) => `${when}, ${complaint}`));
          onRound(round, said);
        }
        when = "the end";
        complaints.push(...(await storm.finish()).map((complaint) => `${when}, ${complaint}`));
      } catch (error) {
        complaints.push(`${when}, nothing goes on: ${String(error)}`);
      }
      return { ...storm.figures(), devices, complaints };
    } finally {
      await sailors.close();
    }
  } finally {
    complaints.push(...(await layout.stop()));
  }
}

class Storm {
  readonly #layout: FleetLayout;
  readonly #sailors: Sailors;
  readonly #load: FleetLoad;
  readonly #judge: FleetJudge;
  readonly #killed: Record<string, number> = {};
  readonly #mended: Record<string, number> = {};
  readonly #fences: string[] = [];
  #reached: Reached;

  constructor(layout: FleetLayout, sailors: Sailors, reached: Reached) {
    this.#layout = layout;
    this.#sailors = sailors;
    this.#load = new FleetLoad(sailors);
    this.#reached = reached;
    this.#judge = new FleetJudge(layout.logs, this.#load, sailors);
  }

  /** Some are held for good. */
  begin(): Promise<void> {
    return this.#load.hold(this.#reached);
  }

  /** @returns what does not hold. */
  async round(draw: Draw): Promise<readonly string[]> {
    const { rest } = this.#load.begin(this.#reached, draw);
    await this.#moment(draw);
    const harm = await this.#harm(draw);
    if (this.#layout.awaited.includes(harm)) this.#reached = await this.#layout.start();
    await rest();
    count(this.#killed, harm);
    const complaints = [...(await this.#judge.log())];
    this.#reached = await this.#layout.start();
    complaints.push(...(await this.#mend()), ...(await this.#judge.views(this.#reached)));
    return complaints.map((complaint) => `${harm}: ${complaint}`);
  }

  /** Left alone, all devices come back, and stand as the whole log says, read anew. */
  async finish(): Promise<readonly string[]> {
    await this.#sailors.comeBack();
    return [...(await this.#judge.log()), ...(await this.#judge.rebuiltViews(this.#reached))];
  }

  figures(): Omit<KilledFleet, "devices" | "complaints"> {
    const told: Record<string, number> = {};
    for (const fact of this.#load.told) {
      const [word = ""] = fact.split(" ");
      count(told, word);
    }
    const { records } = this.#judge;
    return { killed: this.#killed, mended: this.#mended, fences: this.#fences, told, records };
  }

  /** Where the rest goes on, so does the load, while the part is gone and after it is back. @returns what it was. */
  async #harm(draw: Draw): Promise<string> {
    const layout = this.#layout;
    const cuts = isEnduring(layout) && draw(ONE_CUT_IN) === 0 ? layout.cuts : [];
    const harm = pick(draw, cuts.length > 0 ? cuts : layout.parts);
    if (!isEnduring(layout)) await layout.kill(harm);
    else {
      await (cuts.length > 0 ? layout.cut(harm) : layout.kill(harm));
      await setTimeout(draw(draw(ONE_LONG_IN) === 0 ? LONGEST_GONE_MS : OFTEN_GONE_MS));
      await layout.heal();
      await this.#moment(draw);
    }
    return harm;
  }

  /**
   * A fence is no fault while all that was told is in a copy, and what an operator does brings it back.
   * @returns what does not hold then. @throws Error when that does not lift it.
   */
  async #mend(): Promise<readonly string[]> {
    const complaints: string[] = [];
    if (!isEnduring(this.#layout)) return complaints;
    for (let attempt = 1; ; attempt++) {
      const mended = await this.#layout.mend((i) => this.#judge.holdsAll(i));
      if (!mended) return complaints;
      const { fence, how, forgotten } = mended;
      this.#fences.push(fence);
      count(this.#mended, how);
      if (attempt > MOST_MENDED) throw new Error(`fenced again after daymark recover, ${how}: ${fence}`);
      for (const i of forgotten) this.#judge.forget(i);
      this.#reached = await this.#layout.start();
      complaints.push(...mended.complaints, ...(await this.#judge.log()));
    }
  }

  #moment(draw: Draw): Promise<void> {
    const latest = setTimeout(LONGEST_MS);
    if (pick(draw, MOMENTS) === "milliseconds") return setTimeout(draw(LONGEST_MS));
    return Promise.race([this.#load.hears(1 + draw(MOST_TOLD)), latest]);
  }
}

function count(figures: Record<string, number>, name: string): void {
  figures[name] = (figures[name] ?? 0) + 1;
}
