/** A device in a folder of this machine: what its commands share. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { CommandContext } from "@stricli/core";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import type { Clock } from "../../protocol/clock.js";
import type { Entropy } from "../../protocol/crypto.js";
import { FileKeyStore } from "./file-key-store.js";
import { LowdbDeviceStore } from "./lowdb-device-store.js";
import type { HostAct } from "../steps.js";

/** What a command finds in `this`. */
export interface Context extends CommandContext {
  readonly process: NodeJS.Process;
}

/** Powered time: it only counts, whatever happens to the date of this machine. */
export const poweredClock: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, run) => systemClock.after(delayMs, run),
};

const entropy: Entropy = (size) => new Uint8Array(randomBytes(size));

/** Of `DeviceOptions`, what is the same for every device here. */
export const machineParts = { clock: poweredClock, crypto: nodeCrypto, entropy } as const;

/** What the device in this folder remembers, and its keys. */
export function storesIn(dir: string) {
  return {
    store: new LowdbDeviceStore(join(dir, "state")),
    keys: new FileKeyStore(join(dir, "keys"), nodeCrypto, entropy),
  };
}

export const dirFlag = {
  kind: "parsed",
  parse: String,
  placeholder: "dir",
  brief: "The device's own folder",
} as const;

export const jsonFlag = {
  kind: "boolean",
  default: false,
  withNegated: false,
  brief: "JSON lines on stdout",
} as const;

/** What a one-shot act asks of the host, in words. */
export const HOST_ACTS: Readonly<Record<HostAct, string>> = {
  wipe: "erase what the application keeps",
  reboot: "restart",
  attest: "show what it runs",
};
