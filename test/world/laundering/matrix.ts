/**
 * Every way to be held × every way out, each row in a world of its own; the table of docs/laundering.md:
 *
 *     npx tsx test/world/laundering/matrix.ts [--write]
 */
import { pathToFileURL } from "node:url";
import { between, readDocument, table, writeDocument } from "../../docs/markdown.js";
import { type Attempt, ATTEMPTS } from "./attempts.js";
import type { Camera } from "./camera.js";
import { HOLDINGS } from "./holdings.js";
import { Yard } from "./yard.js";

const DOCUMENT = "docs/laundering.md";
const MARKER = "matrix";

interface Row {
  /** For each way to be held: what came of it, and how the machines of this hardware stand afterwards. */
  readonly cells: readonly string[];
  /** All that must not be. */
  readonly complaints: readonly string[];
}

/** The same words each time. */
export async function play(attempt: Attempt): Promise<Row> {
  const yard = await Yard.open(attempt.name);
  const tryOn = await attempt.begin(yard);
  const outcomes: string[] = [];
  for (const camera of yard.cameras) outcomes.push(await tryOn(camera));
  await yard.rest();
  return {
    cells: yard.cameras.map((camera, i) => `${outcomes[i]}; ${afterwards(camera)}`),
    complaints: yard.cameras.flatMap(({ complaints }) => [...complaints]),
  };
}

/** How its machines see themselves; "stays" where that is what it was. */
function afterwards({ machines, holding, isSuspected }: Camera): string {
  const found = [...new Set(machines.flatMap(({ device }) => device?.level ?? []))];
  const stays = found.every((level) => level === holding.level);
  const level = found.length === 0 ? "runs no more" : `${stays ? "stays" : "now"} ${found.join(" and ")}`;
  return isSuspected ? `${level}, suspected` : level;
}

export const HEAD: readonly string[] = [
  "Attempt",
  ...HOLDINGS.map(({ level, from }) => `${level}, by ${from}`),
];

/** The table as the document has it: head, rule and rows. */
export function tableInDocument(): readonly (readonly string[])[] {
  const lines = between(readDocument(DOCUMENT), MARKER).split("\n");
  const cells = (line: string) => line.split("|").slice(1, -1);
  return lines.map((line) => cells(line).map((cell) => cell.trim()));
}

async function write(): Promise<void> {
  const rows: string[][] = [];
  for (const attempt of ATTEMPTS) {
    const { cells, complaints } = await play(attempt);
    rows.push([attempt.name, ...cells]);
    for (const complaint of complaints) process.stderr.write(`${attempt.name}: ${complaint}\n`);
  }
  const text = table(HEAD, rows);
  if (process.argv.includes("--write")) writeDocument(DOCUMENT, new Map([[MARKER, text]]));
  else process.stdout.write(`${text}\n`);
}

const [, script] = process.argv;
if (script && import.meta.url === pathToFileURL(script).href) await write();
