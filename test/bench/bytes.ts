/**
 * Prints what the protocol weighs, writes it into docs/benchmarks.md, and fails when a target is missed:
 *
 *     npm run bench:bytes
 */
import { pathToFileURL } from "node:url";
import { table, writeDocument } from "../docs/markdown.js";
import { exchanges, exchangeTable } from "./exchanges.js";
import { ledgerSizes, ledgerTable, missedLedger } from "./ledger.js";
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
  const ledgers = ledgerSizes();
  const texts = new Map([
    ["bytes", bytesTable(all)],
    ["ledger", ledgerTable(ledgers)],
    ["exchanges", exchangeTable(exchanges())],
  ]);
  process.stdout.write(`${[...texts.values()].join("\n\n")}\n`);
  writeDocument(BYTES_DOCUMENT, texts);
  const complaints = [
    ...missed(all).map(({ what, algorithm, target }) => `${what} with ${algorithm} keys: at most ${target}`),
    ...missedLedger(ledgers).map(({ what, target }) => `ledger of ${what}: at most ${target}`),
  ];
  for (const complaint of complaints) process.stdout.write(`a target is missed: ${complaint} bytes\n`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
}
