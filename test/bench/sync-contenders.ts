/** Who takes part in the sync bench: its processes, each started once, and one round of each way. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NatsServer } from "../nats/server.js";
import { cpuMs } from "./connect-processes.js";
import type { BrokerOrders } from "./sync-broker.js";
import type { EchoOrders } from "./sync-echo.js";
import type { SyncRound, Way } from "./sync-figures.js";
import type { GatewayOrders } from "./sync-gateway.js";
import type { Requests, Round } from "./sync-loop.js";
import { Child } from "./sync-processes.js";
import type { ServiceOrders } from "./sync-service.js";

export interface Contenders {
  readonly rounds: Readonly<Record<Way, () => Promise<SyncRound>>>;
  readonly close: () => Promise<void>;
}

const MICROS_PER_MS = 1_000;
/** By so much more rounds without signatures have, to take as long as the others, about. */
const MORE_UNSIGNED = 8;
/** About as long as a sync request. */
const ECHO_BYTES = 200;

/** @param devices - which sync at one time. @param each - syncs of each device in one round. */
export async function startContenders(devices: number, each: number): Promise<Contenders> {
  const count = devices * each;
  const unsigned = echoes(devices, each * MORE_UNSIGNED);
  const unsignedCount = count * MORE_UNSIGNED;
  const ends: (() => Promise<unknown>)[] = [];
  const started = <T extends { stop(): Promise<void> }>(process: T): T => {
    ends.unshift(() => process.stop());
    return process;
  };
  const close = async () => {
    for (const end of ends) await end();
  };
  try {
    const nats = await startNats();
    ends.unshift(() => nats.server.remove());
    const crowd = String(devices);
    const embedded = started(await Child.start<ServiceOrders>("sync-service.ts", crowd));
    const worker = started(await Child.start<ServiceOrders>("sync-service.ts", crowd, nats.server.url));
    const fleetId = await worker.tell("fleetId", undefined);
    const gateway = started(await Child.start<GatewayOrders>("sync-gateway.ts", nats.server.url, fleetId));
    const broker = started(await Child.start<BrokerOrders>("sync-broker.ts"));
    const port = String(await broker.tell("port", undefined));
    const clients = started(await Child.start<EchoOrders>("sync-echo.ts", crowd, port));
    await clients.tell("take", unsigned);

    /** @param signs - or else the worker answers at once, with what it was asked. */
    const overNats = async (way: "packed" | "oneByOne", signs: boolean): Promise<SyncRound> => {
      await worker.tell("sign", signs);
      await gateway.tell("take", signs ? await worker.tell("requests", each) : unsigned);
      const asked = signs ? count : unsignedCount;
      const [service, between] = [cpuOf(worker.pid, asked), cpuOf(nats.pid, asked)];
      const { cpuMicros, ...round } = await gateway.tell(way, signs);
      return { ...round, serverMicros: service(), natsMicros: between(), askerMicros: cpuMicros };
    };
    return {
      rounds: {
        bare: async () => inOneProcess(await embedded.tell("bare", count)),
        inProcess: async () => {
          await embedded.tell("take", await embedded.tell("requests", each));
          return inOneProcess(await embedded.tell("run", undefined));
        },
        packed: () => overNats("packed", true),
        oneByOne: () => overNats("oneByOne", true),
        hopPacked: () => overNats("packed", false),
        hopOneByOne: () => overNats("oneByOne", false),
        echo: async () => {
          const server = cpuOf(broker.pid, unsignedCount);
          const { cpuMicros, ...round } = await clients.tell("run", undefined);
          return { ...round, serverMicros: server(), askerMicros: cpuMicros };
        },
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startNats(): Promise<{ readonly server: NatsServer; readonly pid: number }> {
  const folder = await mkdtemp(join(tmpdir(), "daymark-sync-"));
  const file = join(folder, "nats.pid");
  const server = await NatsServer.start({ config: `pid_file: "${file}"` });
  const pid = Number(await readFile(file, "utf8"));
  await rm(folder, { recursive: true });
  return { server, pid };
}

function echoes(devices: number, each: number): readonly Requests[] {
  return Array.from({ length: devices }, (_, place) => ({
    number: place + 1,
    messages: Array.from({ length: each }, (__, i) => new Uint8Array(ECHO_BYTES).fill(i)),
  }));
}

function inOneProcess({ cpuMicros, ...round }: Round): SyncRound {
  return { ...round, serverMicros: cpuMicros };
}

/** @returns a call that says what the process has taken since, for each of `count`. */
function cpuOf(pid: number, count: number): () => number {
  const before = cpuMs(pid);
  return () => ((cpuMs(pid) - before) * MICROS_PER_MS) / count;
}
