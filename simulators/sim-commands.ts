/** `daymark sim run`: thousands of devices against real gateways, and whether what was claimed of them held. */
import { buildCommand, type CommandContext } from "@stricli/core";
import { SwarmError } from "./swarm/errors.js";
import type { StartSwarmFleet } from "./swarm/fleet-port.js";
import type { Scenario } from "./swarm/scenario.js";
import { SCENARIOS } from "./swarm/scenarios.js";
import { MAX_ADDRESSES, MAX_DEVICES_PER_WORKER, MAX_WORKERS, usualAddresses } from "./swarm/settings.js";

interface SimFlags {
  readonly data?: string;
  readonly devices?: number;
  readonly pick?: number;
  readonly gateways: number;
  readonly workers: number;
  readonly addresses?: number;
  readonly rate?: number;
  readonly batch?: string;
  readonly save?: string;
  readonly json: boolean;
}

interface Context extends CommandContext {
  readonly process: NodeJS.Process;
}

const FAILED = 1;
const MAX_DEVICES = MAX_DEVICES_PER_WORKER * MAX_WORKERS;
/** As many as `daymark server run` takes. */
const MAX_GATEWAYS = 16;
const MAX_RATE = 100_000;

export function simRun(startFleet: StartSwarmFleet) {
  return buildCommand<SimFlags, [Scenario], Context>({
    docs: {
      brief: "Play a swarm of devices against real gateways, and check what is claimed of them",
      fullDescription: [
        "Each device is the shipped device code with a key and a certificate of its own, over mutual-TLS MQTT, in",
        "processes beside this one. Without --data the run has a server of its own in a temporary folder, and",
        "leaves nothing behind. With --data it uses the server that runs there, with the tokens of admin and",
        "approver: its devices stay in that fleet, revoked ones for good, and herd kills its gateway processes.",
        "Exit code 0 only if every claim held.",
        "",
        "Scenarios:",
        ...SCENARIOS.map(helpOf),
        "",
        "Example: daymark sim run smoke",
        "         daymark sim run cut-off --devices 500 --pick 25",
        "         daymark sim run herd --devices 5000 --gateways 4 -j > herd.ndjson",
        "         daymark sim run smoke --data ./trial --devices 1000 --save ./devices.batch",
        "         daymark sim run cut-off --data ./trial --devices 1000 --batch ./devices.batch",
      ].join("\n"),
    },
    parameters: {
      flags: {
        data: text("dir", "Data folder of a running server [default: a server of its own]"),
        devices: number(1, MAX_DEVICES, "How many devices [default: as the scenario says]"),
        pick: number(0, MAX_DEVICES, "How many of them it revokes or holds [default: as the scenario says]"),
        gateways: {
          ...number(0, MAX_GATEWAYS, "Gateway processes of a server of its own; 0: inside it"),
          optional: false,
          default: "2",
        },
        workers: {
          ...number(
            1,
            MAX_WORKERS,
            `Processes for the devices, each up to ${MAX_DEVICES_PER_WORKER}; cut-off has one more`,
          ),
          optional: false,
          default: "2",
        },
        addresses: number(
          1,
          MAX_ADDRESSES,
          "Addresses from 127.0.0.2 on that they connect from; 1: any [default: one for 500 devices, at least 4]",
        ),
        rate: number(1, MAX_RATE, "Devices switched on per second [default: as fast as they are served]"),
        batch: text("file", "Take devices that --save wrote; whoever is missing is born. Needs --data"),
        save: text("file", "Write the devices here at the end, private keys among it. Needs --data"),
        json: {
          kind: "boolean",
          default: false,
          withNegated: false,
          brief: "JSON lines on stdout: progress each second, then the result",
        },
      },
      aliases: { j: "json" },
      positional: {
        kind: "tuple",
        parameters: [{ parse: scenarioNamed, placeholder: "scenario", brief: names().join(", ") }],
      },
    },
    async func(flags, scenario) {
      await simulate(flags, scenario, startFleet, this.process);
    },
  });
}

async function simulate(
  flags: SimFlags,
  scenario: Scenario,
  startFleet: StartSwarmFleet,
  process: NodeJS.Process,
): Promise<void> {
  const { data, batch, save, gateways, workers, rate, json } = flags;
  const { devices = scenario.devices } = flags;
  const { pick: picked = Math.min(scenario.picked, devices) } = flags;
  const { addresses = usualAddresses(devices) } = flags;
  if (data === undefined && (batch ?? save) !== undefined)
    throw new SwarmError(
      "bad-settings",
      "--batch and --save need --data: a server of its own is gone afterwards",
    );
  const [{ runScenario }, { Progress }, { reportText }] = await Promise.all([
    import("./swarm/run.js"),
    import("./swarm/progress.js"),
    import("./swarm/report.js"),
  ]);
  const report = await runScenario({
    scenario,
    settings: {
      devices,
      picked,
      workers: Math.min(workers, devices),
      apart: scenario.apart && picked > 0,
      addresses,
      perSecond: rate ?? Infinity,
    },
    wanted: { gateways, ...(data !== undefined && { data }) },
    ...(batch !== undefined && { batch }),
    ...(save !== undefined && { save }),
    startFleet,
    progress: new Progress(process, json),
    stopped: stopAsked(process),
  });
  process.stdout.write(`${json ? JSON.stringify(report) : reportText(report)}\n`);
  if (!report.held) process.exitCode = FAILED;
}

/** The first signal ends the run in order; the second one this process. */
function stopAsked(process: NodeJS.Process): Promise<never> {
  const stopped = new Promise<never>((_, reject) => {
    const stop = () => reject(new SwarmError("stopped", "stopped before the scenario was over"));
    process.once("SIGINT", stop).once("SIGTERM", stop);
  });
  stopped.catch(() => undefined); // before anybody waits for it
  return stopped;
}

function names(): readonly string[] {
  return SCENARIOS.map(({ name }) => name);
}

function helpOf({ name, brief, devices, picked }: Scenario): string {
  const size = picked === 0 ? `${devices} devices` : `${devices} devices, ${picked} picked`;
  return `  ${name.padEnd(Math.max(...names().map(({ length }) => length)))}  ${brief} (${size})`;
}

/** @throws RangeError */
function scenarioNamed(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (!found) throw new RangeError(`there is no scenario of this name: ${names().join(", ")}`);
  return found;
}

function text(placeholder: string, brief: string) {
  return { kind: "parsed", parse: String, optional: true, placeholder, brief } as const;
}

function number(least: number, most: number, brief: string) {
  const parse = (word: string): number => {
    const value = /^\d{1,9}$/.test(word) ? Number(word) : -1;
    if (value < least || value > most) throw new RangeError(`a whole number, ${least} to ${most}`);
    return value;
  };
  return { kind: "parsed", parse, optional: true, brief } as const;
}
