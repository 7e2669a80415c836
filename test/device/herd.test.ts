/** Herd manners across reboots (P11): a fleet that comes back together does not call together, and errors only delay. */
import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { MemoryDeviceStore } from "../../device/adapters/memory-device-store.js";
import { MemoryKeyStore } from "../../device/adapters/memory-key-store.js";
import { attemptsThatCount, DEFAULT_BACKOFF, retryDelayMs } from "../../device/backoff.js";
import { IDEVID_KEY } from "../../device/jobs.js";
import { createDevice, type Device } from "../../device/main.js";
import type { SessionRecord } from "../../device/record.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { type Call, Line, serve } from "./line.js";
import { entropy, Owner } from "./owner.js";
import { StillClock } from "./still-clock.js";

/** Chance in which every draw for a pause gives this share of it. */
const drawing = (share: number) => (size: number) => {
  if (size !== 4) return entropy(size);
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, Math.floor(share * 2 ** 32));
  return bytes;
};

/** Keeps count of what it keeps. */
class CountingStore extends MemoryDeviceStore {
  readonly sessions: SessionRecord[] = [];
  override async saveSession(session: SessionRecord): Promise<void> {
    this.sessions.push(session);
    await super.saveSession(session);
  }
}

const owner = new Owner();

async function born() {
  const [store, keys] = [new CountingStore(), new MemoryKeyStore(nodeCrypto, entropy)];
  const idevid = await keys.create(IDEVID_KEY, "ES256");
  await store.save(owner.bear(1, idevid));
  return { store, keys, idevid };
}

/** A device that was switched on, on a line of its own. */
async function on({ store, keys }: Pick<Awaited<ReturnType<typeof born>>, "store" | "keys">, share = 0.5) {
  const [line, clock] = [new Line(), new StillClock()];
  const ports = { store, keys, clock, transport: line, crypto: nodeCrypto, entropy: drawing(share) };
  const device: Device = await createDevice({ ...ports, backoff: DEFAULT_BACKOFF });
  const rest = async () => {
    for (let turn = 0; turn < 10; turn++) await setImmediate();
  };
  await rest();
  return { line, clock, device, rest };
}

const attemptsIn = async (store: MemoryDeviceStore) => (await store.load())?.session?.attempts ?? 0;
const closes = (call: Call) => call.close();

describe("pauses", () => {
  test("double from one second to five minutes, each drawn whole", () => {
    const longest = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1000);
    const at = (share: number) => longest.map((_, i) => retryDelayMs(DEFAULT_BACKOFF, i, drawing(share)(4)));
    expect(at(0.5)).toEqual(longest.map((ms) => ms / 2));
    expect(at(0)).toEqual(longest.map(() => 0));
    expect(at(1 - 2 ** -32)).toEqual(longest.map((ms) => ms - 1));
  });

  test("after as many failures as count they grow no longer", () => {
    const most = attemptsThatCount(DEFAULT_BACKOFF);
    const whole = (attempt: number) => retryDelayMs(DEFAULT_BACKOFF, attempt, drawing(0.5)(4));
    expect(whole(most - 1)).toBe(DEFAULT_BACKOFF.longestMs / 2);
    expect(whole(most - 2)).toBeLessThan(DEFAULT_BACKOFF.longestMs / 2);
    expect(attemptsThatCount({ firstMs: 5, longestMs: 5 })).toBe(1);
    expect(attemptsThatCount({ firstMs: 9, longestMs: 5 })).toBe(1);
  });
});

test("a device that had no trouble calls at once after a boot", async () => {
  const parts = await born();
  const { line, device } = await on(parts);
  expect(line.calls).toHaveLength(1);
  await device.close();
});

test("one that had waits as if nothing had been off: the pause that the power cut off, drawn anew", async () => {
  const parts = await born();
  const first = await on(parts);
  first.line.onCall = closes;
  first.line.call.close();
  for (let tries = 1; tries <= 5; tries++) {
    await first.rest();
    expect(await attemptsIn(parts.store)).toBe(tries);
    first.clock.advance(first.clock.nextMs ?? 0);
  }
  await first.rest();
  await first.device.close();
  expect(await attemptsIn(parts.store)).toBe(6);
  const { line, clock, device, rest } = await on(parts, 0.75);
  expect(line.calls).toHaveLength(0);
  clock.advance(24_000 - 1); // 32 s after the sixth, three quarters of it
  await rest();
  expect(line.calls).toHaveLength(0);
  clock.advance(1);
  await rest();
  expect(line.calls).toHaveLength(1);
  await device.close();
});

test("those that boot together call all over the five minutes", async () => {
  const { store, keys } = await born();
  await store.saveSession({
    signedSeconds: 0,
    poweredSeconds: 0,
    attempts: attemptsThatCount(DEFAULT_BACKOFF),
  });
  const tenths = Array.from({ length: 10 }, () => 0);
  for (let i = 0; i < 50; i++) {
    const { clock, device } = await on({ store, keys }, (i + 0.5) / 50);
    tenths[Math.floor(((clock.nextMs ?? -1) / DEFAULT_BACKOFF.longestMs) * 10)]! += 1;
    await device.close();
  }
  expect(tenths).toEqual(Array.from({ length: 10 }, () => 5));
});

test("a long absence is kept in as few writes as there are pauses of different length", async () => {
  const parts = await born();
  const { line, clock, device, rest } = await on(parts);
  line.onCall = closes;
  line.call.close();
  for (let tries = 0; tries < 40; tries++) {
    await rest();
    clock.advance(clock.nextMs ?? 0);
  }
  await device.close();
  expect(line.calls.length).toBeGreaterThan(30);
  expect(parts.store.sessions).toHaveLength(attemptsThatCount(DEFAULT_BACKOFF));
});

test("a sync ends it, also over the next boot; leaving to come back is no trouble", async () => {
  const parts = await born();
  await parts.store.saveSession({ signedSeconds: 0, poweredSeconds: 0, attempts: 9 });
  const { line, clock, device, rest } = await on(parts);
  serve(line, owner, parts.idevid);
  clock.advance(clock.nextMs ?? 0);
  for (let turn = 0; turn < 10; turn++) await rest();
  expect(device.lease).toBeDefined();
  expect(line.calls.map(({ door }) => door.name)).toEqual(["lobby", "front", "front"]);
  expect(await attemptsIn(parts.store)).toBe(0);
  expect(parts.store.sessions.filter(({ attempts }) => attempts > 9)).toEqual([]);
  line.call.close(); // after a sync: the next trouble is a new one, and nothing to write down yet
  await rest();
  expect(await attemptsIn(parts.store)).toBe(0);
  await device.close();
  const again = await on(parts);
  expect(again.line.calls).toHaveLength(1);
  await again.device.close();
});
