/** Health: what `/readyz` says and why, what is counted, and how a server ends. */
import { createServer } from "node:http";
import { once } from "node:events";
import { readFile, rename } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryEventLog } from "../../fleet/adapters/memory-event-log.js";
import { openHealth, type ServerHealth } from "../../fleet/cli/server-health.js";
import { FleetError } from "../../fleet/errors.js";
import { frontDoor } from "../../fleet/front-door.js";
import { censusOf } from "../../fleet/operations/census.js";
import { measuredLink } from "../../fleet/operations/measured-link.js";
import { MeasuredLog } from "../../fleet/operations/measured-log.js";
import {
  type Readiness,
  readiness,
  type ReadinessFacts,
  type ServiceFacts,
} from "../../fleet/operations/readiness.js";
import { until } from "../stories/harbor.js";
import { CliProcess } from "./cli-process.js";
import { freshKey, SmallFleet } from "./fixtures.js";
import { LaggingLog } from "./lagging-log.js";
import { alone, MemoryStagedKeys, nextLink } from "./rotation.js";
import { confirm, importDevices, serveFleet, temporaryFolder } from "./served-fleet.js";

const NOW = 1_800_000_000;
const SERVICE: ServiceFacts = {
  now: NOW,
  authorities: [
    { purpose: "device", notAfterSeconds: NOW - 1 },
    { purpose: "device", notAfterSeconds: NOW + 1 },
    { purpose: "service", notAfterSeconds: NOW },
  ],
};

describe("a process is ready", () => {
  const failing = (facts: Partial<ReadinessFacts>) => {
    const { ready, checks } = readiness({ isEnding: false, ...facts });
    const failed = checks.filter(({ ok }) => !ok);
    expect(ready).toBe(failed.length === 0);
    return failed.map(({ name, why }) => `${name}: ${why}`);
  };
  test.each<[Partial<ReadinessFacts>, readonly string[]]>([
    [{ service: SERVICE, gateway: { isServing: true }, bus: { isUp: true } }, []],
    [{ service: "opening" }, ["log: the log is being read"]],
    [{ isEnding: true, service: SERVICE }, ["ending: the process was told to end"]],
    [{ service: { ...SERVICE, logFailure: "disk" } }, ["log: disk"]],
    [{ service: { ...SERVICE, fence: "lost" } }, ["fence: lost"]],
    [
      { service: { ...SERVICE, now: NOW + 1 } },
      ["keys: the CA for service has ended; see daymark ca rotate"],
    ],
    [
      { service: { ...SERVICE, now: NOW + 2 } },
      ["keys: the CA for device and service has ended; see daymark ca rotate"],
    ],
    [{ service: { ...SERVICE, lacking: "no lease key" } }, ["keys: nothing is signed here: no lease key"]],
    [{ bus: { isUp: false } }, ["bus: no NATS server can be reached"]],
    [{ gateway: { isServing: false } }, ["gateway: no gateway serves"]],
  ])("%j", (facts, failed) => expect(failing(facts)).toEqual(failed));
});

describe("what is counted", () => {
  test("the fleet in numbers, and how long a hold waits for its device", async () => {
    const served = await serveFleet(3);
    try {
      const { service } = served;
      await service.act({ kind: "hold", numbers: [1, 2], level: "isolate", reason: "stolen" }, "admin");
      await confirm(service, 1, service.view.devices.get(1)?.directive?.version[1] ?? 0);
      const at = service.view.devices.get(2)?.directive?.at ?? 0;
      expect(censusOf(service.view, at + 60)).toEqual({
        levels: { none: 1, observe: 0, restrict: 0, isolate: 2, revoked: 0 },
        enrolled: 0,
        leasesEnded: 0,
        unconfirmed: 1,
        longestUnconfirmedSeconds: 60,
        suspected: 0,
      });
    } finally {
      await served.close();
    }
  });
  test("appends with their time and end, and the log as it is", async () => {
    const seen: (readonly [number, string])[] = [];
    let now = 0;
    const log = new MeasuredLog(
      new MemoryEventLog(),
      () => (now += 2),
      (...one) => seen.push(one),
    );
    const event = { type: "fleet-created", name: "x", at: 1, actor: "fleet" } as const;
    await log.append("fleet", [event], 0);
    await expect(log.append("fleet", [event], 0)).rejects.toMatchObject({ code: "conflict" });
    expect(seen).toEqual([
      [2, "appended"],
      [2, "conflict"],
    ]);
    const positions: number[] = [];
    for await (const { position } of log.read(0)) positions.push(position);
    expect(positions).toEqual([1]);
    await log.close();
  });
  test("requests by message and by how they end", async () => {
    const served = await serveFleet(1);
    try {
      const seen: string[] = [];
      const count = (kind: string, outcome: string) => seen.push(`${kind} ${outcome}`);
      const door = frontDoor(served.service);
      await measuredLink(door, count).handle(1, Uint8Array.of(1, 2, 3));
      const lost = { ...door, handle: () => Promise.reject(new FleetError("unreachable", "away")) };
      await expect(measuredLink(lost, count).handle(1, Uint8Array.of(1))).rejects.toThrow("away");
      expect(seen).toEqual(["unreadable refused", "unreadable failed"]);
    } finally {
      await served.close();
    }
  });
});

