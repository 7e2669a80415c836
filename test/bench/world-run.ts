/** One process of the bench of the world: some days of a fleet without faults, or signatures alone, and what that took. */
import { randomBytes } from "node:crypto";
import { keyedHashCrypto } from "../../simulators/world/crypto/keyed-hash-crypto.js";
import { World } from "../../simulators/world/world.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import type { Crypto } from "../../protocol/crypto.js";

export type CryptoName = "Ed25519" | "keyed hashes";
/** How the devices live. */
export type Life = "always on" | "an hour a day";

export interface DaysOrder {
  readonly what: "days";
  readonly crypto: CryptoName;
  readonly life: Life;
  readonly seed: number;
  readonly devices: number;
  readonly days: number;
}
export interface DaysMeasured {
  readonly deviceDays: number;
  /** Of the processor. */
  readonly seconds: number;
  readonly steps: number;
  /** About one for each device and day, or the days were not what they should be. */
  readonly leases: number;
  /** What the process grew by, for each device. */
  readonly bytesPerDevice: number;
}

/** What one sync needs of signatures: device and fleet sign one message each, and each verifies the other's. */
export interface SignaturesOrder {
  readonly what: "signatures";
  readonly crypto: CryptoName;
  readonly syncs: number;
}
export interface SignaturesMeasured {
  readonly syncs: number;
  readonly seconds: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Before it counts: the compiler has seen by then what it is to make fast. */
const WARM_UP_DAYS = 2;
const WARM_UP_SYNCS = 500;
/** As long as what a device signs in a sync, about. */
const SIGNED_BYTES = 220;
const CRYPTO: Readonly<Record<CryptoName, Crypto>> = { Ed25519: nodeCrypto, "keyed hashes": keyedHashCrypto };

async function days(order: DaysOrder): Promise<DaysMeasured> {
  const { seed, devices, life } = order;
  const before = process.memoryUsage.rss();
  const world = await World.create({ seed, devices, crypto: CRYPTO[order.crypto] });
  for (const node of world.devices) await world.perform(node.name, "starts", () => node.start());
  await world.until(() => world.devices.every(({ device }) => device?.lease), "all have a lease");
  if (life === "an hour a day") await goDark(world, WARM_UP_DAYS + order.days);
  await world.runFor(WARM_UP_DAYS * DAY_MS);
  let leases = 0;
  world.observe({ fleetEvent: (_fleet, { type }) => void (leases += type === "lease-issued" ? 1 : 0) });
  const [stepsBefore, began] = [world.steps, process.cpuUsage()];
  await world.runFor(order.days * DAY_MS);
  const seconds = secondsSince(began);
  const bytesPerDevice = (process.memoryUsage.rss() - before) / devices;
  const steps = world.steps - stepsBefore;
  return { deviceDays: devices * order.days, seconds, steps, leases, bytesPerDevice };
}

/** Switches all devices off, and each on for an hour of every day to come, at an hour of its own. */
async function goDark(world: World, daysToCome: number): Promise<void> {
  for (const node of world.devices) await world.perform(node.name, "is switched off", () => node.stop());
  const { nowMs } = world;
  world.devices.forEach((node, place) => {
    const hourMs = ((DAY_MS - HOUR_MS) * place) / world.devices.length;
    for (let day = 0; day < daysToCome; day++) {
      const onMs = Math.floor(nowMs + day * DAY_MS + hourMs);
      world.at(onMs, node.name, "is switched on", () => node.start());
      world.at(onMs + HOUR_MS, node.name, "is switched off", () => node.stop());
    }
  });
}

function signatures({ crypto: name, syncs }: SignaturesOrder): SignaturesMeasured {
  const crypto = CRYPTO[name];
  const keys = [1, 2].map(() => crypto.generate("Ed25519", (size) => randomBytes(size)));
  const sides = keys.map((key) => ({ key, publicKey: crypto.publicKey(key) }));
  const text = randomBytes(SIGNED_BYTES);
  const play = (count: number) => {
    for (let sync = 0; sync < count; sync++)
      for (const { key, publicKey } of sides)
        if (!crypto.verify(publicKey, text, crypto.sign(key, text)))
          throw new Error("a signature does not hold");
  };
  play(WARM_UP_SYNCS);
  const began = process.cpuUsage();
  play(syncs);
  return { syncs, seconds: secondsSince(began) };
}

/** Of the processor's time, which other work on the machine takes less from than from the day's. */
function secondsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000_000;
}

process.once("message", (given) => {
  const order = given as DaysOrder | SignaturesOrder;
  const told = (result: DaysMeasured | SignaturesMeasured) =>
    process.send?.(result, () => process.disconnect());
  if (order.what === "days") void days(order).then(told);
  else told(signatures(order));
});
