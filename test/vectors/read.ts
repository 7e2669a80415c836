/** The committed vectors, as they stand in the files of this folder. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Vector } from "./json.js";

/** Names of the files. */
export const VECTOR_FILES = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".json"));

export function vectorText(name: string): string {
  return readFileSync(join(import.meta.dirname, name), "utf8");
}

/** @param V - what the vectors of that file have: see json.ts. */
export function readVectors<V extends Vector>(name: string): readonly V[] {
  return JSON.parse(vectorText(name)) as V[];
}
