/** The fleet as a simulation wants it: a server that runs, over its API, with two operators at hand. */
import { join } from "node:path";
import type { Level } from "../../protocol/level.js";
import { readServerFile } from "../adapters/server-file.js";
import type { ActResource } from "../api/acts.js";
import type { DeviceList, DeviceResource } from "../api/devices.js";
import { connect, fleetFolder } from "./connection.js";
import { CliError, EXIT } from "./exit.js";
import type { FleetClient } from "./http.js";
import { gatewaysOf, startOwnServer } from "./sim-server.js";

/** Devices of one page, the most that the API gives. */
const PAGE = 1_000;
/** Simulations stay on this machine, whatever name its gateways have. */
const HOST = "127.0.0.1";

/** @param process - of this command. */
export function simFleet(process: NodeJS.Process) {
  return async ({ data, gateways }: { readonly data?: string; readonly gateways: number }) => {
    if (data !== undefined) return reach(data, process);
    const server = await startOwnServer(gateways, process);
    try {
      return { ...(await reach(server.data, process)), ended: server.ended, close: () => server.close() };
    } catch (error) {
      await server.close();
      throw error;
    }
  };
}

/** The server that runs on this folder. @throws CliError, FleetError as `connect` does. */
async function reach(data: string, process: NodeJS.Process) {
  const as = (operator: string) => connect({ data, as: operator, json: false }, { process });
  const [admin, approver] = [await as("admin"), await as("approver")];
  const folder = fleetFolder(data, process.env);
  const info = await readServerFile(folder);
  if (info?.mqtt === undefined)
    throw new CliError(
      EXIT.unreachable,
      "this server has no gateway on this machine; start it with daymark server run",
    );
  const { pid, url, mqtt } = info;
  const { id } = await admin.get<{ readonly id: string }>("/v1/fleet");
  const file = (path: string, body: object, onSent?: () => void) =>
    byOperators([admin, approver], path, body, onSent);
  return {
    id,
    host: HOST,
    port: Number(new URL(mqtt).port),
    station: { url, tokenFile: join(folder, "tokens", "admin") },
    serverPid: pid,
    gatewayPids: () => gatewaysOf(pid),
    devices: async () =>
      (await allDevices(admin)).map(({ number, level, ldevidUntil }) => {
        return { number, level, enrolled: ldevidUntil !== undefined };
      }),
    hold: (numbers: readonly number[], level: Level, reason: string, onSent?: () => void) =>
      file("/v1/quarantine/requests", { numbers, level, reason }, onSent),
    lift: (numbers: readonly number[], reason: string) => file("/v1/quarantine/lifts", { numbers, reason }),
    ended: new Promise<never>(() => undefined), // somebody else's server; what is asked of it will fail
    close: async () => undefined,
  };
}

/**
 * One operator asks; where the act needs it, a second one approves.
 * @param onSent - called whenever something leaves that may put it in force. @throws CliError
 */
async function byOperators(
  [admin, approver]: readonly [FleetClient, FleetClient],
  path: string,
  body: object,
  onSent: () => void = () => undefined,
): Promise<void> {
  onSent();
  const { id, state, digest } = await admin.post<ActResource>(path, body);
  if (state === "in-force") return;
  if (state !== "awaiting-approval")
    throw new CliError(
      EXIT.conflict,
      `request ${id} is ${state}: a simulation has no release keys of its own`,
    );
  onSent();
  await approver.post<ActResource>(`/v1/quarantine/requests/${id}/approve`, { digest });
}

async function allDevices(admin: FleetClient): Promise<readonly DeviceResource[]> {
  const devices: DeviceResource[] = [];
  let after: number | undefined = 0;
  while (after !== undefined) {
    const page: DeviceList = await admin.get(`/v1/devices?after=${after}&limit=${PAGE}`);
    devices.push(...page.devices);
    after = page.next;
  }
  return devices;
}
