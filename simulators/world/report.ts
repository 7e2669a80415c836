/** What came of many seeds, in words. Pure. */
import type { Figures } from "./actors/tally.js";
import { Tally } from "./actors/tally.js";
import { lineOf } from "./plan/deeds.js";
import type { Plan } from "./plan/plan.js";
import type { Report } from "./run.js";
import type { Shrunk } from "./shrink.js";
import type { Deed } from "./plan/deeds.js";

/** Lines of the trace that are shown with a failure. */
const SHOWN_LINES = 30;

/** Sums over all seeds so far. */
export class Totals {
  seeds = 0;
  steps = 0;
  deviceDays = 0;
  /** Of the trace of each seed. */
  readonly hashes: Record<string, string> = {};
  readonly #tally = new Tally();

  add({ seed, steps, deviceDays, hash, figures }: Report): void {
    this.seeds += 1;
    this.steps += steps;
    this.deviceDays += deviceDays;
    this.hashes[seed] = hash;
    this.#tally.add(figures);
  }

  get figures(): Figures {
    return this.#tally.figures;
  }

  /** @param seconds - that it took. */
  line(seconds: number): string {
    const rate = Math.round(this.steps / Math.max(seconds, 0.001));
    return `${this.seeds} seeds, ${this.steps} steps, ${Math.round(this.deviceDays)} device-days, ${rate} steps/s`;
  }
}

/** One line for each kind. */
export function figuresText(figures: Figures): string {
  return Object.entries(figures)
    .map(([kind, outcomes]) => {
      const parts = Object.entries(outcomes).map(([outcome, times]) => `${outcome} ${times}`);
      return `${kind.padEnd(15)} ${parts.join(", ")}`;
    })
    .join("\n");
}

/** @param shortest - what was left of its plan, and the report of that run. */
export function failureText(
  { seed }: Plan,
  { failure }: Report,
  shortest: { readonly plan: Shrunk<Deed>; readonly report: Report },
): string {
  if (!failure) return "";
  const { invariant, node, sentence, step, atMs } = failure;
  const { plan, report } = shortest;
  const { lines = [], sentence: again = sentence } = report.failure ?? {};
  return [
    `seed ${seed}: ${invariant} is broken at ${node}, step ${step}, ${new Date(atMs).toISOString()}:`,
    `  ${sentence}`,
    `The shortest plan that still breaks it (${plan.items.length} things, found in ${plan.tries} runs):`,
    ...plan.items.map((deed) => `  ${lineOf(deed)}`),
    ...(again === sentence ? [] : [`There it is: ${again}`]),
    `The last lines of that run:`,
    ...lines.slice(-SHOWN_LINES),
    `Again: npm run world -- --seed ${seed} --trace trace.txt`,
  ].join("\n");
}
