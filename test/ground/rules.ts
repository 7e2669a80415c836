/**
 * The import table of DESIGN: which folder may import which, and where I/O, time and randomness may live.
 * TypeScript's project references hold part of it; they do not see subfolders, packages or Node built-ins.
 */
import { posix } from "node:path";
import { lineAt, readSource } from "./source.js";

export interface Violation {
  readonly file: string;
  readonly line: number;
  /** The specifier, or the words in the code, that break the rule. */
  readonly found: string;
  readonly rule: string;
}

/** The folders under the rules. */
export const FOLDERS = ["protocol", "device", "fleet", "broker", "simulators"] as const;

/** Folders inside others that have rules of their own. */
const INNER = ["fleet/cli", "simulators/world"] as const;

/** Per folder: files that it may import besides its own. */
const IMPORT_TABLE: Readonly<Record<string, RegExp>> = {
  protocol: /^(?!)/, // nothing of ours
  device: /^protocol\//,
  fleet: /^protocol\//,
  broker: /^(protocol\/|fleet\/link(-wire|-packets|-standings|-bus-wire|-positions)?\.js$)/,
  simulators: /^(protocol\/|device\/|fleet\/registry[^/]*\.js$|broker\/admission\.js$)/,
  "fleet/cli": /^(protocol|fleet)\//,
  // Fleet and gateway as they are, with other sockets, disks and clocks below them.
  "simulators/world":
    /^(protocol\/|device\/|fleet\/(?!main\.js)[^/]+\.js$|fleet\/(station|recovery)\/|fleet\/adapters\/memory-event-log\.js$|broker\/(admission|answers|buckets|connect|events|gateway-(arrival|requests|session|sessions)|overload|replica|verdicts)\.js$)/,
};
const COMPOSITION_ROOT = "fleet/cli/main.ts";
const COMMANDS = /^(broker|device)\/commands\.js$|^simulators\/(sim-)?commands\.js$/;

/** Where sockets, files, timers, clocks and randomness may be. Every other file is pure. */
const EDGES =
  /(^|\/)adapters\/|(^|\/)(main|([a-z]+-)?commands)\.ts$|^fleet\/(api|cli)\/|^broker\/gateway[^/]*\.ts$|^simulators\/(voyage|swarm)\/|^simulators\/world\/(crypto\/|(options|turn)\.ts$)/;
const PURE_PACKAGES = /^zod$/;

/** Packages with one home. */
const HOMES: readonly (readonly [name: string, specifier: RegExp, home: RegExp])[] = [
  ["cbor-x", /^cbor-x(\/|$)/, /^protocol\/codec\.ts$/],
  ["nats", /^nats$/, /^(protocol\/adapters\/nats|fleet\/adapters\/jetstream)-[a-z-]+\.ts$/],
  ["pino", /^pino$/, /^fleet\/adapters\/logger\.ts$/],
  ["@noble/*", /^@noble\//, /^protocol\/(keys\.ts$|adapters\/)/],
];

const IMPURE = [
  /\bDate\.now\b/g,
  /\bnew\s+Date(?!\w)(?!\s*\(\s*[^\s)])/g,
  /(?<!\bnew\s+)(?<![\w.])Date\s*\(/g,
  /\bperformance\b\s*\./g,
  /\bMath\.random\b/g,
  /\b(?:set|clear)(?:Timeout|Interval|Immediate)\b/g,
  /(?<![\w.])process\s*\./g,
  /(?<![\w.])console\s*\./g,
  /(?<![\w.])fetch\s*\(/g,
  /\bglobalThis\b/g,
  /(?<![\w.])crypto\.(?:getRandomValues|randomUUID|subtle)\b/g,
];

/** @param file - path from the root of the package, with `/`. */
export function violations(file: string, text: string): Violation[] {
  const source = readSource(text);
  const found: Violation[] = [];
  for (const { specifier, line } of source.imports) {
    const rule = specifier === undefined ? "an import names its target in a string" : broken(file, specifier);
    if (rule) found.push({ file, line, found: specifier ?? "import(…)", rule });
  }
  if (EDGES.test(file)) return found;
  for (const pattern of IMPURE)
    for (const match of source.code.matchAll(pattern))
      found.push({
        file,
        line: lineAt(text, match.index),
        found: match[0].trim(),
        rule: "time, timers, randomness, process and console only in adapters and main",
      });
  return found;
}

/** The rule that `file` breaks by importing `specifier`, if any. */
function broken(file: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return brokenFolder(file, posix.join(posix.dirname(file), specifier));
  for (const [name, pattern, home] of HOMES)
    if (pattern.test(specifier)) return home.test(file) ? undefined : `${name} only in ${home.source}`;
  if (/^(daymark(\/|$)|#|\/|file:|data:)/.test(specifier)) return "our own files only by relative path";
  if (EDGES.test(file) || PURE_PACKAGES.test(specifier)) return undefined;
  return specifier.startsWith("node:")
    ? "Node built-ins only in adapters and main"
    : "packages other than zod only in adapters and main";
}

function brokenFolder(file: string, target: string): string | undefined {
  const [from, to] = [folder(file), folder(target)];
  const allowed =
    from === to || IMPORT_TABLE[from]?.test(target) || (file === COMPOSITION_ROOT && COMMANDS.test(target));
  // fleet/cli is no part of what fleet/ offers, though it lies below it
  if (allowed && (to !== "fleet/cli" || from === to)) return undefined;
  return `${from} may not import this file of ${to}`;
}

function folder(path: string): string {
  return INNER.find((inner) => path.startsWith(`${inner}/`)) ?? path.split("/")[0] ?? path;
}
