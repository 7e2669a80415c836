/**
 * Signed, verified and durable sync round trips: in process and through NATS, beside the bare signatures and a bare
 * MQTT echo of the same run. Prints it, writes it into docs/benchmarks.md, and fails when a goal is missed:
 *
 *     npm run bench:sync [-- -j]
 */
import { loadavg } from "node:os";
import { giveOut } from "./output.js";
import { startContenders } from "./sync-contenders.js";
import { goalsLine, missedSyncs, type SyncRound, syncTable, type Way, WAYS } from "./sync-figures.js";

/** Enough for a gateway to have several packs under way. */
const DEVICES = 64;
/** Of each device in one round. */
const SYNCS = 40;
/** Until code is compiled and memory is taken: a service runs for weeks, not for seconds. */
const WARM_UP_ROUNDS = 2;
const ROUNDS = 5;

const [loadBefore = 0] = loadavg();
const figures = Object.fromEntries(WAYS.map((way) => [way, []])) as unknown as Record<Way, SyncRound[]>;
const { rounds, close } = await startContenders(DEVICES, SYNCS);
try {
  for (let round = 1 - WARM_UP_ROUNDS; round <= ROUNDS; round++) {
    process.stderr.write(round < 1 ? "warming up\n" : `round ${round} of ${ROUNDS}\n`);
    for (const way of WAYS) {
      const measured = await rounds[way]();
      if (round >= 1) figures[way].push(measured);
    }
  }
} finally {
  await close();
}

const setting =
  `${DEVICES} devices, ${SYNCS} syncs of each in a round, medians of ${ROUNDS} rounds; ` +
  `load of the machine before: ${loadBefore.toFixed(1)}.`;
giveOut(
  "sync",
  [syncTable(figures), goalsLine(figures), setting],
  { devices: DEVICES, syncs: SYNCS, loadBefore, figures },
  missedSyncs(figures),
);
