/**
 * Disks that fail: EIO and ENOSPC at each nth write and sync, injected by strace into the event log by itself, into
 * a worker's copy of one on JetStream, and for a sample into the built `daymark server run` with everybody at work.
 *
 *     npm run soak:faults [-- --most 20 --sample 12 --seed 1 -j]
 */
import { parseArgs } from "node:util";
import { table } from "../docs/markdown.js";
import { allFaults, type Faulted, faultedLog } from "../faults/disk-faults.js";
import { faultedFleet } from "../faults/disk-faults-fleet.js";
import { type Draw, drawFrom, pick } from "../fuzz/draw.js";
import { CALLS, type Fault } from "../faults/strace.js";
import { NatsServer } from "../nats/server.js";
import { BUILT } from "../stories/device-process.js";
import { giveOut } from "./output.js";

/** Of a server's calls: its first devices are served by then, and its operators are at work. */
const LATEST_OF_SERVER = 120;

const { values } = parseArgs({
  options: {
    most: { type: "string", default: "20" },
    sample: { type: "string", default: "12" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", short: "j", default: false },
  },
});
const [most, sample, seed] = [Number(values.most), Number(values.sample), Number(values.seed)];
const nats = await NatsServer.start();
const log = await all("log", [...allFaults(most)], (fault) => faultedLog(fault, "lmdb"));
const worker = await all("worker", [...allFaults(most)], (fault) => faultedLog(fault, "jetstream", nats.url));
await nats.remove();
const draw = drawFrom(seed);
const drawn = Array.from({ length: sample }, () => serverFault(draw));
const server = await all("server", drawn, (fault) => faultedFleet(BUILT, fault));
const missed = [...log, ...worker, ...server].flatMap(({ fault, complaints }) =>
  complaints.map((complaint) => `${fault}: ${complaint}`),
);
giveOut("faults", [faultsTable(), `Seed ${seed}.`], { most, sample, seed, log, worker, server }, missed);

async function all<T>(
  what: string,
  faults: readonly Fault[],
  play: (fault: Fault) => Promise<T>,
): Promise<readonly T[]> {
  const done: T[] = [];
  for (const fault of faults) {
    done.push(await play(fault));
    process.stderr.write(`${what}: fault ${done.length} of ${faults.length}\r`);
  }
  return done;
}

function serverFault(next: Draw): Fault {
  const error = pick(next, ["EIO", "ENOSPC"] as const);
  return { call: pick(next, CALLS), error, nth: 1 + next(LATEST_OF_SERVER), lasting: next(2) === 0 };
}

function faultsTable(): string {
  const row = (what: string, faulted: readonly Faulted[]) => {
    const acknowledged = faulted.reduce((sum, each) => sum + each.acknowledged, 0);
    const complaints = faulted.reduce((sum, each) => sum + each.complaints.length, 0);
    return [what, ...[faulted.length, acknowledged, complaints].map(String)];
  };
  const ofWorker = row("a worker's copy of the log on JetStream", worker);
  const rows = [row("event log on LMDB", log), ofWorker, row("`daymark server run`", server)];
  return table(
    ["What", "Runs, each with a failure", "Acknowledged", "Lost, deceived, hung"],
    rows,
    [1, 2, 3],
  );
}
