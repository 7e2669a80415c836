/** Tables as prettier leaves them, and text between markers, for documents that are partly generated. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** @param right - numbers of the columns that are set to the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const all = [head, ...rows].map((cells) => cells.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...all.map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const pad = (cell: string, column: number) =>
    right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  const rule = widths.map((width, column) =>
    right.includes(column) ? `${"-".repeat(width - 1)}:` : "-".repeat(width),
  );
  const [first, ...rest] = all.map((cells) => line(cells.map(pad)));
  return [first, line(rule), ...rest].join("\n");
}

/** Rows for `table`: number, word and meaning of each entry of a list in the source. */
export function numbered<W extends string>(
  numbers: Readonly<Record<W, number>>,
  meanings: Readonly<Record<W, string>>,
): string[][] {
  return (Object.keys(numbers) as W[]).map((word) => [String(numbers[word]), `\`${word}\``, meanings[word]]);
}

/** What stands between the markers `<!-- name:begin -->` and `<!-- name:end -->`, blank lines around it aside. */
export function between(text: string, name: string): string {
  return cut(text, name).inside.trim();
}

export function withBetween(text: string, name: string, inside: string): string {
  const { before, after } = cut(text, name);
  return `${before}\n\n${inside.trim()}\n\n${after}`;
}

function cut(text: string, name: string): { before: string; inside: string; after: string } {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new RangeError(`the markers ${begin} and ${end} are missing`);
  const start = from + begin.length;
  return { before: text.slice(0, start), inside: text.slice(start, to), after: text.slice(to) };
}

/** @param file - path from the root of the package. */
export function readDocument(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** Puts each part between its markers. */
export function writeDocument(file: string, parts: ReadonlyMap<string, string>): void {
  let text = readDocument(file);
  for (const [name, inside] of parts) text = withBetween(text, name, inside);
  writeFileSync(join(ROOT, file), text);
}
