/** What a gateway process is told by the one that starts it, and what it says back. */
import type { NatsOptions } from "../protocol/adapters/nats-connection.js";

/** Where gateways reach their fleet over NATS. */
export interface BusTarget extends NatsOptions {
  /** Id of the fleet, 32 hex digits. */
  readonly fleet: string;
}

/** Travels in the environment, as JSON: nothing in it is secret. */
export interface Task {
  /** Path of the service's socket; or NATS, and whatever services of the fleet are there. */
  readonly link: string | BusTarget;
  readonly host: string;
  /** 0: any that is free, the same for all processes. */
  readonly port: number;
  /** Names and addresses at which devices reach it. */
  readonly hosts: readonly string[];
}

export type WorkerReport =
  | { readonly type: "serving"; readonly port: number }
  | { readonly type: "said"; readonly occurrence: Occurrence }
  | { readonly type: "failed"; readonly code: string; readonly text: string };

/** What happens to gateway processes, or in them, for a log. */
export interface Occurrence {
  readonly event:
    | "gateway-ended"
    | "gateway-not-started" // the system made no process
    | "gateway-cannot-serve"
    | "gateway-not-certified"
    | "service-down"
    | "service-up"
    | "bus-problem";
  /** For a person. */
  readonly words: string;
  /** Of a LinkError, or of the system. */
  readonly code?: string;
  /** Pid of the gateway process; absent where there is none. */
  readonly process?: number;
}

export const TASK_VARIABLE = "DAYMARK_GATEWAY_TASK";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** Who lived for so long did not die of how it was started. */
const LIVED_MS = 10_000;

/** How long to wait before a process that lived for `livedMs` is replaced, after one that waited `beforeMs`. */
export function restartPause(beforeMs: number, livedMs: number): number {
  if (livedMs >= LIVED_MS || beforeMs === 0) return FIRST_PAUSE_MS;
  return Math.min(2 * beforeMs, LONGEST_PAUSE_MS);
}