describe("the port", () => {
  let health: ServerHealth;
  beforeEach(async () => {
    health = await openHealth(0);
  });
  afterEach(() => health.close());
  const get = (path: string, method = "GET") => fetch(`${health.url}${path}`, { method });

  test("before the log is read: alive, not ready", async () => {
    expect(health.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await get("/livez")).status).toBe(200);
    const ready = await get("/readyz");
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({
      ready: false,
      checks: [{ name: "log", ok: false, why: "the log is being read" }],
    });
    expect((await get("/")).status).toBe(404);
    expect((await get("/livez", "POST")).status).toBe(405);
  });

  test("a key that another worker put in force and this one lacks is named, until it is here", async () => {
    const shared = new MemoryEventLog();
    const [first, second] = [new MemoryStagedKeys(), new MemoryStagedKeys()];
    const a = await SmallFleet.open({ log: new LaggingLog(shared, () => true), staged: first });
    const b = await SmallFleet.open({ log: new LaggingLog(shared, () => true), staged: second });
    health.opened(b.service, { hasGateway: false });
    expect((await get("/readyz")).status).toBe(503); // nobody can ask it before it is on the bus
    health.busIs(true);
    expect((await get("/readyz")).status).toBe(200);
    const lease = freshKey();
    first.waiting = { lease };
    await a.service.installAuthority(nextLink(a, { roles: { lease: alone(lease.publicKey) } }), "operator");
    const keys = async () => ((await (await get("/readyz")).json()) as Readiness).checks[2];
    await until(async () => (await keys())?.why?.includes("lease") === true, "the key is named");
    expect(await keys()).toEqual({
      name: "keys",
      ok: false,
      why: expect.stringMatching(
        /^nothing is signed here: .* lease; lay their files into keys\/next/,
      ) as string,
    });
    second.waiting = { lease };
    await b.service.caughtUp();
    expect(await keys()).toEqual({ name: "keys", ok: true });
    for (const { service } of [a, b]) await service.close();
  });

  test("P10: a worker that does not follow its log says so, until it follows again", async () => {
    const served = await serveFleet(1);
    try {
      health.opened(served.service, { hasGateway: false });
      health.busIs(true);
      const ability: { behind: string | undefined } = { behind: "what is new does not come" };
      health.abilityIs(ability);
      const ready = await get("/readyz");
      expect(ready.status).toBe(503);
      expect(((await ready.json()) as Readiness).checks).toContainEqual({
        name: "log",
        ok: false,
        why: "what is new does not come",
      });
      ability.behind = undefined;
      expect((await get("/readyz")).status).toBe(200);
    } finally {
      await served.close();
    }
  });

  test("with a service: its metrics and the gateway's, no device among the labels", async () => {
    const served = await serveFleet(2);
    try {
      const log = health.overLog(new MemoryEventLog());
      const event = { type: "fleet-created", name: "x", at: 1, actor: "fleet" } as const;
      await log.append("fleet", [event], 0);
      await health.overLink(frontDoor(served.service)).handle(1, Uint8Array.of(1));
      health.opened(served.service, { hasGateway: true });
      const isServing = () => true;
      health.gatewayIs({ isServing, metrics: async () => "daymark_gateway_sessions 3" });
      await importDevices(served.service, 3, 3);
      const text = await (await get("/metrics")).text();
      for (const line of [
        'daymark_devices{level="none"} 3',
        "daymark_devices_enrolled 0",
        `daymark_log_records_total ${served.service.position}`,
        'daymark_log_append_duration_seconds_count{outcome="appended"} 1',
        'daymark_requests_total{kind="unreadable",outcome="refused"} 1',
        "daymark_fenced 0",
        "daymark_ready 1",
        "daymark_gateway_sessions 3",
      ])
        expect(text.split("\n")).toContain(line);
      expect(text).toMatch(/^process_cpu_seconds_total /m);
      expect(text).not.toContain("hw-");
      health.gatewayIs({ isServing, metrics: () => Promise.reject(new Error("a process is gone")) });
      expect((await get("/metrics")).status).toBe(503);
    } finally {
      await served.close();
    }
  });

  test("ready while a gateway serves, and not before it does; who does not serve is not asked for metrics", async () => {
    const served = await serveFleet(1);
    try {
      let serving = true;
      const told = async () => [
        (await get("/readyz")).status,
        /^daymark_ready \d$/m.exec(await (await get("/metrics")).text())?.[0],
      ];
      health.opened(served.service, { hasGateway: true });
      expect(await told()).toEqual([503, "daymark_ready 0"]);
      const metrics = () =>
        serving ? Promise.resolve("") : Promise.reject(new Error("a process that starts does not answer"));
      health.gatewayIs({ isServing: () => serving, metrics });
      expect(await told()).toEqual([200, "daymark_ready 1"]);
      serving = false;
      expect(await told()).toEqual([503, "daymark_ready 0"]);
      expect(((await (await get("/readyz")).json()) as Readiness).checks).toContainEqual({
        name: "gateway",
        ok: false,
        why: "no gateway serves",
      });
      serving = true;
      expect(await told()).toEqual([200, "daymark_ready 1"]);
    } finally {
      await served.close();
    }
  });
});

