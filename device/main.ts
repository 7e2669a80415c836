/** A device as an application has it: what it is made of, what it tells, and how it starts. */
import type { Clock } from "../protocol/clock.js";
import type { Algorithm, Crypto, Entropy } from "../protocol/crypto.js";
import type { ProtocolErrorCode } from "../protocol/errors.js";
import type { Level } from "../protocol/level.js";
import type { Action } from "./allowed.js";
import type { Backoff } from "./backoff.js";
import { DeviceError } from "./errors.js";
import type { Freshness } from "./freshness.js";
import { IDEVID_KEY } from "./jobs.js";
import { boot, type TlsIdentity, tlsIdentity } from "./machine.js";
import { assertIdevidKey, lostKeys } from "./own-keys.js";
import type { PeerPapers, PeerPolicy, PeerVerdict } from "./peers.js";
import type { DeviceStore, Door, KeyStore, Transport } from "./ports.js";
import { keeping } from "./powered.js";
import { recordAtBoot } from "./restart.js";
import type { Refusal } from "./refusals.js";
import { RunningDevice } from "./running.js";
import type { Build } from "./state.js";
import { steadyClock } from "./steady-clock.js";
import type { HostAct } from "./steps.js";

export interface DeviceOptions extends Build {
  readonly store: DeviceStore;
  readonly keys: KeyStore;
  readonly transport: Transport;
  /** Powered time: `nowMs` only counts, need not be a date, and may be set in both directions. */
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly entropy: Entropy;
  readonly algorithm?: Algorithm;
  readonly backoff?: Backoff;
  /** What the application's actions ask of peers; one without a rule is allowed to none. */
  readonly peerPolicy?: PeerPolicy;
}

export type DeviceEvent =
  | { readonly type: "level"; readonly level: Level; readonly before: Level }
  | { readonly type: "connected"; readonly door: Door["name"] }
  | { readonly type: "disconnected" }
  /** Fresh contact: a lease was accepted and stored. `goodUntil`: fleet time, Unix seconds. */
  | { readonly type: "leased"; readonly goodUntil: number }
  /** The lease ended, or another one came; or it ended so long ago that a level follows. */
  | ({ readonly type: "freshness" } & Freshness)
  /** The fleet, or a gateway, does not give what was asked for. */
  | ({ readonly type: "refused-request" } & Refusal)
  /** May application messages be sent? */
  | { readonly type: "speak"; readonly allowed: boolean }
  /** Bytes that did not prove themselves; nothing of them was used. */
  | { readonly type: "refused"; readonly code: ProtocolErrorCode; readonly text: string }
  | { readonly type: "server-refused"; readonly why: "dates" | "chain" }
  /** The fleet asks the host to restart, to erase what the application keeps, or to show what runs. Told once. */
  | { readonly type: "act"; readonly act: HostAct }
  /** Another fleet owns it from now on, under this number; its gateways may be elsewhere. `fleet`: its id, hex. */
  | { readonly type: "transferred"; readonly number: number; readonly fleet: string }
  /** The device stopped: its storage failed, and it must not speak of what it cannot keep. */
  | { readonly type: "failed"; readonly error: Error };

/** A device that was born. Starts at once; `close` stops it. */
export interface Device {
  readonly number: number;
  /** The level in force: the higher of standing and freshness. */
  readonly level: Level;
  /** What the fleet's documents and the device's own alarms say, time left aside. */
  readonly standing: Level;
  /** How fresh its contact with the fleet is, whatever the standing. */
  readonly freshness: Freshness;
  /** Does the level in force allow this? What the library does by itself keeps to it. */
  may(action: Action): boolean;
  /** What it logs in with: DER, leaf first, and the name of the key in its `KeyStore`. */
  readonly tlsIdentity: TlsIdentity;
  /** Its newest lease, to show to peers; an envelope. */
  readonly lease: Uint8Array | undefined;
  /**
   * Sends an application message below the device's own topic, as soon as the device may speak.
   * Resolves once a gateway has taken it. @param topic - 1 to 8 levels, at most 240 characters.
   * @param payload - at most 65,536 bytes. @throws DeviceError "outbox-full", "stopped", "bad-name", "too-large",
   * "other-owner"
   */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** @returns a call that ends it. */
  onEvent(listener: (event: DeviceEvent) => void): () => void;
  /** One envelope or frame that came another way than by the gateway: a peer, a stick. Same bytes, same checks. */
  receive(item: Uint8Array): void;
  /** What it verified and others may need: envelopes and frames, each to be sent as it is; at most 1,100. */
  documents(): readonly Uint8Array[];
  /**
   * A sync request to be carried to the fleet by hand. The `sync-reply` to it counts at any time, once; a
   * later challenge takes the place of this one. @throws DeviceError "stopped"
   */
  challenge(): Promise<Uint8Array>;
  /** A fresh receipt, to be carried to the fleet by hand: what is stored here now. @throws DeviceError "stopped" */
  receipt(): Promise<Uint8Array>;
  /**
   * Asks the fleet for new keys in place of all before, with a ticket of 32 bytes that an operator gave for this
   * device. Resolves once that is stored; it is asked for at the next contact, and `refused-request` tells when
   * the ticket is no good. Another ticket takes the place of this one. @throws DeviceError "bad-ticket", "stopped"
   */
  reenroll(ticket: Uint8Array): Promise<void>;
  /** May this peer do that? Answered from the ledger and the time held here, with no network. */
  peerVerdict(peer: PeerPapers, action: string): PeerVerdict;
  close(): Promise<void>;
}

/** Starts a device from its store. @throws DeviceError "not-born", "identity-lost", "storage-damaged", "storage-failed" */
export async function createDevice(options: DeviceOptions): Promise<Device> {
  const { store, keys, crypto, firmware, maxPartBytes } = options;
  const clock = steadyClock(options.clock);
  const stored = await store.load();
  if (!stored)
    throw new DeviceError("not-born", "this store holds no identity: give the device a birth first");
  const { record } = stored;
  const { attempts = 0 } = stored.session ?? {};
  for (const name of record.discarded ?? []) await keys.remove(name); // in case the power went before
  const build = { ...(firmware !== undefined && { firmware }), ...(maxPartBytes && { maxPartBytes }) };
  const state = boot(recordAtBoot(stored, await lostKeys(record, keys)), crypto, clock.nowMs(), build);
  if (tlsIdentity(state).key === IDEVID_KEY) await assertIdevidKey(keys, state.idevidKey);
  // What the boot is charged, or power cycling would stop time; and an alarm, before anything is said.
  for (const effect of keeping(record, state.record, true)) {
    if (effect.type === "save") await store.save(effect.record);
    if (effect.type === "save-session") await store.saveSession({ ...effect.session, attempts });
  }
  const device = new RunningDevice({ ...options, clock }, state, attempts);
  device.begin();
  return device;
}
