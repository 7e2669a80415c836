/** `daymark doctor`: each check by what it judges, and the command on folders that are sound and that are not. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, copyFile, readdir, rm, symlink, truncate } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { open } from "lmdb";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { streamSettings } from "../../fleet/adapters/jetstream-stream.js";
import { doctor } from "../../fleet/cli/commands/doctor.js";
import { openFleet, serveApi, type SharedLog } from "../../fleet/main.js";
import {
  type Finding,
  judgeAuthorities,
  judgeClock,
  judgeFolder,
  judgeOpenFiles,
  judgeSpace,
  judgeStream,
} from "../../fleet/operations/findings.js";
import { connectNats } from "../../protocol/adapters/nats-connection.js";
import { nodeCrypto } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { NatsServer } from "../nats/server.js";
import { inProcess } from "./in-process.js";
import { temporaryFolder } from "./served-fleet.js";

const DAY = 86_400;
const MIB = 1024 * 1024;

describe("a judgement", () => {
  test.each<[Finding, Finding["state"]]>([
    [judgeFolder("f", 0o40700, 7, 7), "ok"],
    [judgeFolder("f", 0o40750, 7, 7), "fail"],
    [judgeFolder("f", 0o40700, 0, 7), "fail"],
    [judgeSpace(2_000 * MIB), "ok"],
    [judgeSpace(1_000 * MIB), "warn"],
    [judgeSpace(63 * MIB), "fail"],
    [judgeClock(1_000, 1_000), "ok"],
    [judgeClock(1_300, 1_000), "warn"],
    [judgeClock(1_301, 1_000), "fail"],
    [judgeOpenFiles(20_000), "ok"],
    [judgeOpenFiles(Infinity), "ok"],
    [judgeOpenFiles(4_096), "warn"],
    [judgeOpenFiles(1_023), "fail"],
    [judgeOpenFiles(undefined), "warn"],
    [judgeStream("daymark", [], false), "ok"],
    [judgeStream("daymark", ["replicas 1"], true), "warn"],
    [judgeStream("daymark", ["replicas 1"], false), "fail"],
  ])("%j", (finding, state) => {
    expect(finding.state).toBe(state);
    expect(finding.todo === undefined).toBe(state === "ok");
  });
  test("of CAs for one purpose the one that lasts longest counts", () => {
    const ends = (purpose: string, days: number) => ({ purpose, notAfterSeconds: days * DAY });
    const found = judgeAuthorities(
      [ends("device", 1), ends("device", 90), ends("service", 30), ends("factory", -1)],
      0,
    );
    expect(found.map(({ check, state }) => `${check}: ${state}`)).toEqual([
      "ca device: ok",
      "ca service: warn",
      "ca factory: fail",
    ]);
  });
});

describe("the command", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let fleet: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
    fleet = join(folder.path, "fleet");
  });
  afterEach(() => folder.remove());

  async function found(name = "harbour", at = fleet, shared?: SharedLog): Promise<void> {
    const entropy = (size: number) => new Uint8Array(randomBytes(size));
    const parts = { clock: systemClock, crypto: nodeCrypto, entropy, ...(shared && { shared }) };
    const opened = await openFleet({ folder: at, name, ...parts });
    await opened.close();
  }
  /** @param env - of the command: ports that nobody uses, unless they say so. */
  async function examine(env: NodeJS.ProcessEnv = {}, ...args: readonly string[]) {
    const ports = { DAYMARK_MQTT_PORT: "0", DAYMARK_API_PORT: "0" };
    const set = { ...ports, ...env };
    const before = Object.keys(set).map((name) => [name, process.env[name]] as const);
    Object.assign(process.env, set);
    try {
      const ended = await inProcess({ doctor }, folder.path, ["doctor", "-j", ...args]);
      const findings = JSON.parse(ended.stdout || "[]") as Finding[];
      const state = Object.fromEntries(findings.map((finding) => [finding.check, finding.state]));
      return { ...ended, findings, state };
    } finally {
      for (const [name, value] of before)
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
    }
  }

  test("a sound folder: nothing fails, nothing is changed", async () => {
    await found();
    const before = await readdir(fleet);
    const { exitCode, state } = await examine();
    expect(exitCode).toBe(0);
    const sound = ["folder", "writing", "tokens", "log", "fence", "keys", "clock", "ca device", "ca service"];
    for (const check of sound) expect([check, state[check]]).toEqual([check, "ok"]);
    expect(await readdir(fleet)).toEqual(before);
    const { stdout } = await inProcess({ doctor }, folder.path, ["doctor"]);
    expect(stdout).toMatch(/^CHECK +STATE +FOUND +TO DO$/m);
  });
  test("no fleet yet: said, and no failure; nothing is made", async () => {
    const { exitCode, findings } = await examine();
    expect(exitCode).toBe(0);
    expect(findings).toContainEqual(expect.objectContaining({ check: "folder", state: "warn" }));
    expect(await readdir(folder.path)).toEqual([]);
  });
  test.each([
    ["folder", () => chmod(fleet, 0o755)],
    ["tokens", () => chmod(join(fleet, "tokens/admin"), 0o644)],
    ["keys", () => chmod(join(fleet, "keys/hold.pem"), 0o644)],
    ["log", () => spoilRecord()],
    ["log", () => truncate(join(fleet, "log/data.mdb"), 12_000)],
    ["log", () => rm(join(fleet, "log"), { recursive: true })],
    ["log", () => truncate(join(fleet, "log/data.mdb"), 0)],
  ])("%s that is not as it has to be fails", async (check, spoil) => {
    await found();
    await spoil();
    const { exitCode, state } = await examine();
    expect(exitCode).toBe(1);
    expect(Object.keys(state).filter((name) => state[name] === "fail")).toEqual([check]);
  });
  test("a folder that cannot be looked at is not taken for none", async () => {
    await symlink(fleet, fleet); // leads nowhere, for ever
    const { exitCode, findings } = await examine();
    expect(exitCode).toBe(1);
    expect(findings).toContainEqual(
      expect.objectContaining({
        check: "folder",
        state: "fail",
        found: `${fleet} cannot be read: ELOOP; check the disk`,
      }),
    );
  });
  test("keys of another fleet fail", async () => {
    await found();
    const other = join(folder.path, "other");
    await found("other", other);
    await copyFile(join(other, "keys/hold.pem"), join(fleet, "keys/hold.pem"));
    expect((await examine()).findings).toContainEqual(
      expect.objectContaining({ check: "keys", state: "fail", found: expect.stringContaining("hold key") }),
    );
  });
  test.each(["token.secret", "audit.pem"])("a worker without %s fails", async (name) => {
    await found();
    await found("harbour", fleet, { worker: "worker-1", open: async (copy) => copy });
    expect((await examine()).state["keys"]).toBe("ok");
    await rm(join(fleet, "keys", name));
    expect((await examine()).findings).toContainEqual(
      expect.objectContaining({ check: "keys", state: "fail", found: expect.stringContaining(name) }),
    );
  });
  test("a port that another program has fails", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const { exitCode, state } = await examine({ DAYMARK_API_PORT: String(port) });
    expect([exitCode, state[`api-port ${port}`]]).toEqual([1, "fail"]);
    const mqtt = { DAYMARK_MQTT_PORT: String(port) };
    expect((await examine(mqtt)).state[`mqtt-port ${port}`]).toBe("fail");
    expect((await examine(mqtt, "--of", "gateway")).state[`mqtt-port ${port}`]).toBe("warn"); // it may be that gateway
    const worker = await examine({ ...mqtt, DAYMARK_NATS: "127.0.0.1:1" });
    expect(worker.state[`mqtt-port ${port}`]).toBeUndefined(); // opens none
    other.close();
  });
  test("a port that the server of the folder has is its own, and others are not", async () => {
    const entropy = (size: number) => new Uint8Array(randomBytes(size));
    const opened = await openFleet({ folder: fleet, clock: systemClock, crypto: nodeCrypto, entropy });
    const api = await serveApi(opened, { port: 0 });
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const [own, { port }] = [new URL(api.url).port, other.address() as AddressInfo];
    expect((await examine({ DAYMARK_API_PORT: own })).state[`api-port ${own}`]).toBe("ok");
    expect((await examine({ DAYMARK_API_PORT: String(port) })).state[`api-port ${port}`]).toBe("fail");
    const health = await examine({ DAYMARK_HEALTH_PORT: String(port) }); // nobody says whose that is
    expect(health.state[`health-port ${port}`]).toBe("ok");
    other.close();
    await api.close();
    await opened.close();
  });

  /** Another byte in the first record, as a disk that forgets would leave it. */
  async function spoilRecord(): Promise<void> {
    const root = open(join(fleet, "log"), { noSubdir: false, maxDbs: 2, encoding: "string" });
    const records = root.openDB<string, number>({
      name: "records",
      encoding: "string",
      keyEncoding: "uint32",
    });
    await records.put(1, (records.get(1) ?? "").replace("fleet-created", "fleet-Created"));
    await root.close();
  }

  describe("with NATS", () => {
    let nats: NatsServer;
    beforeAll(async () => {
      nats = await NatsServer.start();
      const connection = await connectNats({ servers: [nats.url], name: "test" });
      const manager = await connection.jetstreamManager();
      await manager.streams.add({ ...streamSettings("daymark-log", 1), deny_delete: false });
      await connection.close();
    });
    afterAll(() => nats.remove());

    test("the settings of the stream are judged", async () => {
      const { findings } = await examine({ DAYMARK_NATS: nats.url });
      const stream = findings.find(({ check }) => check === "stream");
      expect(stream).toMatchObject({ state: "fail", found: expect.stringContaining("deny_delete is off") });
      const accepted = await examine({ DAYMARK_NATS: nats.url, DAYMARK_ACCEPT_LOG_LOSS: "true" });
      expect(accepted.state).toMatchObject({ nats: "ok", stream: "warn" });
      const gateway = await examine({ DAYMARK_NATS: nats.url }, "--of", "gateway");
      expect(Object.keys(gateway.state)).toEqual(["settings", "files", "nats"]);
    });
    test("servers that cannot be reached fail", async () => {
      const { exitCode, state } = await examine({ DAYMARK_NATS: "127.0.0.1:1" });
      expect([exitCode, state["nats"]]).toEqual([1, "fail"]);
    });
  });
});
