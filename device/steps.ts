/** What goes into the machine and what comes out: the words that its parts share. */
import type { PublicKey } from "../protocol/crypto.js";
import type { Level } from "../protocol/level.js";
import type { FleetMessage } from "./edge.js";
import type { Freshness } from "./freshness.js";
import type { DeviceRecord, SessionRecord } from "./record.js";
import type { Refusal } from "./refusals.js";
import type { Unsigned } from "./requests.js";
import type { DeviceState, Session } from "./state.js";

/** When something happens, and what chance adds to it. `atMs`: powered time, milliseconds. `entropy`: 32 fresh bytes. */
export interface Moment {
  readonly atMs: number;
  readonly entropy: Uint8Array;
}

/** All that can happen to a device. */
export type Input = Moment &
  (
    | { readonly type: "connected"; readonly door: Session["door"] }
    | { readonly type: "disconnected" }
    /** The server's certificate was refused: for its dates only, or for good. */
    | { readonly type: "server-refused"; readonly why: "dates" | "chain" }
    | { readonly type: "received"; readonly message: FleetMessage }
    | { readonly type: "key-created"; readonly publicKey: PublicKey }
    | { readonly type: "signed"; readonly signature: Uint8Array }
    | { readonly type: "held-back"; readonly messages: number }
    /** Somebody carries it to the fleet by hand: a question, or what is stored here. */
    | { readonly type: "wanted"; readonly what: "challenge" | "receipt" }
    /** Somebody brought a ticket for new keys: 32 bytes, a secret. */
    | { readonly type: "ticket"; readonly ticket: Uint8Array }
    | { readonly type: "tick" }
  );

/** Acts that are the host's to carry out; new keys are the device's own. */
export type HostAct = "wipe" | "reboot" | "attest";

/** All a device can ask for. */
export type Effect =
  | { readonly type: "save"; readonly record: DeviceRecord }
  /** Nothing but powered time has changed, and no level with it: kept beside the record. */
  | { readonly type: "save-session"; readonly session: Omit<SessionRecord, "attempts"> }
  /** Answered by `key-created`, also when a key of this name is there already. */
  | { readonly type: "create-key"; readonly name: string }
  | { readonly type: "remove-key"; readonly name: string }
  /** Answered by `signed`. */
  | { readonly type: "sign"; readonly key: string; readonly bytes: Uint8Array }
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** To be signed, and given to who wanted it. */
  | { readonly type: "hand-out"; readonly unsigned: Unsigned }
  /** Leave, and come back with the identity and through the door that the state now names. */
  | { readonly type: "reconnect" }
  | { readonly type: "act"; readonly act: HostAct }
  /** Another fleet owns the device from now on, and what waits is not for it. `fleet`: its id, hex. */
  | { readonly type: "transferred"; readonly number: number; readonly fleet: string }
  | { readonly type: "level"; readonly level: Level; readonly before: Level }
  | ({ readonly type: "freshness" } & Freshness)
  /** What was asked for last is not given; the firmware is told what comes next. */
  | ({ readonly type: "refused-request" } & Refusal)
  /** Whether application messages may be sent from now on. */
  | { readonly type: "speak"; readonly allowed: boolean }
  | { readonly type: "wake"; readonly atMs: number };

export interface Step {
  readonly state: DeviceState;
  readonly effects: readonly Effect[];
}

export function withSession(state: DeviceState, session: Session | undefined): DeviceState {
  const { session: _session, ...rest } = withoutJob(state);
  return session ? { ...rest, session } : rest;
}

export function withoutJob(state: DeviceState): DeviceState {
  const { job: _job, ...rest } = state;
  return rest;
}

export function only(state: DeviceState): Step {
  return { state, effects: [] };
}

/** Nothing more is asked over a connection that is left. */
export function leave(state: DeviceState, effects: readonly Effect[] = []): Step {
  return { state: withSession(state, undefined), effects: [...effects, { type: "reconnect" }] };
}

/** Gives keys up: named in the record of this very step, so that a power cut does not leave them behind (P8). */
export function discard(
  record: DeviceRecord,
  names: readonly string[],
): { readonly record: DeviceRecord; readonly effects: readonly Effect[] } {
  if (names.length === 0) return { record, effects: [] };
  return {
    record: { ...record, discarded: names },
    effects: names.map((name) => ({ type: "remove-key", name }) as const),
  };
}
