/** How often everything happened, and what came of it: a run in which nothing happened must not look like a good one. */

/** By kind, then by what came of it. */
export type Figures = Readonly<Record<string, Readonly<Record<string, number>>>>;

export class Tally {
  readonly #counts = new Map<string, Map<string, number>>();

  count(kind: string, outcome: string, times = 1): void {
    const outcomes = this.#counts.get(kind) ?? new Map<string, number>();
    this.#counts.set(kind, outcomes);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + times);
  }

  add(figures: Figures): void {
    for (const [kind, outcomes] of Object.entries(figures))
      for (const [outcome, times] of Object.entries(outcomes)) this.count(kind, outcome, times);
  }

  /** Kinds and outcomes in the order of their names. */
  get figures(): Figures {
    const sorted = <V>(entries: Iterable<readonly [string, V]>) =>
      [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const kinds = sorted(this.#counts).map(([kind, outcomes]) => [
      kind,
      Object.fromEntries(sorted(outcomes)) as Record<string, number>,
    ]);
    return Object.fromEntries(kinds) as Figures;
  }
}
