/** What a run has come to, for people: a line for each edge, and a failure as something that can be tried again. */
import { toHex } from "../../protocol/bytes.js";
import type { Input } from "./edge.js";
import type { Report } from "./runner.js";

/** Printed of each part of an input; the hex is whole. */
const TEXT_CHARACTERS = 120;

export function lineOf({ edge, inputs, seconds, slowest, heapGrowthBytes, failure }: Report): string {
  const heap = `heap ${(heapGrowthBytes / 1024 / 1024).toFixed(1)} MiB`;
  const slow = `slowest ${slowest.milliseconds.toFixed(0)} ms (input ${slowest.inputs})`;
  const end = failure ? `FAILED at input ${failure.inputs}` : "clean";
  return `${edge}: ${inputs} inputs in ${seconds.toFixed(1)} s, ${slow}, ${heap}: ${end}`;
}

/** How often each outcome came. */
export function outcomeLines({ outcomes }: Report): readonly string[] {
  return [...outcomes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${String(count).padStart(9)}  ${name}`);
}

/** Undefined when there is none. */
export function failureText({ edge, failure }: Report, seed: number): string | undefined {
  if (!failure) return undefined;
  const { inputs, error, input } = failure;
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const again = `again: npm run fuzz -- --edge ${edge} --seed ${seed} --inputs ${inputs}`;
  return [what, ...(input ? [corpusText(edge, input), ...textsOf(input)] : []), again].join("\n");
}

/** As it is kept in test/fuzz/corpus. */
function corpusText(edge: string, { target, parts }: Input): string {
  return JSON.stringify({ edge, target, parts: parts.map(toHex) });
}

function textsOf({ parts }: Input): readonly string[] {
  return parts.map((part) => JSON.stringify(Buffer.from(part).toString("latin1").slice(0, TEXT_CHARACTERS)));
}
