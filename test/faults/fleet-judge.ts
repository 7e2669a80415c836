/** What a fleet's log, its APIs and its devices say, held against what devices and operators were told. */
import type { Reached } from "./fleet-layout.js";
import type { FleetLoad } from "./fleet-load.js";
import { LogWatch } from "./log-watch.js";
import type { Sailors } from "./sailors.js";

export class FleetJudge {
  readonly #logs: readonly string[];
  readonly #load: FleetLoad;
  readonly #sailors: Sailors;
  readonly #watches: LogWatch[];

  /** @param logs - folders of all copies of the log, in the order of the APIs. */
  constructor(logs: readonly string[], load: FleetLoad, sailors: Sailors) {
    this.#logs = logs;
    this.#load = load;
    this.#sailors = sailors;
    this.#watches = logs.map((folder) => this.#watch(folder));
  }

  /** In the longest copy. */
  get records(): number {
    return Math.max(...this.#watches.map(({ position }) => position));
  }

  /** @returns what the log lacks or must not have, and what devices have that they must not. */
  async log(): Promise<readonly string[]> {
    await this.#read();
    const judge = await this.#load.gather();
    const told = [...this.#load.told];
    await this.#read();
    const isKnown = (fact: string) => this.#watches.some((watch) => watch.facts.has(fact));
    const [newest] = this.#watches.toSorted((a, b) => b.position - a.position);
    const { devices } = newest?.folded.view ?? {};
    const freed = this.#load.held.filter((number) => devices?.get(number)?.level !== "isolate");
    return [
      ...told.filter((fact) => !isKnown(fact)).map((fact) => `not in the log: ${fact}`),
      ...this.#watches.flatMap(({ complaints }) => complaints.splice(0)),
      ...freed.map((number) => `device ${number} was held for good, and is not`),
      ...judge(),
    ];
  }

  /** That all copies are one log, and that each API lists what its own copy says. */
  views(reached: Reached): Promise<readonly string[]> {
    return this.#views(reached, this.#watches);
  }

  /** The same, by all copies read anew. */
  async rebuiltViews(reached: Reached): Promise<readonly string[]> {
    const anew = this.#logs.map((folder) => new LogWatch(folder));
    for (const watch of anew) await watch.read();
    return this.#views(reached, anew);
  }

  /** Whether the i-th copy alone has all that anybody was told. */
  async holdsAll(i: number): Promise<boolean> {
    const watch = this.#watches[i];
    await watch?.read();
    return [...this.#load.told].every((fact) => watch?.facts.has(fact));
  }

  /** The i-th copy begins anew: what it said before binds it no more. */
  forget(i: number): void {
    this.#watches[i] = this.#watch(this.#logs[i] ?? "");
  }

  async #read(): Promise<void> {
    for (const watch of this.#watches) await watch.read();
  }

  #watch(folder: string): LogWatch {
    return new LogWatch(folder, (record) => this.#sailors.hear(record));
  }

  async #views(reached: Reached, watches: readonly LogWatch[]): Promise<readonly string[]> {
    const complaints = [...forks(watches)];
    for (const [i] of reached.apis.entries()) {
      const watch = watches[i];
      if (!watch) throw new Error("each service has a log");
      const from = watch.position;
      const listed = await (await this.#load.operators(reached, i)).devices();
      await watch.read();
      complaints.push(...watch.differences(listed, from));
    }
    return complaints;
  }
}

/** Copies of one log: the shorter is the beginning of the longer. */
function forks([first, ...others]: readonly LogWatch[]): readonly string[] {
  return others.flatMap((other, i) => {
    const common = Math.min(first?.position ?? 0, other.position);
    const isSame = first?.hashes[common] === other.hashes[common];
    return isSame ? [] : [`copies 1 and ${i + 2} of the log differ at ${common} or before`];
  });
}
