/** `daymark audit`: the evidence leaves a real server, and is judged where nothing is known but the public key. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadAuditKey } from "../../fleet/adapters/audit-key.js";
import { auditRoutes } from "../../fleet/api/audit.js";
import { createApi } from "../../fleet/api/app.js";
import { type HttpServer, serveHttp } from "../../fleet/api/serve.js";
import { originOf } from "../../fleet/audit/checkpoint.js";
import { CHECKPOINT_MS, CheckpointKeeper } from "../../fleet/audit/checkpoints.js";
import { noteKeyText, type NoteSigner } from "../../fleet/audit/note.js";
import { auditCommands } from "../../fleet/cli/commands/audit.js";
import { type Fleet, openFleet } from "../../fleet/main.js";
import { JumpClock } from "../../protocol/adapters/jump-clock.js";
import { nodeCrypto as crypto, privateKeyFromPem } from "../../protocol/adapters/node-crypto.js";
import { systemClock } from "../../protocol/adapters/system-clock.js";
import { toHex } from "../../protocol/bytes.js";
import { testSigner } from "../x509/helpers.js";
import { inProcess, noun } from "./in-process.js";
import { confirm, entropy, importDevices, temporaryFolder } from "./served-fleet.js";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let fleet: Fleet;
let keeper: CheckpointKeeper;
let signer: NoteSigner;
let http: HttpServer;
const clock = new JumpClock();
let recorded: Promise<unknown> = Promise.resolve();

beforeAll(async () => {
  folder = await temporaryFolder();
  fleet = await openFleet({ folder: path("fleet"), name: "harbour", clock: systemClock, crypto, entropy });
  const { service } = fleet;
  keeper = await CheckpointKeeper.of(service.options.log, crypto);
  const key = await loadAuditKey(path("fleet/keys"), crypto, entropy, keeper.newest !== undefined);
  signer = { name: originOf(service.trust.fleetId), key };
  keeper.start({
    signer,
    clock,
    record: (factFrom) => (recorded = service.record("fleet", factFrom)),
    report: (error) => {
      throw error;
    },
  });
  const api = createApi(service, fleet.tokens);
  api.route("/v1/audit", auditRoutes(service, { signer, keeper }));
  http = await serveHttp(api, "127.0.0.1", 0);
  await importDevices(service, 1, 5);
  await service.act(
    { kind: "hold", numbers: [2], level: "isolate", reason: "reported\u2028stolen" },
    "admin",
  );
  await confirm(service, 2, 1);
});
afterAll(async () => {
  await http.close();
  keeper.close();
  await fleet.close();
  await folder.remove();
});

const path = (name: string) => join(folder.path, name);
const offline = (...args: readonly string[]) =>
  inProcess({ audit: noun(auditCommands) }, path("none"), ["audit", ...args]);
const daymark = (...args: readonly string[]) =>
  offline(...args, "--server", http.url, "--token-file", path("fleet/tokens/admin"));
const keyText = () => noteKeyText({ name: signer.name, publicKey: signer.key.publicKey }, crypto);
const verify = (file: string, ...more: readonly string[]) =>
  offline("verify", path(file), "--key", keyText(), ...more);

/** @returns its content. */
async function exported(file: string): Promise<string> {
  expect(await daymark("export", "--out", path(file))).toMatchObject({ exitCode: 0 });
  return readFile(path(file), "utf8");
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

test("an export is evidence for who has the key alone, and says what it covers", async () => {
  expect(await daymark("key")).toMatchObject({ exitCode: 0, stdout: `${keyText()}\n` });
  const lines = (await exported("a.audit")).trimEnd().split("\n");
  expect((await stat(path("a.audit"))).mode & 0o777).toBe(0o600);
  const { exitCode, stdout, stderr } = await verify("a.audit");
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(new RegExp(`^records +${lines.length - 2}$`, "m"));
  expect(stdout).toMatch(/^from +20.*Z$/m);
  const verdict = JSON.parse((await verify("a.audit", "-j")).stdout);
  const times = { firstAt: expect.stringMatching(RFC3339), lastAt: expect.stringMatching(RFC3339) };
  expect(verdict).toMatchObject(times);
  const { stdout: again } = await daymark("export", "--out", path("a2.audit"), "-j");
  expect(JSON.parse(again)).toMatchObject({ ...times, firstAt: verdict.firstAt });
  expect(JSON.parse(lines.at(-1)!).checkpoint).toContain(`\n${verdict.records}\n${verdict.root}\n`);
});

test("what was changed is named: exit 7, with what to do", async () => {
  const text = await exported("b.audit");
  const at = 1 + text.split("\n").findIndex((line) => line.includes("stolen"));
  await writeFile(path("b.audit"), text.replace("stolen", "broken"));
  const result = await verify("b.audit", "-j");
  expect(result).toMatchObject({
    exitCode: 7,
    stderr: expect.stringContaining(`record ${at - 1} is not as it was`),
  });
  expect(result.stderr).toContain("ask for another export");
  expect(JSON.parse(result.stdout).finding).toMatchObject({ kind: "changed", position: at - 1 });
  expect(await verify("b.audit")).toMatchObject({ exitCode: 7, stdout: "" });
});

test("a file takes the place of a file alone, and of no other beside it", async () => {
  await writeFile(path("a.audit.new"), "mine");
  await symlink(path("elsewhere"), path("link"));
  for (const name of ["link", "."]) {
    const refused = await daymark("export", "--out", path(name));
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("is no file") });
  }
  await exported("a.audit");
  await exported("a.audit");
  expect(await readFile(path("a.audit.new"), "utf8")).toBe("mine");
  expect(await readlink(path("link"))).toBe(path("elsewhere"));
  expect((await readdir(folder.path)).filter((name) => name.startsWith("."))).toEqual([]);
  const nowhere = await daymark("export", "--out", path("none/a.audit"));
  expect(nowhere).toMatchObject({ exitCode: 1 });
  expect(nowhere.stderr).toBe(`daymark: ${path("none/a.audit")}: no such file or folder (ENOENT)\n`);
});

