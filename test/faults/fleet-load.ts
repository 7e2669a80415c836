/** Everybody who wants something of a fleet, at the same time: operators, a station with newborns, devices. */
import { type Draw, pick } from "../fuzz/draw.js";
import type { Reached } from "./fleet-layout.js";
import { Nursery } from "./nursery.js";
import { Operators } from "./operators.js";
import type { Sailors } from "./sailors.js";

/** Operators who work at one time, each on devices of their own. */
const LANES = 4;
/** One device in so many is held at the beginning and never lifted. */
const ONE_HELD_IN = 10;

export class FleetLoad {
  /** Facts that somebody got an answer for. */
  readonly told = new Set<string>();
  /** Numbers that are held for good. */
  readonly held: readonly number[];
  readonly #sailors: Sailors;
  readonly #nursery = new Nursery();
  readonly #lanes: readonly (readonly number[])[];
  #onTold: () => void = () => undefined;

  constructor(sailors: Sailors) {
    this.#sailors = sailors;
    const { numbers } = sailors;
    const isHeld = (place: number) => place % ONE_HELD_IN === 0;
    this.held = numbers.filter((_, place) => isHeld(place));
    const others = numbers.filter((_, place) => !isHeld(place));
    const lanes = Array.from({ length: LANES }, (_, lane) => others.filter((_n, i) => i % LANES === lane));
    this.#lanes = lanes.filter((lane) => lane.length > 0);
  }

  /** Those who are held for good. @throws CliError */
  async hold(reached: Reached): Promise<void> {
    const operators = await this.operators(reached, 0);
    for (const number of this.held) await operators.hold([number], "isolate");
  }

  /** @param i - of which API. */
  operators({ apis, tokens }: Reached, i: number): Promise<Operators> {
    return Operators.at(apis[i % apis.length] ?? "", tokens, (fact) => this.#tell(fact));
  }

  /**
   * Everybody begins. Operators and the nursery end when something is not answered well, all when they are told to.
   * @returns `rest`: ends all; `refused`: resolves when operators and nursery have ended by themselves.
   */
  begin(
    reached: Reached,
    draw: Draw,
  ): { readonly rest: () => Promise<void>; readonly refused: Promise<void> } {
    let isOver = false;
    const over = () => isOver;
    const untilRefused = (work: Promise<void>) => work.catch(() => undefined); // killed under their hands
    const api = pick(draw, reached.apis);
    const nursing = this.#nursery.work(api, reached.tokens, (fact) => this.#tell(fact), over);
    const operating = this.#lanes.map(async (numbers, i) =>
      (await this.operators(reached, i)).work(numbers, draw, over),
    );
    const refused = Promise.all([nursing, ...operating].map(untilRefused)).then(() => undefined);
    const sailing = this.#sailors.work(draw, over);
    const rest = async () => {
      isOver = true;
      await Promise.all([refused, sailing]);
    };
    return { rest, refused };
  }

  /** Resolves when so many more facts were told. */
  hears(facts: number): Promise<void> {
    let left = facts;
    return new Promise((resolve) => {
      this.#onTold = () => --left === 0 && resolve();
    });
  }

  /** What the devices have stored is told too. @returns what judges it, once the log was read. */
  async gather(): Promise<() => readonly string[]> {
    const { facts, judge } = await this.#sailors.stored();
    for (const fact of facts) this.told.add(fact);
    return judge;
  }

  #tell(fact: string): void {
    this.told.add(fact);
    this.#onTold();
  }
}
