/** What vectors say in the course of time: which version of each kind somebody came to, and when. */
import { type ActName, type ActsDone } from "../protocol/vector.js";
import { compareVersions, type Version } from "../protocol/version.js";
import type { HeldFact } from "./events.js";

/** The kinds of documents whose versions a vector names. */
export type HeldKind = Exclude<keyof HeldFact, "level" | "done">;
const KINDS = ["authority", "ledger", "advisories", "removals", "directive", "release"] as const;
type Versions = Pick<HeldFact, HeldKind>;

/** When somebody came to the version that stands for each kind now, Unix seconds; 0: never to any. */
export type Since = Readonly<Record<HeldKind, number>>;
export const NEVER: Since = {
  authority: 0,
  ledger: 0,
  advisories: 0,
  removals: 0,
  directive: 0,
  release: 0,
};

/** All kinds as pairs; an Authority has no term. */
export function heldVersion(versions: Versions, kind: HeldKind): Version {
  return kind === "authority" ? [0, versions.authority] : versions[kind];
}

/** Each kind keeps its time for as long as its version stays. */
export function sinceAfter(since: Since, before: Versions | undefined, after: Versions, at: number): Since {
  const stays = (kind: HeldKind) =>
    before && compareVersions(heldVersion(before, kind), heldVersion(after, kind)) === 0;
  if (KINDS.every(stays)) return since;
  return Object.fromEntries(KINDS.map((kind) => [kind, stays(kind) ? since[kind] : at])) as Since;
}

/**
 * One-shot acts that a vector tells of and that count: those of the present term of directives.
 * @param since - version of the Authority that began it.
 */
export function doneSince({ authority, done }: HeldFact, since: number): ActsDone {
  return authority >= since ? done : {};
}

/** The higher count of each act: counts are made for that, so that nothing is done twice. */
export function mostDone(a: ActsDone, b: ActsDone): ActsDone {
  const names = Object.keys({ ...a, ...b }) as ActName[];
  return Object.fromEntries(names.map((name) => [name, Math.max(a[name] ?? 0, b[name] ?? 0)]));
}
