/** A gateway process of its own that reaches its fleet over NATS. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type BusTarget, TASK_VARIABLE, type Task, type WorkerReport } from "../../broker/gateway-task.js";
import { type BusServer, serveBus } from "../../fleet/link-bus.js";
import { linkSource } from "../../fleet/link-feed.js";
import { NatsBus } from "../../protocol/adapters/nats-bus.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { toHex } from "../../protocol/bytes.js";
import { SmallFleet } from "../fleet/fixtures.js";
import { NatsServer } from "../nats/server.js";
import { known } from "./bus-linked.js";

const WORKER = join(import.meta.dirname, "../../broker/gateway-worker.ts");
const TSX = import.meta.resolve("tsx");

let nats: NatsServer;
const children: ChildProcess[] = [];
const closing: (() => Promise<void>)[] = [];
beforeAll(async () => {
  nats = await NatsServer.start();
});
afterAll(() => nats.remove());
afterEach(async () => {
  await Promise.all(
    children.splice(0).map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "close");
    }),
  );
  for (const close of closing.splice(0).reverse()) await close();
});

async function fleetOnBus(): Promise<{ target: BusTarget; server: BusServer }> {
  const clock = systemClock;
  const fleet = await SmallFleet.open();
  fleet.clock.seconds = Math.floor(clock.nowMs() / 1000); // or the gateway's certificate is of another time
  const options = { servers: [nats.url], name: "service" };
  const bus = await NatsBus.connect(options, (problem) => expect.fail(problem));
  const fleetId = toHex(fleet.door.trust().fleetId);
  const source = linkSource(fleet.service, fleet.door);
  const server = serveBus({ source, bus, fleetId, clock, report: (problem) => expect.fail(problem) });
  closing.push(
    () => bus.close(),
    () => server.close(),
  );
  await known(bus);
  return { target: { ...options, name: "gateway", fleet: fleetId }, server };
}

function start(link: BusTarget) {
  const task: Task = { link, host: "127.0.0.1", port: 0, hosts: ["localhost"] };
  const env = { ...process.env, [TASK_VARIABLE]: JSON.stringify(task) };
  const child = fork(WORKER, {
    execArgv: ["--import", TSX],
    env,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  children.push(child);
  const said = once(child, "message").then(([message]) => message as WorkerReport);
  return { child, said };
}

describe("a gateway process", () => {
  test("serves, and ends when it is asked to", async () => {
    const { target } = await fleetOnBus();
    const { child, said } = start(target);
    const report = await said;
    if (report.type !== "serving") throw new Error(JSON.stringify(report));
    const socket = connect({ port: report.port, host: "127.0.0.1", rejectUnauthorized: false });
    await once(socket, "secureConnect");
    socket.destroy();
    child.kill("SIGTERM");
    const [code] = (await once(child, "close")) as [number | null];
    expect(code).toBe(0);
  });

  test.each([
    ["no service is", () => nats.url, "no service of this fleet is there"],
    ["no NATS server is", () => "127.0.0.1:1", "no NATS server at 127.0.0.1:1"],
  ])("where %s, it says so and ends", async (_, url, words) => {
    const { said, child } = start({ servers: [url()], name: "gateway", fleet: "0".repeat(32) });
    expect(await said).toMatchObject({
      type: "failed",
      code: "link-down",
      text: expect.stringContaining(words),
    });
    const [code] = (await once(child, "close")) as [number | null];
    expect(code).toBe(1);
  });
});
