/** Everything that a running server or gateway tells, by name: programs watch for these, so a name never changes. */
import type { Program } from "./settings.js";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** `server run --gateways` has gateway processes too. */
const BOTH = ["server", "gateway"] as const;
const SERVER = ["server"] as const;

interface LogEvent {
  readonly of: readonly Program[];
  readonly level: LogLevel;
  /** For docs/operations.md. */
  readonly meaning: string;
}

export const LOG_EVENTS = {
  started: { of: BOTH, level: "info", meaning: "it serves; `api`, `gateway` and `health` say where" },
  stopping: { of: BOTH, level: "info", meaning: "it was told to end" },
  fact: {
    of: SERVER,
    level: "debug",
    meaning: "something came into the log: `fact` names it, `position` its record, `device` whom it is about",
  },
  fenced: { of: SERVER, level: "error", meaning: "the fence was raised: nothing is signed from now on" },
  "log-failed": {
    of: SERVER,
    level: "error",
    meaning: "the log cannot go on; unless fenced, the server ends",
  },
  "checkpoint-failed": {
    of: SERVER,
    level: "error",
    meaning: "a checkpoint of the log was not signed; it is tried again",
  },
  "api-failed": { of: SERVER, level: "error", meaning: "a call of the API was answered with 500 or above" },
  "no-gateway": {
    of: SERVER,
    level: "error",
    meaning: "no gateway is started, since the service signs nothing",
  },
  "link-absent": { of: SERVER, level: "warn", meaning: "no `gateway run` can reach this server" },
  "link-problem": {
    of: SERVER,
    level: "warn",
    meaning: "a gateway process was cut off, or its request failed",
  },
  "bus-down": { of: SERVER, level: "warn", meaning: "NATS is out of reach" },
  "bus-up": { of: SERVER, level: "info", meaning: "NATS is back" },
  "share-left": {
    of: SERVER,
    level: "warn",
    meaning: "this worker cannot do its share, and leaves gateways to the others; `/readyz` says why",
  },
  "share-taken": { of: SERVER, level: "info", meaning: "it serves gateways again" },
  "bus-problem": {
    of: BOTH,
    level: "warn",
    meaning: "NATS refuses something, or what came over it makes no sense",
  },
  "service-down": {
    of: BOTH,
    level: "warn",
    meaning: "a gateway process does not reach the service; devices work under their leases",
  },
  "service-up": { of: BOTH, level: "info", meaning: "it reaches the service again" },
  "gateway-not-certified": {
    of: BOTH,
    level: "error",
    meaning: "a gateway got no new certificate; it serves with the old one, and asks again in a minute",
  },
  "gateway-ended": {
    of: BOTH,
    level: "warn",
    meaning: "a gateway process ended without being told to; another is started",
  },
  "gateway-not-started": {
    of: BOTH,
    level: "error",
    meaning: "the system started no process for a gateway; it is tried again",
  },
  "gateway-cannot-serve": {
    of: BOTH,
    level: "error",
    meaning: "a gateway process was started and cannot serve; `code` says why, and it is tried again",
  },
} as const satisfies Readonly<Record<string, LogEvent>>;

export type LogEventName = keyof typeof LOG_EVENTS;
