/** One run from start to end: processes, fleet, births, scenario, report. Whatever happens, nothing of it stays behind. */
import { count } from "../voyage/claims.js";
import { loadBatch, saveBatch } from "./batch.js";
import { giveBirth } from "./births.js";
import { NO_COUNTS } from "./counts.js";
import type { FleetWanted, StartSwarmFleet, SwarmFleet } from "./fleet-port.js";
import type { Written } from "./identity.js";
import { LiveSwarm } from "./live-swarm.js";
import { SWARM_BACKOFF } from "./member.js";
import type { Progress } from "./progress.js";
import type { Report } from "./report.js";
import type { Scenario } from "./scenario.js";
import { checkOpenFiles, checkSettings, processesOf, type SwarmSettings } from "./settings.js";
import { machineMs } from "./time.js";
import { WorkerProcess } from "./worker-process.js";

export interface RunOptions {
  readonly scenario: Scenario;
  readonly settings: SwarmSettings;
  readonly wanted: FleetWanted;
  /** Files with devices: to take them from, and to leave them in. */
  readonly batch?: string;
  readonly save?: string;
  readonly startFleet: StartSwarmFleet;
  readonly progress: Progress;
  /** Rejects when the run is to be given up. */
  readonly stopped: Promise<never>;
}

const TICK_MS = 1_000;

/** @throws SwarmError; CliError of the fleet. */
export async function runScenario(options: RunOptions): Promise<Report> {
  const { settings, startFleet, wanted, stopped } = options;
  checkSettings(settings);
  const workers = Array.from({ length: processesOf(settings) }, () => new WorkerProcess());
  const over = [stopped, ...workers.map(({ died }) => died)];
  let fleet: SwarmFleet | undefined;
  try {
    for (const worker of workers) checkOpenFiles(settings, await Promise.race([worker.openFiles(), ...over]));
    fleet = await startFleet(wanted); // not given up half way, or it would be left behind
    return await runOn(fleet, workers, [fleet.ended, ...over], options);
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
    await fleet?.close();
  }
}

async function runOn(
  fleet: SwarmFleet,
  workers: readonly WorkerProcess[],
  over: readonly Promise<never>[],
  { scenario, settings, batch, save, progress }: RunOptions,
): Promise<Report> {
  const unlessOver = <T>(work: Promise<T>): Promise<T> => Promise.race([work, ...over]);
  const say = (phase: string) => progress.say(phase);
  let swarm: LiveSwarm | undefined;
  const ticking = setInterval(() => {
    progress.tick(swarm?.counts ?? NO_COUNTS, Math.max(0, ...(swarm?.memory().values() ?? [])));
    swarm?.lookAtMemory().catch(() => undefined); // what has ended has no memory to look at
  }, TICK_MS);
  try {
    const bornAtMs = machineMs();
    const { playing, unused } = await unlessOver(identities(fleet, settings.devices, batch, say));
    say(`${playing.length} devices are given to ${workers.length} processes`);
    const live = (swarm = await unlessOver(LiveSwarm.deal(fleet, settings, workers, playing, say)));
    const [startedAtMs, gateways] = [machineMs(), await fleet.gatewayPids()];
    say("they are switched on");
    await unlessOver(live.start());
    const arrived = count(
      "every device was switched on and leased",
      live.counts.leased,
      settings.devices,
      "leased",
    );
    await live.lookAtMemory();
    const playedAtMs = machineMs();
    const { claims: ofScenario, timings } = await unlessOver(scenario.play(live));
    const claims = [arrived, ...ofScenario];
    const endedAtMs = machineMs();
    const measured = await unlessOver(live.measured());
    const [lease, publish] = [measured.lease.percentiles(), measured.publish.percentiles()];
    await live.lookAtMemory();
    await unlessOver(live.close());
    if (save !== undefined) await saveBatch(save, [...(await unlessOver(live.write())), ...unused]);
    return {
      type: "result",
      scenario: scenario.name,
      held: claims.every(({ held }) => held),
      claims,
      timings: [
        ...timings,
        { what: "connection begun to lease", times: lease },
        ...(publish.count > 0 ? [{ what: "message handed over to acknowledged", times: publish }] : []),
      ],
      devices: settings.devices,
      picked: settings.picked,
      workers: workers.length,
      gateways: gateways.length,
      addresses: settings.addresses,
      backoff: SWARM_BACKOFF,
      seconds: {
        births: secondsOf(startedAtMs - bornAtMs),
        arrival: secondsOf(playedAtMs - startedAtMs),
        scenario: secondsOf(endedAtMs - playedAtMs),
      },
      memory: Array.from(live.memory(), ([pid, peakBytes]) => ({
        what: pid === fleet.serverPid ? "server" : "gateway",
        pid,
        peakBytes,
      })),
      lateMs: Math.round(measured.lateMs),
    };
  } finally {
    swarm?.giveUp();
    clearInterval(ticking);
    progress.end();
  }
}

/** Those of the batch first; whoever is missing is born. */
async function identities(
  fleet: SwarmFleet,
  devices: number,
  batch: string | undefined,
  say: (phase: string) => void,
): Promise<{ readonly playing: readonly Written[]; readonly unused: readonly Written[] }> {
  const known = batch === undefined ? [] : await loadBatch(batch, fleet.id);
  const missing = Math.max(0, devices - known.length);
  if (missing > 0) say(`${missing} devices are born`);
  const step = Math.ceil(missing / BIRTH_STEPS);
  const onBirth = (born: number) =>
    born % step === 0 && born < missing && say(`${born} of ${missing} are born`);
  const born = missing === 0 ? [] : await giveBirth(missing, fleet, onBirth);
  return { playing: [...known.slice(0, devices), ...born], unused: known.slice(devices) };
}

/** How often births are told of. */
const BIRTH_STEPS = 5;

function secondsOf(ms: number): number {
  return Math.round(ms / 100) / 10;
}
