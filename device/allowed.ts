/** What a device may do at each level: the one table that its library and its firmware go by. Pure. */
import type { Level } from "../protocol/level.js";

/** `application`: messages of the application, and whatever else the device is there for. */
export type Action = "sync" | "attest" | "update" | "heartbeat" | "application";

const EVERYTHING: readonly Action[] = ["sync", "attest", "update", "heartbeat", "application"];
const ALLOWED: Readonly<Record<Level, readonly Action[]>> = {
  none: EVERYTHING,
  observe: EVERYTHING,
  restrict: ["sync", "attest", "update", "heartbeat"],
  isolate: ["sync"],
  revoked: ["sync"], // to be told so, each time it asks
};

/** @param level - the one in force. */
export function isAllowed(level: Level, action: Action): boolean {
  return ALLOWED[level].includes(action);
}
