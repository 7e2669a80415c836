/**
 * How many device-days a second two processes simulate, at one sync a day and without faults, beside what the
 * signatures of these syncs alone take in two processes on the same machine; and what a device takes of memory.
 * Counted are seconds of processor time, for a core each.
 *
 *     npm run bench:world [-- -j]
 */
import { fork } from "node:child_process";
import { loadavg } from "node:os";
import { join } from "node:path";
import { table } from "../docs/markdown.js";
import { giveOut } from "./output.js";
import type {
  CryptoName,
  DaysMeasured,
  DaysOrder,
  Life,
  SignaturesMeasured,
  SignaturesOrder,
} from "./world-run.js";

const PROCESSES = 2;
const ROUNDS = 3;
const DEVICES = 100;
const DAYS = 8;
const SYNCS = 2_000;
/** Device-days a second that the design aims at. */
const GOALS: Readonly<Record<CryptoName, number>> = { Ed25519: 4_000, "keyed hashes": 20_000 };
const LIVES: readonly Life[] = ["always on", "an hour a day"];
const CHILD = join(import.meta.dirname, "world-run.ts");

interface Round {
  readonly perSecond: number;
  /** What signatures alone would allow. */
  readonly limit: number;
  readonly stepsPerDay: number;
  readonly leasesPerDay: number;
  readonly bytesPerDevice: number;
}
interface Figures extends Round {
  readonly crypto: CryptoName;
  readonly life: Life;
}

async function play(crypto: CryptoName, life: Life, round: number): Promise<Round> {
  const alone = await inChildren<SignaturesMeasured>(() => ({ what: "signatures", crypto, syncs: SYNCS }));
  const about = { what: "days", crypto, life, devices: DEVICES, days: DAYS } as const;
  const runs = await inChildren<DaysMeasured>((at) => ({ ...about, seed: round * PROCESSES + at }));
  const sum = (of: (run: DaysMeasured) => number) => runs.reduce((total, run) => total + of(run), 0);
  const deviceDays = sum((run) => run.deviceDays);
  const leasesPerDay = sum((run) => run.leases) / deviceDays;
  return {
    perSecond: sum((run) => run.deviceDays / run.seconds),
    limit: alone.reduce((total, { syncs, seconds }) => total + syncs / seconds, 0) / leasesPerDay,
    stepsPerDay: sum((run) => run.steps) / deviceDays,
    leasesPerDay,
    bytesPerDevice: sum((run) => run.bytesPerDevice) / PROCESSES,
  };
}

/** All at one time. */
function inChildren<Measured>(order: (at: number) => DaysOrder | SignaturesOrder): Promise<Measured[]> {
  return Promise.all(
    Array.from({ length: PROCESSES }, (_, at) => {
      return new Promise<Measured>((done, failed) => {
        const child = fork(CHILD);
        child.once("message", (measured) => done(measured as Measured));
        child.once("error", failed);
        child.once("exit", (code) => failed(new Error(`a process of the bench ended with ${code}`)));
        child.send(order(at));
      });
    }),
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

const [loadBefore = 0] = loadavg();
const figures: Figures[] = [];
for (const crypto of Object.keys(GOALS) as CryptoName[])
  for (const life of LIVES) {
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await play(crypto, life, round));
    const middle = (of: (round: Round) => number) => median(rounds.map(of));
    figures.push({
      crypto,
      life,
      perSecond: middle((round) => round.perSecond),
      limit: middle((round) => round.limit),
      stepsPerDay: middle((round) => round.stepsPerDay),
      leasesPerDay: middle((round) => round.leasesPerDay),
      bytesPerDevice: middle((round) => round.bytesPerDevice),
    });
  }

const rows = figures.map(({ crypto, life, ...of }) => [
  crypto,
  life,
  of.perSecond.toFixed(0),
  GOALS[crypto].toFixed(0),
  (of.perSecond / GOALS[crypto]).toFixed(2),
  of.limit.toFixed(0),
  (of.perSecond / of.limit).toFixed(2),
  of.stepsPerDay.toFixed(1),
  of.leasesPerDay.toFixed(2),
  `${(of.bytesPerDevice / 1024).toFixed(0)} KiB`,
]);
const measured = [
  "Device-days/s",
  "Goal",
  "Of it",
  "Signatures alone",
  "Of it",
  "Steps a day",
  "Leases a day",
];
const head = ["Signatures", "Devices are", ...measured, "Memory a device"];
const setting =
  `${PROCESSES} processes, ${DEVICES} devices each, ${DAYS} days, medians of ${ROUNDS} rounds; ` +
  `load of the machine before: ${loadBefore.toFixed(1)}.`;
const missed = figures
  .filter(({ crypto, life, perSecond }) => life === "always on" && perSecond < GOALS[crypto])
  .map(({ crypto, perSecond }) => `${crypto}: ${perSecond.toFixed(0)} of ${GOALS[crypto]} device-days/s`);
giveOut("world", [table(head, rows, [2, 3, 4, 5, 6, 7, 8, 9]), setting], { figures, loadBefore }, missed);
