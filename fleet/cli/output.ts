/** What a command prints: data on stdout, everything said about it on stderr; colour only where someone looks. */
import type { Level } from "../../protocol/level.js";

/** What a value that is not known, or not there, looks like in a table. */
export const NOTHING = "-";

/** One pretty JSON document. */
export function printJson(stdout: NodeJS.WriteStream, value: unknown): void {
  stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

export function printLine(stream: NodeJS.WriteStream, text: string): void {
  stream.write(`${printable(text)}\n`);
}

/** Columns side by side. @param rows - the heading first. */
export function printTable(stream: NodeJS.WriteStream, rows: readonly (readonly string[])[]): void {
  const clean = rows.map((row) => row.map(printable));
  const widths = (clean[0] ?? []).map((_, i) =>
    clean.reduce((widest, row) => Math.max(widest, widthOf(row[i] ?? "")), 0),
  );
  for (const row of clean) {
    const cells = row.map((cell, i) => {
      const padding = " ".repeat((widths[i] ?? 0) - widthOf(cell));
      return coloured(stream, cell) + (i === row.length - 1 ? "" : padding);
    });
    stream.write(`${cells.join("  ")}\n`);
  }
}

/** In code points, which is near enough to the columns that a terminal takes. */
function widthOf(text: string): number {
  return Array.from(text).length;
}

/** Names and values of one thing, one a line. */
export function printRecord(stream: NodeJS.WriteStream, record: Readonly<Record<string, string>>): void {
  printTable(stream, Object.entries(record));
}

/** Models and reasons are chosen elsewhere; no control character of theirs reaches the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, "?");
}

const LEVEL_COLOURS: Readonly<Partial<Record<string, number>>> = {
  observe: 36,
  restrict: 33,
  isolate: 31,
  revoked: 31,
} satisfies Partial<Record<Level, number>>;

/** Levels stand out on a terminal; the word says the same without. See https://no-color.org. */
function coloured(stream: NodeJS.WriteStream, cell: string): string {
  const colour = LEVEL_COLOURS[cell];
  const off = !stream.isTTY || Boolean(process.env["NO_COLOR"]);
  return colour === undefined || off ? cell : `\u001b[${colour}m${cell}\u001b[0m`;
}
