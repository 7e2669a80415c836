/** What a world is made of, and what it is made of when nobody says otherwise. */
import type { Build } from "../../device/state.js";
import type { FleetPolicy } from "../../fleet/policy.js";
import { nobleCrypto } from "../../protocol/adapters/noble-crypto.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Algorithm, Crypto } from "../../protocol/crypto.js";
import type { Span, Ticking } from "./clocks.js";
import { FAIR_WEATHER, type Weather } from "./network.js";

export interface WorldOptions {
  readonly seed: number | string;
  /** How many are born at the beginning; they are switched off. */
  readonly devices?: number;
  readonly gateways?: number;
  readonly algorithm?: Algorithm;
  /** Must sign the same way each time; absent: the fastest that does. */
  readonly crypto?: Crypto;
  readonly policy?: Partial<FleetPolicy>;
  readonly weather?: Weather;
  /** How long a device's disk takes to sync, and the fleet's to append. [0, 0]: no time at all. */
  readonly syncMs?: Span;
  readonly appendMs?: Span;
  /** How long what the fleet tells a gateway is on its way. */
  readonly linkMs?: Span;
  /** Where true time begins, Unix milliseconds. */
  readonly startMs?: number;
  /** Keep every line of the trace. */
  readonly wholeTrace?: boolean;
}

export interface DeviceSettings {
  readonly model?: string;
  /** Absent: the model and how many there are. */
  readonly name?: string;
  /** Absent: its name. The same one is the same hardware. */
  readonly hardwareId?: string;
  readonly ticking?: Ticking;
  readonly build?: Build;
}

/** The same, with everything that was left open. */
export type WorldSettings = typeof DEFAULTS & WorldOptions & { readonly crypto: Crypto };

const NO_TIME: Span = [0, 0];
const DEFAULTS = {
  algorithm: "Ed25519" as Algorithm,
  weather: FAIR_WEATHER,
  syncMs: NO_TIME,
  appendMs: NO_TIME,
  linkMs: NO_TIME,
  startMs: Date.UTC(2027, 0, 1),
  wholeTrace: false,
};

export function settingsOf(options: WorldOptions): WorldSettings {
  const settings = { ...DEFAULTS, ...options };
  // OpenSSL's ECDSA takes fresh randomness for each signature; RFC 6979 takes none.
  return { crypto: settings.algorithm === "ES256" ? nobleCrypto : nodeCrypto, ...settings };
}
