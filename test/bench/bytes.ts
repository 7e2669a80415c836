/**
 * Prints what the protocol weighs, writes it into docs/benchmarks.md, and fails when a target is missed:
 *
 *     npm run bench:bytes
 */
import { pathToFileURL } from "node:url";
import { table, writeDocument } from "../docs/markdown.js";
import { sizes, type Size } from "./sizes.js";

export const BYTES_DOCUMENT = "docs/benchmarks.md";

export function missed(all: readonly Size[]): readonly Size[] {
  return all.filter(({ young, large, target }) => target !== undefined && Math.max(young, large) > target);
}

export function bytesTable(all: readonly Size[]): string {
  const rows = all.map(({ what, algorithm, young, large, signatureBytes, target }) => [
    what,
    algorithm,
    String(young),
    String(large),
    target === undefined ? "–" : String(target),
    target === undefined ? "–" : String(target - Math.max(young, large)),
    `${Math.round((100 * signatureBytes) / large)} %`,
  ]);
  const head = ["Message", "Keys", "Young fleet", "Large fleet", "Target", "Margin", "Signatures"];
  return table(head, rows, [2, 3, 4, 5, 6]);
}

const [, script] = process.argv;
if (script && import.meta.url === pathToFileURL(script).href) {
  const all = sizes();
  const text = bytesTable(all);
  process.stdout.write(`${text}\n`);
  writeDocument(BYTES_DOCUMENT, new Map([["bytes", text]]));
  for (const { what, algorithm, target } of missed(all))
    process.stdout.write(`${what} with ${algorithm} keys misses its target of ${target} bytes\n`);
  process.exitCode = missed(all).length === 0 ? 0 : 1;
}
