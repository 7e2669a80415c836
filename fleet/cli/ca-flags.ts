/** What the `daymark ca` commands share: flags, how they are read, and what is shown in the end. */
import { randomBytes } from "node:crypto";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import type { Authority, FreshnessRules } from "../../protocol/authority.js";
import type { CeremonyContext } from "../ceremony.js";
import type { FreshnessChanges, ModelChange } from "../ceremony-freshness.js";
import type { SigningState } from "../ceremony-signing.js";
import { FLEET_KEY_NAMES, type FleetKeyName } from "../fleet-keys.js";
import { authorityLines, missingText } from "./ca-output.js";
import type { Named } from "./ca-rotate.js";
import type { CliContext } from "./connection.js";
import { wholeNumber } from "./device-number.js";
import { parseFreshness, parseModelFreshness } from "./freshness.js";
import { printJson, printLine, printRecord } from "./output.js";

export const aliases = { j: "json" } as const;

/** Of one role: `role-keys` in an Authority has at most so many. */
const MAX_KEYS = 8;

export function ceremonyNow(): CeremonyContext {
  const entropy = (size: number) => new Uint8Array(randomBytes(size));
  return { crypto: nodeCrypto, entropy, now: Math.floor(systemClock.nowMs() / 1000) };
}

export const file = (brief: string) =>
  ({ kind: "parsed", parse: String, placeholder: "file", brief }) as const;
export const files = (brief: string) => ({ ...file(brief), optional: true, variadic: true }) as const;
export const switchFlag = (brief: string) =>
  ({ kind: "boolean", default: false, withNegated: false, brief }) as const;
export const count = (brief: string) =>
  ({ kind: "parsed", parse: keyCount, optional: true, placeholder: "n", brief }) as const;
export const outFlag = (brief: string) =>
  ({ kind: "parsed", parse: String, placeholder: "path", brief }) as const;

/** What a lease that ran out does, for all devices and by model. */
export const freshnessFlags = {
  freshness: {
    kind: "parsed",
    parse: parseFreshness,
    optional: true,
    placeholder: "table",
    brief:
      "What a lease that ran out does: 30d:restrict,90d:isolate, or never [default: as it is, 30d:restrict]",
  },
  modelFreshness: {
    kind: "parsed",
    parse: parseModelFreshness,
    optional: true,
    variadic: true,
    placeholder: "model=table",
    brief: "The same for one model, in place of that; model=default ends it; may be repeated",
  },
} as const;

export interface FreshnessFlags {
  readonly freshness?: FreshnessRules;
  readonly modelFreshness?: readonly ModelChange[];
}

export function tablesFrom({ freshness, modelFreshness: models }: FreshnessFlags): FreshnessChanges {
  return { freshness, models };
}

/** @param before - the version before, where it is known: changes are marked. */
export function show(
  state: SigningState | Pick<SigningState, "value" | "fleetId">,
  before: Authority | undefined,
  json: boolean,
  { process: { stdout, stderr } }: CliContext,
): void {
  const lines = authorityLines(state, before, nodeCrypto);
  const missing = "missing" in state ? state.missing : undefined;
  if (json) printJson(stdout, missing ? { ...lines, missing } : lines);
  else printRecord(stdout, lines);
  if ("missing" in state) printLine(stderr, missingText(state));
}

/** `name=value`. */
export function named<T>(parse: (text: string) => T): (text: string) => Named<T> {
  return (text) => {
    const at = text.indexOf("=");
    if (at < 0) throw new RangeError("write name=value");
    return [keyName(text.slice(0, at)), parse(text.slice(at + 1))];
  };
}

/** @throws RangeError */
export function keyName(text: string): FleetKeyName {
  const name = FLEET_KEY_NAMES.find((known) => known === text);
  if (!name) throw new RangeError(`one of ${FLEET_KEY_NAMES.join(", ")}`);
  return name;
}

/** @throws RangeError */
export function keyCount(text: string): number {
  const keys = wholeNumber(text);
  if (keys < 1 || keys > MAX_KEYS) throw new RangeError(`1 to ${MAX_KEYS}`);
  return keys;
}

/** @throws RangeError */
export function rfc3339(text: string): number {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new RangeError("a time looks like 2027-01-31T12:00:00Z");
  return ms / 1000;
}
