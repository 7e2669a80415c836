/** Power cuts in a few rounds: whatever was acknowledged is there when the machine starts again (P4). */
import { afterAll, beforeAll, expect, test } from "vitest";
import { NatsServer } from "../nats/server.js";
import { SOURCE } from "../stories/device-process.js";
import { FleetStore } from "./fleet-store.js";
import { logStore } from "./log-store.js";
import { powerCuts } from "./power.js";

/** 50 of each store: npm run soak:power. */
const [LOG_ROUNDS, FLEET_ROUNDS] = [3, 2];
const SEED = 4;
const DEVICES = 5;

let fleet: FleetStore;
let nats: NatsServer;
beforeAll(async () => {
  fleet = await FleetStore.with(SOURCE, DEVICES);
  nats = await NatsServer.start();
});
afterAll(async () => {
  await fleet.close();
  await nats.remove();
});

test("P4: the event log loses nothing that it acknowledged when the power goes", async () => {
  const cuts = await powerCuts({ seed: SEED, rounds: LOG_ROUNDS, store: logStore("lmdb") });
  expect(cuts.lost).toEqual([]);
  expect(cuts.acknowledged).toBeGreaterThan(LOG_ROUNDS);
});

test("P4: a worker on JetStream has all that it acknowledged in its own copy", async () => {
  const cuts = await powerCuts({ seed: SEED, rounds: LOG_ROUNDS, store: logStore("jetstream", nats.url) });
  expect(cuts.lost).toEqual([]);
  expect(cuts.acknowledged).toBeGreaterThan(LOG_ROUNDS);
});

test("P4: a server loses nothing that it told devices and operators when the power goes", async () => {
  const cuts = await powerCuts({ seed: SEED, rounds: FLEET_ROUNDS, store: fleet });
  expect(cuts.lost).toEqual([]);
  expect(cuts.acknowledged).toBeGreaterThan(DEVICES);
});

test("a store that does not sync loses what it acknowledged, so the cuts do cut", async () => {
  const { lost } = await powerCuts({ seed: SEED, rounds: 1, store: logStore("unsynced") });
  expect(lost).toEqual([expect.stringMatching(/^round 1: \d+ of \d+ lost/)]);
});