test("a checkpoint that was kept binds every later export", async () => {
  expect(await daymark("checkpoint")).toMatchObject({ exitCode: 3, stdout: "" });
  clock.advance(CHECKPOINT_MS);
  await recorded;
  await exported("before.audit");
  const { exitCode, stdout } = await daymark("checkpoint");
  expect([exitCode, stdout]).toEqual([0, keeper.newest]);
  await writeFile(path("kept"), stdout);
  await importDevices(fleet.service, 6, 6);
  await exported("after.audit");
  expect(await verify("after.audit", "--checkpoint", path("kept"))).toMatchObject({ exitCode: 0 });
  await writeFile(path("kept"), stdout.replace(/^\d+$/m, "1"));
  expect(await verify("after.audit", "--checkpoint", path("kept"))).toMatchObject({
    exitCode: 7,
    stderr: expect.stringContaining("the checkpoint that was kept"),
  });
});

test("command lines that make no sense, and keys of others", async () => {
  await exported("c.audit");
  const other = noteKeyText(
    { name: signer.name, publicKey: testSigner("Ed25519", "other").publicKey },
    crypto,
  );
  const cases: [exitCode: number, args: readonly string[]][] = [
    [7, ["verify", path("c.audit"), "--key", other]],
    [0, ["verify", path("c.audit"), "--key", other, "--key", keyText()]],
    [2, ["verify", path("c.audit")]],
    [2, ["verify", path("c.audit"), "--key", keyText().slice(0, -2)]],
    [2, ["list", "--since", "yesterday"]],
    [3, ["verify", path("nothing"), "--key", keyText()]],
    [3, ["verify", path("c.audit"), "--key", keyText(), "--checkpoint", path("nothing")]],
    [7, ["verify", path("fleet/tokens/admin"), "--key", keyText()]],
  ];
  for (const [exitCode, args] of cases) {
    const result = await offline(...args);
    expect({ args, exitCode: result.exitCode }).toEqual({ args, exitCode });
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(result.stderr === "").toBe(exitCode === 0);
  }
});