describe("server run --health-port", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const children: CliProcess[] = [];
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.kill()));
    await folder.remove();
  });
  const run = (...args: readonly string[]) => {
    const ports = ["--mqtt-port", "0", "--api-port", "0"];
    const child = new CliProcess(folder.path, ["server", "run", ...ports, ...args, "-j"]);
    children.push(child);
    return child;
  };

  test("ready once it serves; told to end, it ends with 0 and leaves nothing behind", async () => {
    const server = run("--health-port", "0");
    const { health } = await server.ready<{ readonly health: string }>();
    const ready = await fetch(`${health}/readyz`);
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({
      ready: true,
      checks: [{ name: "log" }, { name: "fence" }, { name: "keys" }, { name: "gateway" }],
    });
    const text = await (await fetch(`${health}/metrics`)).text();
    expect(text).toMatch(/^daymark_log_append_duration_seconds_count\{outcome="appended"\} [1-9]/m);
    server.signal("SIGTERM");
    expect(await server.end()).toMatchObject({ exitCode: 0 });
    await expect(readFile(join(folder.path, "daymark-data/fleet/lock"))).rejects.toMatchObject({
      code: "ENOENT",
    });
  });

  test("not ready while no gateway process serves, and ready again when one does", async () => {
    const server = run("--health-port", "0", "--gateways", "2");
    const { health, gatewayPids } = await server.ready<{
      readonly health: string;
      readonly gatewayPids: readonly number[];
    }>();
    const ready = async () => (await fetch(`${health}/readyz`)).status;
    const [first = 0, second = 0] = gatewayPids;
    expect(await ready()).toBe(200);
    const socket = join(folder.path, "daymark-data/fleet/link.sock");
    await rename(socket, `${socket}.away`); // those that are started now do not reach the service
    process.kill(first, "SIGKILL");
    await until(() => server.said.stderr.includes(`process ${first} ended`), "one is gone");
    expect(await ready()).toBe(200);
    process.kill(second, "SIGKILL");
    await until(async () => (await ready()) === 503, "no process serves, and it says so");
    expect(await (await fetch(`${health}/metrics`)).text()).toMatch(/^daymark_ready 0$/m);
    await rename(`${socket}.away`, socket);
    await until(async () => (await ready()) === 200, "one serves again");
  });

  test("a port that is taken: 5, and which flag to change", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const refused = await run("--health-port", String(port)).end();
    expect(refused).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("--health-port") });
    other.close();
  });
});
