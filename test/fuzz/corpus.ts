/** Inputs that have once come to what must not be: kept as files, one each, and tried again by every test run. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex } from "../../protocol/bytes.js";
import type { Input } from "./edge.js";

/** One file of the folder `corpus`. */
export interface Case {
  /** What it had come to. */
  readonly name: string;
  readonly edge: string;
  readonly input: Input;
  /** What has to come of it now. */
  readonly want: string;
}

interface CaseFile {
  readonly edge: string;
  readonly target: string;
  /** Hex. */
  readonly parts: readonly string[];
  readonly want: string;
}

const FOLDER = join(import.meta.dirname, "corpus");

export function readCorpus(): readonly Case[] {
  return readdirSync(FOLDER).map((file) => {
    const { edge, target, parts, want } = JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as CaseFile;
    return { name: file.replace(/\.json$/, ""), edge, input: { target, parts: parts.map(fromHex) }, want };
  });
}
