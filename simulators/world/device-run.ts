/** What one run of a device is made of, from power to no power: clock, disk, network, store and keys. */
import { FileKeyStore } from "../../device/adapters/file-key-store.js";
import { LowdbDeviceStore } from "../../device/adapters/lowdb-device-store.js";
import type { DeviceEvent } from "../../device/main.js";
import type { Build } from "../../device/state.js";
import type { Algorithm, Crypto } from "../../protocol/crypto.js";
import { NodeClock, type Span, type Ticking } from "./clocks.js";
import type { WorldDisk } from "./disk.js";
import type { Keyring } from "./keyring.js";
import type { Network } from "./network.js";
import type { Luck } from "./random.js";
import type { Schedule } from "./schedule.js";
import { WorldTransport } from "./transport.js";

export const STATE_FOLDER = "/state";
const KEY_FOLDER = "/keys";
/** Where the store keeps its two newest states. */
export const STATE_FILES = ["/state/state.0.json", "/state/state.1.json"] as const;

export interface DeviceParts {
  readonly name: string;
  readonly model: string;
  readonly schedule: Schedule;
  readonly network: Network;
  /** For its entropy. */
  readonly luck: Luck;
  /** For its disk, and for where it turns to. */
  readonly fate: Luck;
  readonly crypto: Crypto;
  readonly keyring: Keyring;
  readonly algorithm: Algorithm;
  readonly build?: Build;
  /** How its clock goes from each start on; the device only counts with it. */
  readonly ticking: Ticking;
  readonly syncMs: Span;
  /** What it is called by itself: 1 to 64 bytes. */
  readonly hardwareId: string;
  /** Gateways of a fleet, by name. */
  readonly gateways: (fleetId: Uint8Array) => readonly string[];
  readonly watcher: DeviceWatcher;
}

/** Who is told what a device does. */
export interface DeviceWatcher {
  event(event: DeviceEvent): void;
  /** Something leaves for a gateway. `topic`: full. */
  sent(topic: string, bytes: Uint8Array): void;
  /** Something came down from a gateway; the device looks at it next. */
  heard(bytes: Uint8Array): void;
  /** What is durable on its disk has changed. */
  stored(): void;
  power(power: Power): void;
}

/** "cut": what was not synced may be lost. "trouble": it did not start, for the reason in `trouble`. */
export type Power = "on" | "off" | "cut" | "trouble";

export interface Run {
  readonly clock: NodeClock;
  readonly transport: WorldTransport;
  readonly store: LowdbDeviceStore;
  readonly keys: FileKeyStore;
}

/** What of the device outlives a run. */
export interface Machine {
  readonly disk: WorldDisk;
  readonly ticking: Ticking;
  cutPower(): void;
}

export function switchedOn(machine: Machine, parts: DeviceParts): Run {
  const { schedule, name, network, syncMs, fate, luck, crypto, keyring, gateways, watcher } = parts;
  const clock = new NodeClock(schedule, name, machine.ticking);
  const disk = machine.disk.mount({
    syncTakes: () => clock.wait(syncMs, fate),
    powerCut: () => machine.cutPower(),
  });
  const transport = new WorldTransport({
    network,
    node: name,
    clock,
    gateway: (fleetId) => pickFrom(gateways(fleetId), fate),
    keyring,
    onSend: (topic, bytes) => watcher.sent(topic, bytes),
    onHear: (bytes) => watcher.heard(bytes),
  });
  const store = new LowdbDeviceStore(STATE_FOLDER, disk);
  const keys = new FileKeyStore(KEY_FOLDER, crypto, (size) => luck.bytes(size), disk);
  return { clock, transport, store, keys };
}

function pickFrom(names: readonly string[], luck: Luck): string | undefined {
  return names.length > 0 ? luck.pick(names) : undefined;
}
