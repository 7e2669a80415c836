/** `kill -9` of a server with everybody at work: nothing told is lost, nobody is two, nobody is freed (P3, P4). */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../free-port.js";
import { SOURCE } from "../stories/device-process.js";
import { EmbeddedLayout } from "./embedded-layout.js";
import { killedFleet } from "./killed-fleet.js";

/** 300, with 200 devices: npm run soak:fleet. */
const [ROUNDS, DEVICES] = [2, 12];
/** In the end all devices come back, some after the longest pause that they make. */
const LIMIT_MS = 180_000;

let data: string;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "daymark-killed-fleet-"));
});
afterAll(() => rm(data, { recursive: true }));

test(
  "P4: a server killed at random, its log and its API agree with all that devices and operators know",
  async () => {
    const layout = new EmbeddedLayout(SOURCE, data, await freePort());
    const killed = await killedFleet({ seed: 6, rounds: ROUNDS, devices: DEVICES, layout });
    expect(killed.complaints).toEqual([]);
    expect(killed.killed).toEqual({ server: ROUNDS });
    expect(killed.told["lease"]).toBeGreaterThanOrEqual(DEVICES);
  },
  LIMIT_MS,
);
