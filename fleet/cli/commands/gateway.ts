/** `daymark gateway run`: gateways beside a server that runs, each a process of its own. */
import { buildCommand } from "@stricli/core";
import { linkPath } from "../../adapters/link-server.js";
import { type CliContext, dataFlag, fleetFolder, jsonFlag } from "../connection.js";
import { CliError, EXIT } from "../exit.js";
import {
  listenFlags,
  listening,
  MAX_PROCESSES,
  portInUse,
  processCount,
  type StartGateways,
  stopAsked,
} from "../listening.js";
import { printJson, printLine, printRecord } from "../output.js";

interface RunFlags {
  readonly data?: string;
  readonly mqttPort: number;
  readonly metricsPort?: number;
  readonly host: string;
  readonly processes: number;
  readonly json: boolean;
}

export function gatewayRun(startGateways: StartGateways) {
  return buildCommand<RunFlags, [], CliContext>({
    docs: {
      brief: "Run gateways beside a server on this machine",
      fullDescription: [
        "Starts processes that share one port and serve devices until Ctrl-C; one that dies is replaced. They reach",
        "the service through a socket in the data folder. While it is down, devices keep their connections and work",
        "under their leases; what they ask is answered when it is back.",
        "",
        "Example: daymark gateway run --processes 2 --mqtt-port 8884",
      ].join("\n"),
    },
    parameters: {
      flags: {
        data: dataFlag,
        ...listenFlags,
        processes: {
          kind: "parsed",
          parse: processCount(1),
          default: "1",
          brief: `How many, 1 to ${MAX_PROCESSES}; more than one per core gain nothing`,
        },
        json: jsonFlag,
      },
      aliases: { j: "json" },
    },
    async func(flags) {
      const { stdout, stderr, env } = this.process;
      const folder = fleetFolder(flags.data, env);
      const { mqttPort, metricsPort, processes } = flags;
      const asked = stopAsked(this.process);
      const where = { link: linkPath(folder), ...listening(flags.host), port: mqttPort };
      const report = (line: string) => printLine(stderr, line);
      const pool = await startGateways({ ...where, metricsPort, processes, report }).catch(
        (error: unknown) => {
          throw isUnreachable(error) ? noServer(folder, flags, error) : portInUse(error, mqttPort);
        },
      );
      const { port, metricsUrl } = pool;
      const pids = pool.pids();
      if (flags.json) printJson(stdout, { port, pids, ...(metricsUrl && { metrics: metricsUrl }) });
      else
        printRecord(stdout, {
          port: String(port),
          processes: pids.join(" "),
          ...(metricsUrl && { metrics: metricsUrl }),
        });
      printLine(stderr, "stop with Ctrl-C");
      await asked;
      printLine(stderr, "stopping");
      await pool.close();
    },
  });
}

function isUnreachable(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "link-down";
}

function noServer(folder: string, { data }: RunFlags, cause: unknown): CliError {
  const start = `start it: daymark server run${data === undefined ? "" : ` --data '${data}'`}`;
  return new CliError(EXIT.unreachable, `no server runs on ${folder}; ${start}`, { cause });
}
