/** Where the figures of a bench go: the terminal, docs/benchmarks.md, and the exit code. */
import { writeDocument } from "../docs/markdown.js";
import { machineLine } from "./machine.js";

const DOCUMENT = "docs/benchmarks.md";

/**
 * @param name - of the marker in the document.
 * @param parts - tables and lines, in order.
 * @param figures - what `-j` prints instead; then no document is written.
 */
export function giveOut(
  name: string,
  parts: readonly string[],
  figures: object,
  missed: readonly string[],
): void {
  const text = [...parts, machineLine()].join("\n\n");
  if (process.argv.includes("-j"))
    process.stdout.write(`${JSON.stringify({ machine: machineLine(), ...figures, missed })}\n`);
  else {
    process.stdout.write(`${text}\n`);
    writeDocument(DOCUMENT, new Map([[name, text]]));
  }
  for (const complaint of missed) process.stderr.write(`does not hold: ${complaint}\n`);
  process.exitCode = missed.length === 0 ? 0 : 1;
}
