/** `daymark server run --nats`: two workers on one stream as real processes, and what they say when NATS goes. */
import { once } from "node:events";
import { cp, mkdir } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NatsServer } from "../nats/server.js";
import { until } from "../stories/harbor.js";
import { CliProcess } from "./cli-process.js";
import { temporaryFolder } from "./served-fleet.js";

/** Six processes come up one after the other. */
const SLOW_MS = 180_000;

interface Served {
  readonly id: string;
  readonly api: string;
  readonly health: string;
  readonly mqtt?: string;
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let nats: NatsServer;
const children: CliProcess[] = [];
beforeAll(async () => {
  folder = await temporaryFolder();
  nats = await NatsServer.start();
});
afterAll(async () => {
  await Promise.all(children.map((child) => child.kill()));
  await nats.remove();
  await folder.remove();
});

function daymark(...args: readonly string[]): CliProcess {
  const child = new CliProcess(folder.path, args);
  children.push(child);
  return child;
}

function worker(data: string): CliProcess {
  const stream = ["--nats", nats.url, "--replicas", "1", "--accept-log-loss"];
  return daymark("server", "run", "--data", data, "--api-port", "0", "--health-port", "0", ...stream, "-j");
}

test(
  "two workers on one stream: what one was told, the other says; without NATS neither is ready",
  { timeout: SLOW_MS },
  async () => {
    const first = worker("one");
    const one = await first.ready<Served>();
    expect(one.mqtt).toBeUndefined();

    const alone = await worker("two").end(); // another folder makes other keys, and so another fleet
    expect(alone).toMatchObject({ exitCode: 1, stdout: "" });
    expect(alone.stderr).toContain("the key folder lacks");
    // The second has the keys of the first, as a backup brings them.
    await mkdir(join(folder.path, "two/fleet"), { recursive: true });
    for (const part of ["keys", "tokens"])
      await cp(join(folder.path, "one/fleet", part), join(folder.path, "two/fleet", part), {
        recursive: true,
      });
    const second = worker("two");
    const two = await second.ready<Served>();
    expect(two.id).toBe(one.id);

    const token = (data: string) => ["--token-file", join(data, "fleet/tokens/admin")];
    const birth = ["device", "birth", "--dir", "camera", "--hardware-id", "SN-1", "--station", one.api];
    expect(await daymark(...birth, ...token("one")).end()).toMatchObject({ exitCode: 0 });
    const listed = async () =>
      (await daymark("device", "list", "--server", two.api, ...token("two"), "-j").end()).stdout;
    await until(async () => (await listed()).includes('"number": 1'), "the other worker knows the device");

    const over = ["--nats", nats.url, "--mqtt-port", "0", "--health-port", "0", "-j"];
    const gateway = daymark("gateway", "run", "--fleet", one.id, ...over, "--log-format", "json");
    const { port, health } = await gateway.ready<{ readonly port: number; readonly health: string }>();
    const run = [
      "device",
      "run",
      "--dir",
      "camera",
      "--gateway",
      `127.0.0.1:${port}`,
      "--heartbeat",
      "1",
      "-j",
    ];
    const device = daymark(...run);
    await until(
      () => device.said.stdout.includes('"allowed":true'),
      "the device enrolls, syncs and may speak, all over NATS",
    );
    device.signal("SIGTERM");
    await device.end();

    const ready = async ({ health }: { readonly health: string }) => (await fetch(`${health}/readyz`)).status;
    expect([await ready(one), await ready(two)]).toEqual([200, 200]);
    await nats.kill();
    await until(async () => (await ready(one)) === 503 && (await ready(two)) === 503, "both miss NATS");
    await nats.start();
    await until(async () => (await ready(one)) === 200 && (await ready(two)) === 200, "both have it back");

    expect(await ready({ health })).toBe(200);
    await until(
      () => gateway.said.stderr.includes("the service is back"),
      "the gateway has its service back",
    );
    const lines = gateway.said.stderr.trimEnd().split("\n");
    const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of told) expect(line).toMatchObject({ service: "gateway", fleet: one.id });
    const events = told.map(({ event }) => event);
    expect(events).toEqual(expect.arrayContaining(["started", "service-down", "service-up"]));
    const all = [gateway, first, second];
    for (const child of all) {
      child.signal("SIGTERM");
      expect(await child.end()).toMatchObject({ exitCode: 0 });
    }
  },
);

test(
  "gateway run --nats: without --fleet 2, without a worker or NATS 8, each with why and what to do",
  { timeout: SLOW_MS },
  async () => {
    const over = ["gateway", "run", "--mqtt-port", "0"];
    const unnamed = await daymark(...over, "--nats", nats.url).end();
    expect(unnamed).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--fleet") });
    const fleet = ["--fleet", "00".repeat(16)];
    const alone = await daymark(...over, "--nats", nats.url, ...fleet).end();
    expect(alone.exitCode).toBe(8);
    expect(alone.stderr).toMatch(/no service of this fleet is there.*daymark server run --nats/);
    const shutOut = await daymark(...over, "--nats", "127.0.0.1:1", ...fleet).end();
    expect(shutOut.exitCode).toBe(8);
    expect(shutOut.stderr).toContain("no NATS server at 127.0.0.1:1 lets us in");
  },
);

describe("a NATS server that takes connections and says nothing", () => {
  let silent: Server;
  let url: string;
  let isAsked: Promise<unknown>;
  beforeEach(async () => {
    silent = createServer((socket) => socket.resume().on("error", () => undefined)).listen(0, "127.0.0.1");
    await once(silent, "listening");
    url = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    isAsked = once(silent, "connection");
  });
  afterEach(() => silent.close());
  const start = () =>
    daymark("server", "run", "--data", "silent", "--api-port", "0", "--nats", url, "--accept-log-loss");

  test("lets nobody in: the process says so, and ends", { timeout: SLOW_MS }, async () => {
    const ended = await start().end();
    expect(ended).toMatchObject({ exitCode: 8, stderr: expect.stringContaining("TIMEOUT") });
  });

  test("a worker that is still starting ends at once when it is told to", { timeout: SLOW_MS }, async () => {
    const starting = start();
    await isAsked;
    starting.signal("SIGTERM");
    expect(await starting.end()).toMatchObject({ exitCode: null, signal: "SIGTERM", stderr: "" });
  });
});