describe("the list", () => {
  const rows = async (...args: readonly string[]) =>
    JSON.parse((await daymark("list", ...args, "-j")).stdout).events as { position: number; type: string }[];

  test("shows what happened to one device, by whom, of which kind, and when", async () => {
    const { exitCode, stdout } = await daymark("list", "--device", "2");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^POSITION +AT +KIND +ACTOR +ABOUT$/m);
    expect(stdout).toMatch(
      /^\d+ +\S+Z +directive-issued +\S+ +device 2 +isolate +request \w+ +\(reported\sstolen\)$/m,
    );
    expect(new Set((await rows("--type", "device-imported")).map(({ type }) => type))).toEqual(
      new Set(["device-imported"]),
    );
    expect(await rows("--actor", "admin")).toMatchObject([{ type: "act-requested" }]);
    expect(await rows("--until", "2020-01-01")).toEqual([]);
    expect(await rows("--since", "2020-01-01T00:00:00Z", "--limit", "1000")).toEqual(
      await rows("--limit", "1000"),
    );
  });

  test("ends at its limit, between two decisions, and says how to go on", async () => {
    const all = await rows("--limit", "1000");
    const first = await daymark("list", "--limit", "3");
    const after = /--after (\d+)/.exec(first.stderr)![1]!;
    const positions = [...(await rows("--limit", "3")), ...(await rows("--after", after, "--limit", "1000"))];
    expect(positions).toEqual(all);
  });
});

test("P8: no export holds a secret of the server, in any spelling", async () => {
  const text = await exported("d.audit");
  const encoded = text.match(/[\w+/-]{16,}/g) ?? [];
  const decoded = Buffer.concat(
    encoded.flatMap((word) => [Buffer.from(word, "base64"), Buffer.from(word, "hex")]),
  );
  const isIn = (bytes: Uint8Array) =>
    decoded.includes(Buffer.from(bytes)) ||
    text.includes(toHex(bytes)) ||
    text.includes(Buffer.from(bytes).toString("base64url"));
  const secrets: Uint8Array[] = [];
  for (const name of await readdir(path("fleet/keys"))) {
    const content = await readFile(path(`fleet/keys/${name}`), "utf8");
    secrets.push(
      name.endsWith(".pem") ? privateKeyFromPem(content).secret : Buffer.from(content.trim(), "hex"),
    );
  }
  for (const name of await readdir(path("fleet/tokens"))) {
    const token = (await readFile(path(`fleet/tokens/${name}`), "utf8")).trim();
    expect(text).not.toContain(token);
    secrets.push(Buffer.from(token, "base64url"));
  }
  expect(secrets.length).toBeGreaterThan(12);
  expect(secrets.filter(isIn)).toEqual([]);
  expect(isIn(fleet.service.keys.hold.publicKey.bytes)).toBe(true); // what is there is seen
});

test("an export that breaks off leaves no file", async () => {
  const whole = await exported("e.audit");
  const server = createServer((request, response) => {
    if (request.url === "/v1/audit/key") response.end(JSON.stringify({ key: keyText() }));
    else response.end(whole.slice(0, whole.lastIndexOf("\n", whole.length - 2) + 1));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const token = path("fleet/tokens/admin");
  const result = await offline("export", "--out", path("f.audit"), "--server", url, "--token-file", token);
  expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("did not arrive whole") });
  expect((await readdir(folder.path)).filter((name) => name.includes("f.audit"))).toEqual([]);
  server.close();
});

test("each verb shows an example", async () => {
  for (const verb of Object.keys(auditCommands)) {
    const { exitCode, stdout } = await offline(verb, "--help");
    expect([verb, exitCode]).toEqual([verb, 0]);
    expect(stdout).toContain(`Example: daymark audit ${verb}`);
  }
});
