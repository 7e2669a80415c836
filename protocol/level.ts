/** How far a device is held back. Quarantine is any level from `restrict` on. */
import { choice } from "./types.js";

export const LEVELS = { none: 0, observe: 1, restrict: 2, isolate: 3, revoked: 4 } as const;
export type Level = keyof typeof LEVELS;
export const level = choice(LEVELS);

/** What a directive may ask for: to revoke for good is the release quorum's alone. */
export type HoldLevel = Exclude<Level, "revoked">;
const { revoked: _final, ...holdLevels } = LEVELS;
export const holdLevel = choice<HoldLevel>(holdLevels);

export function higherLevel<L extends Level>(a: L, b: L): L {
  return LEVELS[a] >= LEVELS[b] ? a : b;
}

export function atLeast(a: Level, b: Level): boolean {
  return LEVELS[a] >= LEVELS[b];
}

/** True when the device may not speak: application messages are neither sent nor accepted. */
export function isQuarantined(a: Level): boolean {
  return atLeast(a, "restrict");
}

/** True when peers must refuse the device: its number belongs into the ledger's denied set. */
export function isDenied(a: Level): boolean {
  return atLeast(a, "isolate");
}
