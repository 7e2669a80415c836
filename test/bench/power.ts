/**
 * Power cuts under load: the event log by itself, on LMDB and of a worker on JetStream, and the built `daymark server run` with all that it keeps.
 *
 *     npm run soak:power [-- --rounds 50 --seed 1 --devices 20 -j]
 *
 * Needs root: each store is on an ext4 file system of its own, on a loop device.
 */
import { parseArgs } from "node:util";
import { table } from "../docs/markdown.js";
import { FleetStore } from "../faults/fleet-store.js";
import { logStore } from "../faults/log-store.js";
import { type PowerCuts, powerCuts, type Store } from "../faults/power.js";
import { NatsServer } from "../nats/server.js";
import { BUILT } from "../stories/device-process.js";
import { giveOut } from "./output.js";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    devices: { type: "string", default: "20" },
    json: { type: "boolean", short: "j", default: false },
  },
});
const asked = { rounds: Number(values.rounds), seed: Number(values.seed), devices: Number(values.devices) };
const fleet = await FleetStore.with(BUILT, asked.devices);
const nats = await NatsServer.start();
const results: [store: string, cuts: PowerCuts][] = [];
try {
  results.push(["event log on LMDB", await cutOften("log", logStore("lmdb"))]);
  results.push([
    "a worker's copy of the log on JetStream",
    await cutOften("worker", logStore("jetstream", nats.url)),
  ]);
  results.push(["`daymark server run`", await cutOften("server", fleet)]);
} finally {
  await fleet.close();
  await nats.remove();
}
// With it the cuts must be seen to cut.
const unsynced = await powerCuts({ seed: asked.seed, rounds: 1, store: logStore("unsynced") });
const missed = results.flatMap(([store, { lost }]) => lost.map((what) => `${store}, ${what}`));
if (unsynced.lost.length === 0) missed.push("a store that does not sync lost nothing: the cuts show nothing");
giveOut("power", [powerTable(), `Seed ${asked.seed}.`], { asked, results, unsynced }, missed);

function cutOften(what: string, store: Store): Promise<PowerCuts> {
  const { seed, rounds } = asked;
  return powerCuts({ seed, rounds, store }, (round) => process.stderr.write(`${what}: cut ${round}\r`));
}

function powerTable(): string {
  const rows = [...results, ["the same records, not synced", unsynced] as const].map(([store, cuts]) => {
    const { rounds, acknowledged, stored, missing } = cuts;
    return [store, ...[rounds, acknowledged, stored, missing].map(String)];
  });
  return table(["What", "Power cuts", "Acknowledged", "Stored in the end", "Lost"], rows, [1, 2, 3, 4]);
}
